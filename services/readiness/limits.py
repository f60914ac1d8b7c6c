"""Limits of a serving process that alerts are measured against as well; light to import."""

MOST_IN_PROGRESS = 1500
"""Requests in progress before new ones are answered "overloaded". At 1,000 a second the last one waits a
second and a half, well below the gateway's ten."""
