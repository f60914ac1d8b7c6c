"""Releases good and bad under constant load, on a platform of their own: what users saw of each.

``stage.py`` places the program's own objects of one service on a bare platform, ``candidates.py`` makes
versions that are bad in one way each, ``asking.py`` asks and compares each answer, ``run.py`` releases and
counts.
"""
