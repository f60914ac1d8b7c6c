"""Reads a handwritten digit from a small image."""
