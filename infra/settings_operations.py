"""Settings of what keeps an environment: stores, audit trail, recovery, cost."""

from typing import Annotated, Literal

from pydantic import Field

from infra.settings_base import Frozen

Mail = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]


class StorageSettings(Frozen):
    """How long stores keep what nobody looks at any more."""

    noncurrent_days: Annotated[
        int,
        Field(
            ge=1,
            le=3650,
            description="Days for which an overwritten or deleted object can be brought back (versioning).",
        ),
    ] = 90
    access_log_days: Annotated[
        int,
        Field(
            ge=365, le=3650, description="Days for which access logs are kept; a year is the audit minimum."
        ),
    ] = 400
    key_deletion_days: Annotated[
        int,
        Field(
            ge=30,
            le=30,
            description="Waiting time before a deleted key is gone; 30 is the longest AWS allows.",
        ),
    ] = 30
    record_lock_days: Annotated[
        int,
        Field(
            ge=1,
            le=3650,
            description="Days for which nobody, the account's root included, can remove an audit or decision "
            "record; production needs 183 (six months, EU AI Act article 19).",
        ),
    ] = 400


class AuditSettings(Frozen):
    """What is recorded about the account, and for how long."""

    log_days: Annotated[
        Literal[400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
        Field(description="Days for which log groups keep events; CloudWatch takes these values only."),
    ] = 400
    recorder: Annotated[
        bool, Field(description="Record the configuration of every resource with AWS Config.")
    ] = True
    threat_detection: Annotated[
        bool, Field(description="Watch account, cluster and workloads with GuardDuty.")
    ] = True
    posture: Annotated[
        bool, Field(description="Check the account against AWS's Foundational Security Best Practices.")
    ] = True
    access_analyzer: Annotated[
        bool, Field(description="Report every resource that an identity outside the account can reach.")
    ] = True


class RecoverySettings(Frozen):
    """What outlives the loss of the environment."""

    region: Annotated[
        str,
        Field(
            pattern=r"^$|^[a-z]{2}(-[a-z]+)+-\d$",
            description="Region that gets copies of backups and of the data, artifacts and decisions "
            "buckets; empty: no copies outside the region.",
        ),
    ] = ""
    backup_days: Annotated[
        int, Field(ge=7, le=3650, description="Days for which a daily backup is kept.")
    ] = 35
    lock_days: Annotated[
        int,
        Field(
            ge=3,
            le=365,
            description="Days after which the lock of the vault can no longer be taken back; "
            "AWS asks for three at least.",
        ),
    ] = 7
    selection: Annotated[bool, Field(description="Back up every resource that carries the backup tag.")] = (
        True
    )


class CostSettings(Frozen):
    """What the environment may cost, and who is told."""

    alert_addresses: Annotated[
        list[Mail],
        Field(
            max_length=10,
            description="Mail addresses that are told of spending and alarms; production needs one at least.",
        ),
    ] = []  # noqa: RUF012 - pydantic copies it for each instance

    monthly_budget_usd: Annotated[
        int, Field(ge=1, le=10_000_000, description="Money for a month, in US dollars; alerts hang on it.")
    ] = 1000
    alert_percent: Annotated[
        int, Field(ge=10, le=100, description="Share of the budget at which owners are told, in percent.")
    ] = 80
    stop_percent: Annotated[
        int,
        Field(
            ge=0,
            le=200,
            description="Share of the budget, in percent, at which the action hangs that forbids new GPU "
            "capacity; 0: no action.",
        ),
    ] = 100
    anomaly_usd: Annotated[
        int,
        Field(
            ge=0,
            le=1_000_000,
            description="Unexpected spending in a day, in US dollars, that is reported; 0: no monitor.",
        ),
    ] = 100
    allocation_tags: Annotated[
        bool,
        Field(
            description="Activate this project's tags for cost reports. In the account that pays only, and a "
            "day after the first `up`: until then AWS does not know the tags and refuses."
        ),
    ] = False
