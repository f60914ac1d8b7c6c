"""Losing an environment and getting it back: records, backups, rebuilds, drills."""
