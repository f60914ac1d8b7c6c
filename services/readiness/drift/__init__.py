"""Drift: whether what a model is asked, and what comes of it, is still what it learned from.

``measures.py`` holds the statistics and the lines that chance passes, ``profile.py`` what is known of the
training data, ``windows.py`` the windows of requests, ``watch.py`` the thread that keeps them beside a
serving process, and ``labelled.py`` what reviewers' labels say. Training writes the profile
(``reference_making/drift.py``).
"""
