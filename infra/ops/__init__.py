"""The operator's commands: everything behind ``./plinth``."""
