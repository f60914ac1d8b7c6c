"""Reads trail, recorder, watchers, queries, and whether anything has been delivered lately."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from infra.ops.account import UNANSWERED, reason
from infra.ops.inventory.aws import things_in
from infra.ops.inventory.tags import by_arn
from infra.ops.verify.model import Unseen
from infra.ops.verify.readers.asking import CLASS_TAG, Documents, Look

NOT_DELIVERED_HERE = "the local AWS API keeps what it is told and delivers, backs up and records nothing"


def watched(selectors: list[Mapping[str, Any]]) -> list[str]:
    """Return the buckets of which a trail records each read and write of each object. Pure."""
    buckets = []
    for selector in selectors:
        fields = {row["Field"]: row for row in selector.get("FieldSelectors") or ()}
        # Any other field, such as readOnly, would leave a part out.
        if set(fields) != {"eventCategory", "resources.type", "resources.ARN"}:
            continue
        if fields["eventCategory"].get("Equals") != ["Data"]:
            continue
        if fields["resources.type"].get("Equals") == ["AWS::S3::Object"]:
            starts = fields["resources.ARN"].get("StartsWith") or ()
            buckets += [arn.removeprefix("arn:aws:s3:::")[:-1] for arn in starts if arn.endswith("/")]
    return sorted(buckets)


def records_management(selectors: list[Mapping[str, Any]]) -> bool:
    """Tell whether a trail records every change of the account. Pure."""
    return any(
        [(row["Field"], row.get("Equals")) for row in selector.get("FieldSelectors") or ()]
        == [("eventCategory", ["Management"])]
        for selector in selectors
    )


def _classes(look: Look) -> dict[str, str]:
    found = things_in(look.account, (), kinds=("s3/bucket",))
    return {thing.name: (thing.tags or {}).get(CLASS_TAG, "") for thing in found.things}


def _trails(look: Look) -> Documents:
    found: Documents = {}
    trails = look.account.client("cloudtrail")
    classes = _classes(look)
    for row in look.account.rows("cloudtrail", "describe_trails", "trailList", includeShadowTrails=False):
        arn = row["TrailARN"]
        if not look.ours(by_arn(look.account, "cloudtrail", arn, look.account.region)):
            continue
        selectors = trails.get_event_selectors(TrailName=arn).get("AdvancedEventSelectors") or []
        found[row["Name"]] = {
            "trail": "of the environment",
            "all_regions": row["IsMultiRegionTrail"],
            "global_services": row["IncludeGlobalServiceEvents"],
            "validated": row["LogFileValidationEnabled"],
            "key_class": look.key_class(row.get("KmsKeyId")),
            "bucket_class": classes.get(row["S3BucketName"]),
            "to_log_group": bool(row.get("CloudWatchLogsLogGroupArn")),
            "on": trails.get_trail_status(Name=arn)["IsLogging"],
            "management": records_management(selectors),
            "data_classes": sorted(classes[name] for name in watched(selectors) if name in classes),
        }
    return found


def _recorders(look: Look) -> Documents:
    found: Documents = {}
    config = look.account.client("config")
    classes = _classes(look)
    channels = look.account.rows("config", "describe_delivery_channels", "DeliveryChannels")
    for row in look.account.rows("config", "describe_configuration_recorders", "ConfigurationRecorders"):
        answer = config.describe_configuration_recorder_status(ConfigurationRecorderNames=[row["name"]])
        found[row["name"]] = {
            "recorder": "of the account",
            "on": any(state["recording"] for state in answer["ConfigurationRecordersStatus"]),
            "everything": row["recordingGroup"].get("allSupported"),
            "bucket_classes": sorted(classes.get(channel["s3BucketName"], "") for channel in channels),
        }
    return found


def _watches(look: Look) -> Documents:
    account, found = look.account, dict[str, dict[str, Any]]()
    for number in account.rows("guardduty", "list_detectors", "DetectorIds"):
        known = account.client("guardduty").get_detector(DetectorId=number)
        found[f"detector {number}"] = {
            "watch": "threats",
            "on": known["Status"] == "ENABLED",
            "parts": sorted(row["Name"] for row in known.get("Features") or () if row["Status"] == "ENABLED"),
        }
    seen = things_in(account, [account.region], kinds=("securityhub/hub", "securityhub/standard"))
    for what, why in seen.unseen.items():
        found[what] = {"watch": "posture", "on": Unseen(why), "parts": Unseen(why)}
    hubs = [thing for thing in seen.things if thing.kind == "securityhub/hub"]
    standards = [thing.name for thing in seen.things if thing.kind == "securityhub/standard"]
    if hubs:
        found["hub"] = {
            "watch": "posture",
            "on": True,
            "parts": sorted(name.split("/", 1)[0] for name in standards),
        }
    for row in account.rows("accessanalyzer", "list_analyzers", "analyzers"):
        found[f"analyzer {row['name']}"] = {
            "watch": "outside access",
            "on": row["status"] == "ACTIVE",
            "parts": [row["type"]],
        }
    return found


def _queries(look: Look) -> Documents:
    found: Documents = {}
    athena = look.account.client("athena")
    for row in look.account.rows("athena", "list_work_groups", "WorkGroups"):
        known = athena.get_work_group(WorkGroup=row["Name"])["WorkGroup"]["Configuration"]
        results = known.get("ResultConfiguration", {}).get("EncryptionConfiguration", {})
        numbers = look.account.rows("athena", "list_named_queries", "NamedQueryIds", WorkGroup=row["Name"])
        if row["Name"] != "primary":
            found[row["Name"]] = {
                "questions": "to the trail",
                "enforced": known.get("EnforceWorkGroupConfiguration"),
                "key_class": look.key_class(results.get("KmsKey")),
                "names": sorted(
                    athena.get_named_query(NamedQueryId=number)["NamedQuery"]["Name"] for number in numbers
                ),
            }
    return found


def _deliveries(look: Look) -> Documents | Unseen:
    """Return how many hours ago each record last arrived."""
    if look.account.emulated:
        return Unseen(NOT_DELIVERED_HERE)
    found: Documents = {}
    trails = look.account.client("cloudtrail")
    for row in look.account.rows("cloudtrail", "describe_trails", "trailList", includeShadowTrails=False):
        last = trails.get_trail_status(Name=row["TrailARN"]).get("LatestDeliveryTime")
        found[f"trail {row['Name']}"] = {"of": "trail", "hours": _hours(last)}
    config = look.account.client("config")
    try:
        for row in config.describe_configuration_recorder_status()["ConfigurationRecordersStatus"]:
            found[f"recorder {row['name']}"] = {
                "of": "recorder",
                "hours": _hours(row.get("lastStatusChangeTime")),
            }
    except UNANSWERED as error:
        found["recorder"] = {"of": "recorder", "hours": Unseen(reason(error))}
    for region in look.regions:
        for vault in look.account.rows("backup", "list_backup_vaults", "BackupVaultList", region=region):
            points = look.account.rows(
                "backup", "list_recovery_points_by_backup_vault", "RecoveryPoints",
                region=region, BackupVaultName=vault["BackupVaultName"],
            )  # fmt: skip
            newest = max((point["CreationDate"] for point in points), default=None)
            found[f"vault {vault['BackupVaultName']}"] = {
                "of": f"backups in {region}",
                "hours": _hours(newest),
            }
    return found


def _hours(when: dt.datetime | None) -> float | None:
    """Return hours since then, below zero so that more is newer; None for never."""
    return None if when is None else -(dt.datetime.now(dt.UTC) - when).total_seconds() / 3600


KINDS = {
    "trail": _trails,
    "recorder": _recorders,
    "watch": _watches,
    "questions": _queries,
    "delivery": _deliveries,
}
