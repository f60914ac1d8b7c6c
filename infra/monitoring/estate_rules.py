"""Governance, the cluster, and the watching itself, as rules. Pure."""

from infra.monitoring.model import Alert, Group, Proof
from infra.monitoring.thresholds import THRESHOLDS, number, seconds

DAY = 86400
NO_CLUSTER = "the local platform has no kubelet whose nodes and pods kube-state-metrics could count"


def governance() -> Group:
    """Return what must stay true about an environment, told by the operations exporter."""
    silence = seconds("audit_silence_hours")
    old = seconds("backup_age_hours")
    cost = '{stack="s"}'
    return Group(
        name="governance",
        alerts=(
            Alert(
                name="ContractInvalid",
                expr="max by (service) (plinth_contract_valid) == 0",
                for_seconds=60,
                severity="page",
                summary="the readiness contract of {{ $labels.service }} does not hold",
                description="It is unsigned, altered, expired, or its evidence is: the service may not be promoted.",
                proof=Proof(
                    firing={'plinth_contract_valid{service="s"}': "0x20"},
                    silent={'plinth_contract_valid{service="s"}': "1x20"},
                    at=300,
                ),
            ),
            Alert(
                name="ContractExpiring",
                expr=(
                    "(max by (service) (plinth_contract_expires_timestamp_seconds) - time()) / 86400 "
                    f"< {number('contract_expiry_days')}"
                ),
                for_seconds=300,
                severity="ticket",
                summary="the contract of {{ $labels.service }} ends in {{ $value | humanize }} days",
                description="After that no release of the service is accepted.",
                proof=Proof(
                    firing={'plinth_contract_expires_timestamp_seconds{service="s"}': f"{DAY}x40"},
                    silent={'plinth_contract_expires_timestamp_seconds{service="s"}': f"{DAY * 60}x40"},
                    at=600,
                ),
            ),
            Alert(
                name="CertificateExpiring",
                expr=(
                    "(max by (certificate) (plinth_certificate_expires_timestamp_seconds) - time()) / 86400 "
                    f"< {number('certificate_expiry_days')}"
                ),
                for_seconds=300,
                severity="ticket",
                summary="the certificate {{ $labels.certificate }} ends in {{ $value | humanize }} days",
                description="After that no client that checks it can connect.",
                proof=Proof(
                    firing={'plinth_certificate_expires_timestamp_seconds{certificate="c"}': f"{DAY}x40"},
                    silent={
                        'plinth_certificate_expires_timestamp_seconds{certificate="c"}': f"{DAY * 60}x40"
                    },
                    at=600,
                ),
            ),
            Alert(
                name="BackupTooOld",
                expr=f"max by (vault) (plinth_backup_age_seconds) > {old}",
                for_seconds=300,
                severity="page",
                summary="the latest backup in {{ $labels.vault }} is {{ $value | humanizeDuration }} old",
                description="What was written since then would be lost with the environment.",
                proof=Proof(
                    firing={'plinth_backup_age_seconds{vault="v"}': f"{old + 600}x40"},
                    silent={'plinth_backup_age_seconds{vault="v"}': f"{old - 600}x40"},
                    at=600,
                ),
                cause="synthetic",
                why_synthetic="the emulated AWS API makes no backups, so none can grow old",
            ),
            Alert(
                name="AuditGap",
                expr=(
                    f"max by (record) (plinth_audit_silence_seconds) > {silence}\n"
                    "or max by (record) (plinth_audit_recording) == 0"
                ),
                for_seconds=300,
                severity="page",
                summary="the {{ $labels.record }} of the account has a gap",
                description="Either the trail was stopped, or it delivers nothing: what happens now leaves no record.",
                proof=Proof(
                    firing={
                        'plinth_audit_silence_seconds{record="trail"}': f"{silence + 60}x40",
                        'plinth_audit_recording{record="trail"}': "0x40",
                    },
                    silent={
                        'plinth_audit_silence_seconds{record="trail"}': "300x40",
                        'plinth_audit_recording{record="trail"}': "1x40",
                    },
                    at=600,
                ),
            ),
            Alert(
                name="CostBurn",
                expr=(
                    "max by (stack) (plinth_cost_spent_share / plinth_month_elapsed_share) "
                    f"> {number('cost_burn_ratio')}\n"
                    f"and max by (stack) (plinth_cost_spent_share) > {number('cost_least_share')}"
                ),
                for_seconds=300,
                severity="ticket",
                summary="the month's budget of {{ $labels.stack }} is spent {{ $value | humanize }} times too fast",
                description="Spent share over elapsed share of the month; at this pace the budget does not last.",
                proof=Proof(
                    firing={
                        f"plinth_cost_spent_share{cost}": "0.6x40",
                        f"plinth_month_elapsed_share{cost}": "0.3x40",
                    },
                    silent={
                        f"plinth_cost_spent_share{cost}": "0.3x40",
                        f"plinth_month_elapsed_share{cost}": "0.3x40",
                    },
                    at=600,
                ),
                cause="synthetic",
                why_synthetic="nothing is paid for on the emulated AWS API",
            ),
            Alert(
                name="OperationsReadFailing",
                expr="max by (reading) (plinth_operations_read_ok) == 0",
                for_seconds=300,
                severity="ticket",
                summary="the operations exporter cannot read {{ $labels.reading }}",
                description="What it tells of this is old, so the alerts on it are blind.",
                proof=Proof(
                    firing={'plinth_operations_read_ok{reading="backups"}': "0x40"},
                    silent={'plinth_operations_read_ok{reading="backups"}': "1x40"},
                    at=600,
                ),
            ),
        ),
    )


def cluster() -> Group:
    """Return what goes wrong with nodes and pods."""
    missing = seconds("node_ready_minutes")
    disk = {
        'node_filesystem_avail_bytes{instance="n",mountpoint="/"}': "{}x40",
        'node_filesystem_size_bytes{instance="n",mountpoint="/"}': "100x40",
    }
    memory = {
        'node_memory_MemAvailable_bytes{instance="n"}': "{}x40",
        'node_memory_MemTotal_bytes{instance="n"}': "100x40",
    }

    def filled(series: dict[str, str], value: int) -> dict[str, str]:
        return {name: values.format(value) for name, values in series.items()}

    return Group(
        name="cluster",
        alerts=(
            Alert(
                name="NodeNotReady",
                expr='max by (node) (kube_node_status_condition{condition="Ready",status="true"}) == 0',
                for_seconds=missing,
                severity="ticket",
                summary="node {{ $labels.node }} is not ready",
                description="Its pods are moved away; capacity is short until it is back or replaced.",
                proof=Proof(
                    firing={'kube_node_status_condition{node="n",condition="Ready",status="true"}': "0x40"},
                    silent={'kube_node_status_condition{node="n",condition="Ready",status="true"}': "1x40"},
                    at=missing + 60,
                ),
                cause="synthetic",
                why_synthetic=NO_CLUSTER,
            ),
            Alert(
                name="PodRestarting",
                expr=(
                    "max by (namespace, pod) (increase(kube_pod_container_status_restarts_total[15m])) "
                    f"> {number('pod_restarts')}"
                ),
                for_seconds=60,
                severity="ticket",
                summary="pod {{ $labels.namespace }}/{{ $labels.pod }} restarts again and again",
                description="It fails, starts, and fails again; the kubelet waits longer each time.",
                proof=Proof(
                    firing={'kube_pod_container_status_restarts_total{namespace="a",pod="p"}': "0+1x60"},
                    silent={'kube_pod_container_status_restarts_total{namespace="a",pod="p"}': "5x60"},
                    at=1200,
                ),
                cause="synthetic",
                why_synthetic=NO_CLUSTER,
            ),
            Alert(
                name="NodeDiskFilling",
                expr=(
                    'max by (instance) (1 - node_filesystem_avail_bytes{mountpoint="/"} '
                    f'/ node_filesystem_size_bytes{{mountpoint="/"}}) > {number("node_disk_share")}'
                ),
                for_seconds=300,
                severity="ticket",
                summary="the disk of {{ $labels.instance }} is {{ $value | humanizePercentage }} full",
                description=f"From {THRESHOLDS['node_disk_share'].value:.0%} on the kubelet removes images, then pods.",
                proof=Proof(firing=filled(disk, 5), silent=filled(disk, 50), at=600),
                cause="synthetic",
                why_synthetic="filling the disk of the machine under test would harm it",
            ),
            Alert(
                name="NodeMemoryShort",
                expr=(
                    "max by (instance) (1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes) "
                    f"> {number('node_memory_share')}"
                ),
                for_seconds=300,
                severity="ticket",
                summary="the memory of {{ $labels.instance }} is {{ $value | humanizePercentage }} in use",
                description="Soon pods are evicted, those over their request first.",
                proof=Proof(firing=filled(memory, 3), silent=filled(memory, 50), at=600),
                cause="synthetic",
                why_synthetic="filling the memory of the machine under test would harm it",
            ),
        ),
    )


def watching(*, expected: tuple[str, ...], remote_write: bool) -> Group:
    """Return what goes wrong with the watching itself.

    Args:
        expected: Jobs that must have at least one target.
        remote_write: Whether samples are sent to a long-term store.
    """
    patience = seconds("exporter_minutes")
    absent = " or ".join(f'absent(up{{job="{job}"}})' for job in expected)
    alerts = [
        Alert(
            name="Watchdog",
            expr="vector(1)",
            for_seconds=0,
            severity="none",
            summary="alerts flow",
            description="It always fires. Whoever receives alerts must notice when this one stops coming.",
            proof=Proof(firing={"up": "1x10"}, silent={}, at=60),
        ),
        Alert(
            name="ExporterDown",
            expr='up{job!="services"} == 0',
            for_seconds=patience,
            severity="ticket",
            summary="{{ $labels.job }} at {{ $labels.instance }} does not answer",
            description="What it tells is not known any more, so alerts on it are blind.",
            proof=Proof(
                firing={'up{job="operations",instance="i"}': "0x40"},
                silent={'up{job="operations",instance="i"}': "1x40"},
                at=patience + 60,
            ),
        ),
        Alert(
            name="ExporterMissing",
            expr=absent,
            for_seconds=seconds("replicas_missing_minutes"),
            severity="ticket",
            summary="nothing of job {{ $labels.job }} is scraped",
            description="Not one target was found: it was removed, or may not be found any more.",
            proof=Proof(
                firing={f'up{{job="{job}"}}': "1x60" for job in expected[1:]},
                silent={f'up{{job="{job}"}}': "1x60" for job in expected},
                at=900,
            ),
        ),
        Alert(
            name="AlertDeliveryFailing",
            expr=(
                "sum by (integration) (increase(alertmanager_notifications_failed_total[5m])) "
                f"> {number('delivery_failures')}"
            ),
            for_seconds=60,
            severity="page",
            summary="alerts do not reach {{ $labels.integration }}",
            description="Alertmanager has alerts to tell and the receiver does not take them.",
            proof=Proof(
                firing={'alertmanager_notifications_failed_total{integration="sns"}': "0+1x40"},
                silent={'alertmanager_notifications_failed_total{integration="sns"}': "3x40"},
                at=600,
            ),
        ),
        Alert(
            name="RuleFailing",
            expr=f"increase(prometheus_rule_evaluation_failures_total[5m]) > {number('rule_failures')}",
            for_seconds=60,
            severity="ticket",
            summary="rules of {{ $labels.rule_group }} cannot be evaluated",
            description="What they watch is not watched.",
            proof=Proof(
                firing={'prometheus_rule_evaluation_failures_total{rule_group="g"}': "0+1x40"},
                silent={'prometheus_rule_evaluation_failures_total{rule_group="g"}': "3x40"},
                at=600,
            ),
            cause="synthetic",
            why_synthetic="Prometheus refuses a rule that cannot be evaluated before it is loaded",
        ),
    ]
    if remote_write:
        lag = number("remote_write_lag_seconds")
        alerts.append(
            Alert(
                name="RemoteWriteLagging",
                expr=(
                    "prometheus_remote_storage_highest_timestamp_in_seconds - ignoring (remote_name, url) "
                    "group_right prometheus_remote_storage_queue_highest_sent_timestamp_seconds "
                    f"> {lag}"
                ),
                for_seconds=300,
                severity="ticket",
                summary="the long-term store is {{ $value | humanizeDuration }} behind",
                description="Samples wait in Prometheus; what waits is lost with its disk.",
                proof=Proof(
                    firing={
                        'prometheus_remote_storage_highest_timestamp_in_seconds{instance="i"}': "1000x40",
                        'prometheus_remote_storage_queue_highest_sent_timestamp_seconds{instance="i",url="u"}': (
                            "500x40"
                        ),
                    },
                    silent={
                        'prometheus_remote_storage_highest_timestamp_in_seconds{instance="i"}': "1000x40",
                        'prometheus_remote_storage_queue_highest_sent_timestamp_seconds{instance="i",url="u"}': (
                            "990x40"
                        ),
                    },
                    at=600,
                ),
                cause="synthetic",
                why_synthetic="Amazon Managed Prometheus is not emulated",
            )
        )
    return Group(name="watching", alerts=tuple(alerts))
