"""How Grafana finds its data and its dashboards: files that it reads when it starts. Pure."""

from pathlib import Path

import yaml

FOLDER = "/etc/grafana/dashboards"
"""Where dashboards are mounted."""
DASHBOARDS = Path(__file__).parent / "dashboards"
ENVIRONMENT = {
    # Who may reach its port at all is decided by the cluster; inside, everybody sees and nobody changes.
    "GF_AUTH_ANONYMOUS_ENABLED": "true",
    "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
    "GF_AUTH_DISABLE_LOGIN_FORM": "true",
    "GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION": "true",
    "GF_ANALYTICS_REPORTING_ENABLED": "false",
    "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
    "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
    "GF_PLUGINS_PREINSTALL_DISABLED": "true",
    "GF_SNAPSHOTS_EXTERNAL_ENABLED": "false",
}
"""Settings by environment variable."""


def provisioning(prometheus_url: str) -> dict[str, dict[str, str]]:
    """Return the provisioning files by kind.

    Args:
        prometheus_url: Where Prometheus answers.
    """
    source = {
        "apiVersion": 1,
        "datasources": [
            {
                "name": "Prometheus",
                "uid": "prometheus",
                "type": "prometheus",
                "access": "proxy",
                "url": prometheus_url,
                "isDefault": True,
                "editable": False,
            }
        ],
    }
    provider = {
        "apiVersion": 1,
        "providers": [
            {"name": "plinth", "type": "file", "allowUiUpdates": False, "options": {"path": FOLDER}}
        ],
    }
    return {
        "datasources": {"prometheus.yml": yaml.safe_dump(source, sort_keys=False)},
        "dashboards": {"plinth.yml": yaml.safe_dump(provider, sort_keys=False)},
    }


def dashboards() -> dict[str, str]:
    """Return the dashboards by file name."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(DASHBOARDS.glob("*.json"))}
