"""Every metric that something exports, and what exports it: rules and dashboards may read these only. Pure.

Metrics of the services are asked of the library that makes them; of programs that are not ours, the few that
are read stand here, and a test compares them with a real scrape where there is one.
"""

from prometheus_client import Counter, Gauge, Histogram

from services.readiness import metrics

OPERATIONS = (
    "plinth_audit_recording",
    "plinth_audit_silence_seconds",
    "plinth_backup_age_seconds",
    "plinth_certificate_expires_timestamp_seconds",
    "plinth_contract_expires_timestamp_seconds",
    "plinth_contract_valid",
    "plinth_cost_spent_share",
    "plinth_fairness_limit",
    "plinth_fairness_ratio",
    "plinth_month_elapsed_share",
    "plinth_operations_read_ok",
    "plinth_operations_read_timestamp_seconds",
    "plinth_review_oldest_seconds",
    "plinth_review_waiting_cases",
    "plinth_service_pods_ready",
    "plinth_service_pods_updated",
    "plinth_service_pods_wanted",
    "plinth_shadow_disagreement_share",
    "plinth_shadow_failed_share",
    "plinth_retraining_look_ok",
    "plinth_retraining_look_timestamp_seconds",
    "plinth_shadow_pairs",
    "plinth_shadow_score_distance",
    "plinth_shadow_slow_share",
)
"""Told by the operations exporter."""

DCGM = (
    "DCGM_FI_DEV_FB_FREE",
    "DCGM_FI_DEV_FB_USED",
    "DCGM_FI_DEV_GPU_TEMP",
    "DCGM_FI_DEV_GPU_UTIL",
    "DCGM_FI_DEV_POWER_USAGE",
    "DCGM_FI_DEV_SM_CLOCK",
    "DCGM_FI_DEV_XID_ERRORS",
)
"""In the default counters of NVIDIA's DCGM exporter 4."""

KUBE_STATE = (
    "kube_node_status_condition",
    "kube_pod_container_status_restarts_total",
    "kube_pod_status_phase",
)
"""Told by kube-state-metrics."""

NODES = (
    "node_filesystem_avail_bytes",
    "node_filesystem_size_bytes",
    "node_memory_MemAvailable_bytes",
    "node_memory_MemTotal_bytes",
)
"""Told by the node exporter."""

WATCHERS = (
    "ALERTS",
    "alertmanager_notifications_failed_total",
    "prometheus_remote_storage_highest_timestamp_in_seconds",
    "prometheus_remote_storage_queue_highest_sent_timestamp_seconds",
    "prometheus_rule_evaluation_failures_total",
    "up",
)
"""Told by Prometheus and Alertmanager; a remote store's only where there is one."""


def services() -> set[str]:
    """Return the names under which a service's own metrics are scraped."""
    found: set[str] = set()
    for one in vars(metrics).values():
        if isinstance(one, Counter):
            found.add(f"{one._name}_total")  # noqa: SLF001 - prometheus_client tells the name nowhere else
        elif isinstance(one, Histogram):
            found |= {f"{one._name}_{part}" for part in ("bucket", "sum", "count")}  # noqa: SLF001 - the same
        elif isinstance(one, Gauge):
            found.add(one._name)  # noqa: SLF001 - the same
    return found


def known() -> dict[str, str]:
    """Return every metric to what exports it."""
    return {
        **dict.fromkeys(OPERATIONS, "operations exporter"),
        **dict.fromkeys(DCGM, "DCGM exporter"),
        **dict.fromkeys(KUBE_STATE, "kube-state-metrics"),
        **dict.fromkeys(NODES, "node exporter"),
        **dict.fromkeys(WATCHERS, "Prometheus and Alertmanager"),
        **dict.fromkeys(sorted(services()), "services"),
    }
