"""Pieces of PromQL that several dashboards use. Pure."""

from infra.monitoring.panels import RATE

OWN = '{service=~"$service"}'
"""Selects the services that the reader chose."""


def rate(metric: str, by: str, selector: str = OWN) -> str:
    """Return the rate of a counter by labels, over Grafana's own window."""
    return f"sum by ({by}) (rate({metric}{selector}[{RATE}]))"


def share(part: str, whole: str) -> str:
    """Return a share; a share of nothing is nought, not unknown."""
    return f"({part} or 0 * {whole}) / {whole}"
