"""The dashboards of GPU pools, of cost, and of what auditors look at. Pure."""

from infra.monitoring.panels import Dashboard, Panel, Query, Unit
from infra.monitoring.promql import rate

NO_GPU = "the local platform offers simulated GPUs, which have no driver that could tell"
NO_CLOUD = "the emulated AWS API makes no backups, delivers no trail and bills nothing"
NO_LABELS = "needs settled reviews"

_IDLE = "max_over_time(DCGM_FI_DEV_GPU_UTIL[15m])"


def _gpu(title: str, tells: str, unit: Unit, expr: str, *, border: float | None = None) -> Panel:
    legend = "{{pod}}" if "pod" in expr else "{{Hostname}} {{gpu}}"
    queries = (Query(expr=expr, legend=legend),)
    return Panel(title=title, tells=tells, unit=unit, border=border, elsewhere=NO_GPU, queries=queries)


GPU = Dashboard(
    uid="gpu-pool",
    title="GPU pool",
    tells="For whoever runs the pools: are the GPUs well, are they used, does anything wait for one.",
    panels=(
        _gpu(
            "Use",
            "Compute in use; below 5 % for half an hour a GPU is paid for nothing.",
            "percent",
            "DCGM_FI_DEV_GPU_UTIL",
        ),
        _gpu(
            "Memory",
            "Share of memory in use; from 95 % the next allocation may fail.",
            "percentunit",
            "DCGM_FI_DEV_FB_USED / (DCGM_FI_DEV_FB_USED + DCGM_FI_DEV_FB_FREE)",
            border=0.95,
        ),
        _gpu(
            "Temperature",
            "From 85 degrees Celsius data-centre cards slow themselves down.",
            "celsius",
            "DCGM_FI_DEV_GPU_TEMP",
            border=85.0,
        ),
        _gpu(
            "Power",
            "What the cards draw; far below their limit under load points to throttling.",
            "watt",
            "DCGM_FI_DEV_POWER_USAGE",
        ),
        _gpu(
            "XID errors",
            "Last error that the driver reported; 0 is none.",
            "short",
            "DCGM_FI_DEV_XID_ERRORS",
        ),
        _gpu(
            "Pods that wait for a GPU",
            "The pool is full, its quota is spent, or AWS has none of this type.",
            "short",
            'sum by (pod) (kube_pod_status_phase{namespace="gpu",phase="Pending"})',
        ),
    ),
)

COST = Dashboard(
    uid="cost",
    title="Cost",
    tells="For whoever pays: is the month's budget kept, and what is paid for and does nothing.",
    panels=(
        Panel(
            title="Budget",
            tells="Spent share of the month's budget beside the elapsed share of the month.",
            unit="percentunit",
            border=1.0,
            elsewhere=NO_CLOUD,
            queries=(
                Query(expr="plinth_cost_spent_share", legend="spent {{stack}}"),
                Query(expr="plinth_month_elapsed_share", legend="month elapsed"),
            ),
        ),
        Panel(
            title="Pace",
            tells="Spent share over elapsed share; above 1.2 the budget does not last (alert CostBurn).",
            unit="short",
            border=1.2,
            elsewhere=NO_CLOUD,
            queries=(Query(expr="plinth_cost_spent_share / plinth_month_elapsed_share", legend="{{stack}}"),),
        ),
        Panel(
            title="Answers",
            tells="Answers that somebody got; divide the bill by them.",
            unit="reqps",
            queries=(Query(expr=rate("plinth_answers_total", "service", ""), legend="{{service}}"),),
        ),
        Panel(
            title="Price of watching for drift",
            tells="CPU that the drift watch takes, in cores.",
            unit="short",
            queries=(
                Query(expr=rate("plinth_drift_cpu_seconds_total", "service", ""), legend="{{service}}"),
            ),
        ),
        Panel(
            title="GPUs that do nothing",
            tells="Cards below 5 % of compute: each is paid for by the hour.",
            unit="short",
            elsewhere=NO_GPU,
            queries=(
                Query(
                    expr=f"count({_IDLE} < 5) or 0 * count({_IDLE})",
                    legend="idle",
                ),
            ),
        ),
        Panel(
            title="Pods that are paid for",
            tells="Ready pods of each service.",
            unit="short",
            queries=(Query(expr="plinth_service_pods_ready", legend="{{service}}"),),
        ),
    ),
)

AUDIT = Dashboard(
    uid="audit",
    title="Audit",
    tells="For auditors and owners: do contracts hold, are decisions recorded, do people review.",
    panels=(
        Panel(
            title="Contracts that hold",
            tells="1 while a service's signed contract holds for what it runs.",
            unit="short",
            queries=(Query(expr="plinth_contract_valid", legend="{{service}}"),),
        ),
        Panel(
            title="Days until contracts expire",
            tells="Below 14 days owners have to measure and sign again.",
            unit="short",
            queries=(
                Query(
                    expr="(plinth_contract_expires_timestamp_seconds - time()) / 86400", legend="{{service}}"
                ),
            ),
        ),
        Panel(
            title="Decisions and their records",
            tells="Answers and records of them; the two lines lie on each other.",
            unit="reqps",
            queries=(
                Query(expr=rate("plinth_answers_total", "service", ""), legend="{{service}} answers"),
                Query(
                    expr=rate("plinth_decision_log_seconds_count", "service", ""),
                    legend="{{service}} records",
                ),
            ),
        ),
        Panel(
            title="Records that are not shipped yet",
            tells="Age of the oldest one; at 300 s the service stops deciding.",
            unit="s",
            border=300.0,
            queries=(
                Query(expr="max by (service) (plinth_decision_log_unshipped_seconds)", legend="{{service}}"),
            ),
        ),
        Panel(
            title="Whether the audit trail records",
            tells="1 while it does; 0 is an incident.",
            unit="short",
            queries=(Query(expr="max by (record) (plinth_audit_recording)", legend="{{record}}"),),
        ),
        Panel(
            title="Silence of the audit trail",
            tells="Time since CloudTrail last delivered.",
            unit="s",
            elsewhere=NO_CLOUD,
            queries=(Query(expr="plinth_audit_silence_seconds", legend="{{record}}"),),
        ),
        Panel(
            title="Cases that wait for a person",
            tells="Waiting cases of each service.",
            unit="short",
            queries=(Query(expr="plinth_review_waiting_cases", legend="{{service}}"),),
        ),
        Panel(
            title="Oldest case",
            tells="Age of the oldest waiting case; contracts escalate at 24 h.",
            unit="s",
            border=86_400.0,
            queries=(Query(expr="plinth_review_oldest_seconds", legend="{{service}}"),),
        ),
        Panel(
            title="Age of the latest backup",
            tells="Backups are made each night; above 26 h one is missing.",
            unit="s",
            border=93_600.0,
            elsewhere=NO_CLOUD,
            queries=(Query(expr="plinth_backup_age_seconds", legend="{{vault}}"),),
        ),
        Panel(
            title="Days until certificates expire",
            tells="Below 14 days a renewal has failed.",
            unit="short",
            queries=(
                Query(
                    expr="(plinth_certificate_expires_timestamp_seconds - time()) / 86400",
                    legend="{{certificate}}",
                ),
            ),
        ),
        Panel(
            title="Fairness",
            tells="Worst group's rate over the best group's, beside the contract's limit.",
            unit="short",
            elsewhere=NO_LABELS,
            queries=(
                Query(expr="plinth_fairness_ratio", legend="{{service}} {{attribute}}"),
                Query(expr="plinth_fairness_limit", legend="{{service}} {{attribute}} limit"),
            ),
        ),
        Panel(
            title="Reviews asked",
            tells="Decisions for which a person was asked, by why.",
            unit="reqps",
            queries=(
                Query(
                    expr=rate("plinth_reviews_asked_total", "service, reason", ""),
                    legend="{{service}} {{reason}}",
                ),
            ),
        ),
    ),
)
