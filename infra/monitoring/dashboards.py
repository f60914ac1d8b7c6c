"""The dashboards: what somebody on call, a model's owner, an auditor and whoever pays want to see. Pure.

``./plinth docs`` writes them as JSON beside this file, and Grafana loads those.
``./plinth dashboards render`` asks a real Prometheus every query and draws what it says.
"""

import json
from collections.abc import Sequence

from infra.monitoring.estate_boards import AUDIT, COST, GPU
from infra.monitoring.panels import Dashboard, document
from infra.monitoring.service_board import service
from services.readiness.contract import Contract


def dashboards(contracts: Sequence[Contract]) -> tuple[Dashboard, ...]:
    """Return all dashboards.

    Args:
        contracts: Of every service.
    """
    return (service(contracts), GPU, COST, AUDIT)


def files(contracts: Sequence[Contract]) -> dict[str, str]:
    """Return the dashboards as JSON, by file name.

    Args:
        contracts: Of every service.
    """
    return {f"{one.uid}.json": json.dumps(document(one), indent=2) + "\n" for one in dashboards(contracts)}
