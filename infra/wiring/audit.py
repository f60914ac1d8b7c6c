"""What is recorded about the account, and who watches it."""

from dataclasses import dataclass

import pulumi

from infra import naming
from infra.components.account_watch import AccountWatch, AccountWatchArgs
from infra.components.audit_queries import AuditQueries, AuditQueriesArgs
from infra.components.audit_trail import AuditTrail, AuditTrailArgs
from infra.components.configuration_recorder import ConfigurationRecorder, ConfigurationRecorderArgs
from infra.components.use_alarm import UseAlarm, UseAlarmArgs, UseLog
from infra.data_classes import bucket_name
from infra.settings import Settings
from infra.wiring.storage import Storage

WATCHED = ("artifacts", "data", "decisions", "features")
"""Data classes of which each read and write of an object is recorded."""


@dataclass(frozen=True, kw_only=True)
class Audit:
    """The record of one environment; none where another stack of the account keeps it."""

    trail: AuditTrail | None
    queries: AuditQueries | None


def trail_arn(settings: Settings) -> str:
    """Return the ARN of the trail, known before it is made."""
    return (
        f"arn:aws:cloudtrail:{settings.aws.region}:{settings.aws.account_id}"
        f":trail/{naming.role(settings.environment, 'audit')}"
    )


def build(settings: Settings, opts: pulumi.ResourceOptions, *, stores: Storage) -> Audit:
    """Build trail, questions, recorder and watch, as far as the settings ask for them."""
    environment, account, region = settings.environment, settings.aws.account_id, settings.aws.region
    audit_bucket, audit_key = stores.buckets["audit"], stores.keys["audit"]
    AccountWatch(
        "watch",
        AccountWatchArgs(
            watch_name=naming.role(environment, "outside-access"),
            region=region,
            threat_detection=settings.audit.threat_detection,
            posture=settings.audit.posture,
            access_analyzer=settings.audit.access_analyzer,
        ),
        opts,
    )
    if settings.audit.recorder:
        ConfigurationRecorder(
            "recorder",
            ConfigurationRecorderArgs(
                recorder_name=naming.role(environment, "recorder"),
                bucket=audit_bucket.name,
                bucket_name=bucket_name(settings, "audit"),
                key_arn=audit_key.arn,
                key_alias=naming.key_alias(environment, "audit"),
                account_id=account,
                region=region,
                global_resources=settings.aws.owns_account,
            ),
            opts,
        )
    if not settings.aws.owns_account:
        return Audit(trail=None, queries=None)
    trail = AuditTrail(
        "audit-trail",
        AuditTrailArgs(
            trail_name=naming.role(environment, "audit"),
            bucket=audit_bucket.name,
            key_arn=audit_key.arn,
            log_key_arn=stores.keys["logs"].arn,
            log_group_name=naming.log_group(environment, "audit-trail"),
            log_days=settings.audit.log_days,
            account_id=account,
            region=region,
            watched_buckets=[bucket_name(settings, data_class) for data_class in WATCHED],
        ),
        opts,
    )
    queries = AuditQueries(
        "audit-queries",
        AuditQueriesArgs(
            queries_name=naming.role(environment, "audit"),
            database_name=naming.role(environment, "audit").replace("-", "_"),
            trail_bucket=bucket_name(settings, "audit"),
            results_bucket=stores.buckets["queries"].name,
            results_key_arn=stores.keys["queries"].arn,
            account_id=account,
            regions=sorted({region, settings.recovery.region or region, "us-east-1"}),
            data_buckets=[bucket_name(settings, data_class) for data_class in ("data", "features")],
            gpu_names=["gpu-"],
        ),
        opts,
    )
    return Audit(trail=trail, queries=queries)


def watch_break_glass(
    settings: Settings,
    opts: pulumi.ResourceOptions,
    *,
    trail: AuditTrail | None,
    cluster_log: pulumi.Input[str],
    topic_arn: pulumi.Input[str],
) -> UseAlarm:
    """Tell people when the break-glass role is taken over, and when it does something in the cluster.

    Args:
        settings: Settings of the stack.
        opts: Options with the providers.
        trail: The account's trail, where this stack has it.
        cluster_log: Log group of the control plane, whose audit log names who asked.
        topic_arn: Topic through which people are told.
    """
    account, role = settings.aws.account_id, naming.role(settings.environment, "break-glass")
    session = f"arn:aws:sts::{account}:assumed-role/{role}/*"
    logs = {"cluster": UseLog(log_group=cluster_log, pattern=f'{{ $.user.username = "{session}" }}')}
    if trail is not None:
        taken = f"arn:aws:iam::{account}:role/{role}"
        logs["account"] = UseLog(
            log_group=trail.log_group,
            pattern=f'{{ $.eventName = "AssumeRole*" && $.requestParameters.roleArn = "{taken}" }}',
        )
    return UseAlarm(
        "break-glass-use",
        UseAlarmArgs(
            alarm_name=f"{role}-use",
            metrics=f"Plinth/{settings.environment}",
            what=f"the role {role}",
            logs=logs,
            topic_arn=topic_arn,
        ),
        opts,
    )
