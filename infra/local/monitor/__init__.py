"""Real Prometheus and Alertmanager on a laptop, configured by what the program put into the cluster.

``loop.py`` takes the ConfigMaps of the namespace ``monitoring`` as they are, ``translate.py`` changes the
addresses of targets and nothing else, ``hurry.py`` makes times shorter while a drill is on. Pods of simulated
nodes have no process, so they are asked at a page that says so; what they would tell is missing here.
"""

NAMESPACE = "monitoring"
"""Namespace of the program's ConfigMaps."""
PROMETHEUS_FILE, RULES_FILE, ALERTMANAGER_FILE = "prometheus.yml", "rules.yml", "alertmanager.yml"
DRILL_FILE, FED_FILE = "drill.json", "fed.prom"
"""What a drill leaves for the loop: how much shorter times are, and metrics that are fed."""
