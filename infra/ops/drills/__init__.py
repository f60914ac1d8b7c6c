"""Drills on the local platform: something is broken under load, and what users saw is counted."""
