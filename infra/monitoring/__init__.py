"""Watching an environment: thresholds, rules as data, runbooks, dashboards, and what reads them.

All of it is pure. ``thresholds.py`` holds every number; ``service_rules.py``, ``trust_rules.py``,
``estate_rules.py`` and ``gpu_rules.py`` say what is wrong and when; ``rules.py`` puts them together for a
stack and refuses what cannot work; ``rule_tests.py`` makes the promtool tests; ``scraping.py`` and
``routing.py`` make the configuration of Prometheus and Alertmanager; ``runbooks/`` says what a person does;
``dashboards.py`` says what Grafana shows.
"""
