"""Preview diffs: what the engine says about a change, as a report that a reviewer can act on. Pure."""
