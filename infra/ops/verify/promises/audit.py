"""Promises of what is recorded about the account, and who watches it."""

from collections.abc import Sequence

from infra.ops.verify.model import AtLeast, Document, Is, Promise, Selector, Wants, has
from infra.settings import Settings

FEATURES = ("EBS_MALWARE_PROTECTION", "EKS_AUDIT_LOGS", "RUNTIME_MONITORING", "S3_DATA_EVENTS")
"""What GuardDuty looks at beside its basic sources: stores, volumes, cluster and workloads."""
QUESTIONS = ("what-changed-in-iam", "who-read-the-training-data", "who-used-the-gpu-pool")
"""Questions that must be ready to ask."""
FRESH_HOURS = -26.0
"""Hours since the last delivery, counted below zero: a day, and two hours for a run that took long."""


def _trail(_: Settings) -> Sequence[Selector]:
    return [{"trail": "of the environment"}]


def _owns(settings: Settings) -> bool:
    return settings.aws.owns_account


def _watches(settings: Settings) -> list[Selector]:
    audit = settings.audit
    wanted = {
        "threats": audit.threat_detection,
        "posture": audit.posture,
        "outside access": audit.access_analyzer,
    }
    return [{"watch": name} for name, on in wanted.items() if on]


def _watched(_: Settings, watch: Document) -> Wants:
    parts = {
        "threats": has(*FEATURES),
        "posture": has("aws-foundational-security-best-practices"),
        "outside access": has("ACCOUNT"),
    }
    return {"on": Is(value=True), "parts": parts[str(watch["watch"])]}


def _delivered(settings: Settings) -> list[Selector]:
    rows = [{"of": "trail"}] if _owns(settings) else []
    rows += [{"of": "recorder"}] if settings.audit.recorder else []
    return [*rows, *({"of": f"backups in {region}"} for region in settings.regions())]


PROMISES: tuple[Promise, ...] = (
    Promise(
        id="trail-records-all-regions",
        says="The trail is on, records every change in all regions, with digests, encrypted with its key",
        design="audit",
        read="cloudtrail DescribeTrails, GetTrailStatus, GetEventSelectors",
        of="trail",
        wants=lambda _, __: {
            "on": Is(value=True),
            "all_regions": Is(value=True),
            "global_services": Is(value=True),
            "validated": Is(value=True),
            "management": Is(value=True),
            "key_class": Is("audit"),
        },
        required=_trail,
        applies=_owns,
    ),
    Promise(
        id="trail-delivers-into-the-lock",
        says="The trail delivers into the locked audit bucket, and into a log from which alerts are made",
        design="audit",
        read="cloudtrail DescribeTrails; s3 GetBucketTagging",
        of="trail",
        wants=lambda _, __: {"bucket_class": Is("audit"), "to_log_group": Is(value=True)},
        required=_trail,
        applies=_owns,
    ),
    Promise(
        id="trail-records-reads-of-models-and-decisions",
        says="Each read and write of a model, a decision or training data is recorded",
        design="audit",
        read="cloudtrail GetEventSelectors",
        of="trail",
        wants=lambda _, __: {"data_classes": has("artifacts", "data", "decisions")},
        required=_trail,
        applies=_owns,
    ),
    Promise(
        id="configuration-recorded",
        says="AWS Config records every type of resource and delivers into the locked audit bucket",
        design="audit",
        read="config DescribeConfigurationRecorders, -RecorderStatus, DescribeDeliveryChannels",
        of="recorder",
        wants=lambda _, __: {
            "on": Is(value=True),
            "everything": Is(value=True),
            "bucket_classes": Is(["audit"]),
        },
        required=lambda _: [{"recorder": "of the account"}],
        applies=lambda settings: settings.audit.recorder,
    ),
    Promise(
        id="account-is-watched",
        says="GuardDuty, Security Hub and Access Analyzer are on, with the parts that look at the cluster",
        design="audit",
        read="guardduty GetDetector; securityhub GetEnabledStandards; accessanalyzer ListAnalyzers",
        of="watch",
        wants=_watched,
        required=_watches,
        applies=lambda settings: bool(_watches(settings)),
    ),
    Promise(
        id="questions-ready-to-ask",
        says="The auditors' questions are ready to run, in a workgroup that encrypts its results",
        design="audit",
        read="athena GetWorkGroup, GetNamedQuery",
        of="questions",
        among=lambda settings, row: _owns(settings) and bool(row["questions"]),
        wants=lambda _, __: {
            "names": has(*QUESTIONS),
            "enforced": Is(value=True),
            "key_class": Is("queries"),
        },
        required=lambda _: [{"questions": "to the trail"}],
        applies=_owns,
    ),
    Promise(
        id="records-and-backups-arrive",
        says="Trail, configuration and backups have arrived within a day",
        design="audit, recovery",
        read="cloudtrail GetTrailStatus; config -RecorderStatus; backup ListRecoveryPoints",
        of="delivery",
        wants=lambda _, __: {"hours": AtLeast(FRESH_HOURS)},
        required=_delivered,
    ),
)
