"""The drill of alerts: each cause brought about, each alert waited for, healed, and seen to resolve.

``feeding.py`` turns the proofs of rules into metrics that move, ``causes.py`` breaks what runs on this
machine, ``run.py`` goes through the alerts one by one. While it is on, times in rules are shorter.
"""
