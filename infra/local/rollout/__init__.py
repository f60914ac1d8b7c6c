"""The real Flagger on a laptop, which finds Prometheus and the gates where a cluster's names would lead it.

``parts.py`` starts it, ``names.py`` stands for the cluster's DNS: the addresses in the program's objects are
those of Services, and no process of a laptop can resolve them.
"""
