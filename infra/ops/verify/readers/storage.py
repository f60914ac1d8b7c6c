"""Reads keys, buckets and tables."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from infra.ops.inventory import tags as tags_of
from infra.ops.verify.model import Unseen
from infra.ops.verify.readers.asking import CLASS_TAG, Documents, Look, asked


def refuses_plain_http(policy: str, bucket: str) -> bool:
    """Tell whether a bucket policy refuses everybody everything that comes without TLS. Pure."""
    return refuses_without_tls(policy, {f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"}, "s3")


def refuses_without_tls(policy: str, everything: set[str], service: str) -> bool:
    """Tell whether a policy refuses everybody all actions of a service without TLS. Pure.

    Args:
        policy: The policy document.
        everything: ARNs that it has to speak of.
        service: Prefix of the actions.
    """
    for statement in _listed(json.loads(policy).get("Statement")):
        if (
            statement.get("Effect") == "Deny"
            and statement.get("Principal") in ("*", {"AWS": "*"}, {"AWS": ["*"]})
            and set(_listed(statement.get("Action"))) & {f"{service}:*", "*"}
            and everything <= set(_listed(statement.get("Resource")))
            and _only_plain_http(statement.get("Condition") or {})
        ):
            return True
    return False


def _only_plain_http(condition: Mapping[str, Any]) -> bool:
    """Tell whether a condition asks for nothing but the lack of TLS; any further one would narrow it."""
    if set(condition) != {"Bool"} or set(condition["Bool"]) != {"aws:SecureTransport"}:
        return False
    return [str(value).lower() for value in _listed(condition["Bool"]["aws:SecureTransport"])] == ["false"]


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _four(block: Mapping[str, Any]) -> dict[str, bool]:
    names = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    return {name: bool(block.get(name)) for name in names}


def _keys(look: Look) -> Documents:
    return look.keys


def _buckets(look: Look) -> Documents:
    account = look.account
    places: dict[str, tuple[str, dict[str, str]]] = {}
    for row in account.rows("s3", "list_buckets", "Buckets"):
        name = row["Name"]
        place = account.client("s3").get_bucket_location(Bucket=name)["LocationConstraint"] or "us-east-1"
        tags = tags_of.bucket(account, name, place)
        if look.ours(tags):
            places[name] = (place, tags)
    classes = {name: tags.get(CLASS_TAG, "") for name, (_, tags) in places.items()}
    return {
        name: {"class": classes[name], "region": place, **_bucket(look, name, place, places, classes)}
        for name, (place, _) in places.items()
    }


def _bucket(
    look: Look,
    name: str,
    region: str,
    places: Mapping[str, tuple[str, dict[str, str]]],
    classes: Mapping[str, str],
) -> dict[str, Any]:
    s3 = look.account.client("s3", region)

    def get(operation: str, take: Callable[[Any], Any], *absent: str) -> Any:
        return asked(lambda: getattr(s3, operation)(Bucket=name), take, *absent)

    def encryption(answer: Any) -> dict[str, Any]:
        (rule,) = answer["ServerSideEncryptionConfiguration"]["Rules"]
        default = rule["ApplyServerSideEncryptionByDefault"]
        key = default.get("KMSMasterKeyID")
        return {"algorithm": default["SSEAlgorithm"], "key_class": look.key_class(key)}

    def lock(answer: Any) -> dict[str, Any]:
        kept = answer["ObjectLockConfiguration"].get("Rule", {}).get("DefaultRetention", {})
        return {"mode": kept.get("Mode"), "days": kept.get("Days") or 365 * kept.get("Years", 0)}

    def replication(answer: Any) -> dict[str, Any]:
        rules = [rule for rule in answer["ReplicationConfiguration"]["Rules"] if _everything(rule)]
        if not rules:
            return {}
        target = rules[0]["Destination"]
        copy = target["Bucket"].rsplit(":", 1)[-1]
        wanted = target.get("EncryptionConfiguration", {}).get("ReplicaKmsKeyID")
        return {
            "to_class": classes.get(copy),
            "to_region": places[copy][0] if copy in places else None,
            "key_class": look.key_class(wanted),
        }

    return {
        "encryption": get(
            "get_bucket_encryption", encryption, "ServerSideEncryptionConfigurationNotFoundError"
        ),
        "tls_only": get(
            "get_bucket_policy",
            lambda answer: refuses_plain_http(answer["Policy"], name),
            "NoSuchBucketPolicy",
        ),
        "versioning": get("get_bucket_versioning", lambda answer: answer.get("Status")),
        "public_access": get(
            "get_public_access_block",
            lambda answer: _four(answer["PublicAccessBlockConfiguration"]),
            "NoSuchPublicAccessBlockConfiguration",
        ),
        "ownership": get(
            "get_bucket_ownership_controls",
            lambda answer: answer["OwnershipControls"]["Rules"][0]["ObjectOwnership"],
            "OwnershipControlsNotFoundError",
        ),
        "log_class": get(
            "get_bucket_logging",
            lambda answer: classes.get(answer.get("LoggingEnabled", {}).get("TargetBucket", "")),
        ),
        "lock": get("get_object_lock_configuration", lock, "ObjectLockConfigurationNotFoundError"),
        "copy": get("get_bucket_replication", replication, "ReplicationConfigurationNotFoundError"),
    }


def _everything(rule: Mapping[str, Any]) -> bool:
    """Tell whether a replication rule is on and copies all objects, the encrypted ones too."""
    chosen = rule.get("Filter") or {}
    narrowed = chosen.get("Prefix") or chosen.get("And") or chosen.get("Tag") or rule.get("Prefix")
    sealed = rule.get("SourceSelectionCriteria", {}).get("SseKmsEncryptedObjects", {}).get("Status")
    return rule["Status"] == "Enabled" and not narrowed and sealed == "Enabled"


def _account(look: Look) -> Documents:
    number = look.account.account_id
    control = look.account.client("s3control")
    block = asked(
        lambda: control.get_public_access_block(AccountId=number),
        lambda answer: _four(answer["PublicAccessBlockConfiguration"]),
        "NoSuchPublicAccessBlockConfiguration",
    )
    volumes = asked(
        look.account.client("ec2").get_ebs_encryption_by_default,
        lambda answer: bool(answer["EbsEncryptionByDefault"]),
    )
    return {number: {"account": number, "public_access": block, "volumes": volumes}}


def _tables(look: Look) -> Documents:
    found: Documents = {}
    dynamodb = look.account.client("dynamodb")
    for name in look.account.rows("dynamodb", "list_tables", "TableNames"):
        table = dynamodb.describe_table(TableName=name)["Table"]
        tags = tags_of.by_arn(look.account, "dynamodb", table["TableArn"], look.account.region)
        if not look.ours(tags):
            continue
        sealed = table.get("SSEDescription", {})
        found[name] = {
            "class": tags.get(CLASS_TAG, ""),
            "encryption": {
                "status": sealed.get("Status"),
                "type": sealed.get("SSEType"),
                "key_class": look.key_class(sealed.get("KMSMasterKeyArn")),
            },
            "protected": table.get("DeletionProtectionEnabled"),
            "point_in_time": _point_in_time(dynamodb, name),
        }
    return found


def _point_in_time(dynamodb: Any, name: str) -> str | Unseen | None:
    return asked(
        lambda: dynamodb.describe_continuous_backups(TableName=name),
        lambda answer: str(
            answer["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"][
                "PointInTimeRecoveryStatus"
            ]
        ),
    )


KINDS = {"key": _keys, "bucket": _buckets, "account": _account, "table": _tables}
