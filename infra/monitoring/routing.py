"""The configuration of Alertmanager: who is told of what, and how often. Pure."""

from dataclasses import dataclass
from typing import Any

import yaml

CONFIG_FILE = "alertmanager.yml"
GROUP_WAIT_SECONDS = 30
"""Alerts of one fault come within a scrape or two of each other, and are told together."""
GROUP_SECONDS = 300
PAGE_AGAIN_HOURS, TICKET_AGAIN_HOURS = 4, 24
"""A page is repeated while a shift lasts, a ticket on the next day."""
WATCHDOG_MINUTES = 30
"""How often the Watchdog is told; a CloudWatch alarm misses it after two hours."""


@dataclass(frozen=True, kw_only=True)
class Routing:
    """What the configuration hangs on.

    Args:
        environment: Stands in the subject of messages.
        region: Region of the topics.
        topic_arn: Topic that people read.
        watchdog_arn: Topic of the Watchdog, which nobody reads and an alarm counts.
    """

    environment: str
    region: str
    topic_arn: str
    watchdog_arn: str


def document(wanted: Routing) -> dict[str, Any]:
    """Return the configuration as data."""
    return {
        "global": {"resolve_timeout": "5m"},
        "route": {
            "receiver": "people",
            "group_by": ["alertname", "service", "rule"],
            "group_wait": f"{GROUP_WAIT_SECONDS}s",
            "group_interval": f"{GROUP_SECONDS}s",
            "repeat_interval": f"{TICKET_AGAIN_HOURS}h",
            "routes": [
                {
                    "matchers": ['alertname = "Watchdog"'],
                    "receiver": "watchdog",
                    "group_wait": "0s",
                    "group_interval": f"{WATCHDOG_MINUTES}m",
                    "repeat_interval": f"{WATCHDOG_MINUTES}m",
                },
                {"matchers": ['severity = "page"'], "repeat_interval": f"{PAGE_AGAIN_HOURS}h"},
            ],
        },
        "inhibit_rules": [
            # A service that is down is slow, short of pods and stuck as well; one message is enough.
            {
                "source_matchers": ['alertname = "ServiceDown"'],
                "target_matchers": ['alertname =~ "Service(ReplicasMissing|RolloutStuck|LatencyBudgetBurn)"'],
                "equal": ["service"],
            },
            # Of one budget that burns, the fastest rate says it all.
            {
                "source_matchers": ['alertname = "ServiceErrorBudgetBurnFast"'],
                "target_matchers": ['alertname =~ "ServiceErrorBudgetBurn(Slow|Creeping)"'],
                "equal": ["service"],
            },
        ],
        "receivers": [
            _sns("people", wanted, wanted.topic_arn),
            _sns("watchdog", wanted, wanted.watchdog_arn),
        ],
    }


def rendered(wanted: Routing) -> str:
    """Return the configuration as text."""
    return yaml.safe_dump(document(wanted), sort_keys=False, width=110)


def _sns(name: str, wanted: Routing, topic: str) -> dict[str, Any]:
    return {
        "name": name,
        "sns_configs": [
            {
                "topic_arn": topic,
                "sigv4": {"region": wanted.region},
                "send_resolved": True,
                "subject": f"[{wanted.environment}] {{{{ .Status }}}}: {{{{ .CommonLabels.alertname }}}}",
                "message": (
                    "{{ range .Alerts }}{{ .Status }}: {{ .Annotations.summary }}\n"
                    "{{ .Annotations.description }}\n"
                    "What to do: {{ .Annotations.command }}\n\n{{ end }}"
                ),
            }
        ],
    }
