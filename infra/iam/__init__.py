"""Permissions as typed data: statements, documents and the policies that are built from them."""
