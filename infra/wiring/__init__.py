"""The layers of an environment that are long lists of the same thing; ``program.py`` joins them."""
