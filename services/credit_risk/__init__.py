"""A credit decision on the Statlog German credit data."""
