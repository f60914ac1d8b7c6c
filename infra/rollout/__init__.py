"""Releases: how a new version of a service comes into service by evidence, or goes again.

``checks.py`` says what a candidate must hold (from the contract), ``objects.py`` makes of it what Flagger
reads, ``comparison.py`` compares shadow answers. All of it is pure; Flagger decides.
"""
