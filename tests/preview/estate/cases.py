"""What each recorded preview changes in the base of its group. The name says what a reviewer must see."""

from typing import Any

_ACCOUNT = "123456789012"
_DATA = "arn:aws:s3:::plinth-small-data"


def _doc(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _allow(action: Any, resource: Any = "*", **rest: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **rest}


_READ = _allow(["s3:GetObject", "s3:ListBucket"], [_DATA, f"{_DATA}/*"], Sid="Read")
_PASS = _allow(
    "iam:PassRole",
    f"arn:aws:iam::{_ACCOUNT}:role/nodes",
    Sid="Pass",
    Condition={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
)
_DENY = {"Sid": "NotTheRecord", "Effect": "Deny", "Action": "cloudtrail:*", "Resource": "*"}


def _trust(principal: Any, **rest: Any) -> dict[str, Any]:
    return _doc({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, **rest})


_MFA = {"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}
_OPERATORS = f"arn:aws:iam::{_ACCOUNT}:role/operators"


def _storage(**case: Any) -> dict[str, Any]:
    return {"group": "storage", **case}


def _may(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"group": "identity", "set": {"engineer-may": {"policy": _doc(*statements)}}}


def _role(**props: Any) -> dict[str, Any]:
    return {"group": "identity", "set": {"engineer": props}}


def _pool(**pool: Any) -> dict[str, Any]:
    return {"group": "compute", "pool": pool}


def _cluster(**case: Any) -> dict[str, Any]:
    return {"group": "cluster", **case}


BASES = {
    "storage-base": _storage(),
    "identity-base": {"group": "identity"},
    "compute-base": {"group": "compute"},
    "cluster-base": _cluster(),
}
"""What stands before a case is previewed."""

_BUCKET = {"group": "storage"}
RECORDED: dict[str, dict[str, Any]] = {
    # Storage.
    "storage-nothing": _storage(),
    "storage-first-time": _storage(fresh=True),
    "storage-new-bucket": _storage(buckets={"features": "plinth-small-features"}),
    "storage-delete-bucket": _storage(without=["data"]),
    "storage-replace-bucket": _storage(buckets={"data": "plinth-small-data-two"}),
    "storage-rename-bucket": _storage(renamed={"data": "training-data"}),
    "storage-rename-bucket-with-alias": _storage(renamed={"data": "training-data"}, aliased=True),
    "storage-delete-table-that-is-protected": _storage(without=["records"]),
    "storage-replace-table": _storage(set={"records": {"hashKey": "time", "rangeKey": "entity"}}),
    "storage-delete-log-group": _storage(without=["events"]),
    "storage-shorter-log-retention": _storage(set={"events": {"retentionInDays": 30}}),
    "storage-longer-log-retention": _storage(set={"events": {"retentionInDays": 731}}),
    "storage-public-access-opened": _storage(
        set={"data-public-access": {"blockPublicPolicy": False, "restrictPublicBuckets": False}}
    ),
    "storage-policy-for-everyone": _storage(
        set={"data-policy": {"policy": _doc(_allow("s3:GetObject", f"{_DATA}/*", Principal="*"))}}
    ),
    "storage-weaker-encryption": _storage(
        set={
            "data-encryption": {
                "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}],
            }
        }
    ),
    "storage-versioning-suspended": _storage(
        set={"data-versioning": {"versioningConfiguration": {"status": "Suspended"}}}
    ),
    "storage-shorter-object-lock": _storage(
        set={
            "decisions-object-lock": {"rule": {"defaultRetention": {"mode": "GOVERNANCE", "days": 30}}},
        }
    ),
    "storage-bucket-may-be-emptied": _storage(set={"data": {"forceDestroy": True}}),
    "storage-key-without-rotation": _storage(set={"data-key": {"enableKeyRotation": False}}),
    "storage-waived-key-without-rotation": _storage(
        set={"data-key": {"enableKeyRotation": False}}, waived={"begun_days_ago": 1, "days": 60}
    ),
    "storage-waiver-expired": _storage(
        set={"data-key": {"enableKeyRotation": False}}, waived={"begun_days_ago": 61, "days": 60}
    ),
    "storage-table-unprotected": _storage(
        set={"records": {"deletionProtectionEnabled": False, "pointInTimeRecovery": {"enabled": False}}}
    ),
    "storage-tags-only": _storage(
        set={"events": {"tags": {"plinth:data-class": "logs", "plinth:team": "risk"}}}
    ),
    "storage-program-fails": _storage(fails=True),
    "storage-provider-refuses": _storage(set={"events": {"retentionInDays": 13}}),
    "storage-all-at-once": _storage(
        without=["data"],
        set={
            "events": {"retentionInDays": 30},
            "data-key": {"enableKeyRotation": False},
            "decisions-public-access": {"blockPublicAcls": False},
        },
    ),
    "storage-nothing-against-a-redacted-state": _storage(redacted=True),
    "storage-delete-bucket-against-a-redacted-state": _storage(redacted=True, without=["data"]),
    # Identity.
    "identity-nothing": {"group": "identity"},
    "identity-wildcard": _may(_READ, _PASS, _DENY, _allow("s3:*", "*")),
    "identity-administrator": _may(_allow("*")),
    "identity-notaction": _may(
        _READ, _PASS, _DENY, {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}
    ),
    "identity-pass-any-role": _may(_READ, _DENY, _allow("iam:PassRole")),
    "identity-condition-dropped": _may(
        _READ, _DENY, {key: value for key, value in _PASS.items() if key != "Condition"}
    ),
    "identity-refusal-gone": _may(_READ, _PASS),
    "identity-narrowed": _may({**_READ, "Action": ["s3:GetObject"]}, _PASS, _DENY),
    "identity-trust-another-account": _role(
        assumeRolePolicy=_trust({"AWS": [_OPERATORS, "arn:aws:iam::999999999999:root"]}, **_MFA)
    ),
    "identity-trust-everyone": _role(assumeRolePolicy=_trust("*")),
    "identity-trust-without-mfa": _role(assumeRolePolicy=_trust({"AWS": _OPERATORS})),
    "identity-boundary-gone": _role(permissionsBoundary=None),
    "identity-managed-policy": {
        "group": "identity",
        "attached": ["arn:aws:iam::aws:policy/AdministratorAccess"],
    },
    "identity-unknown-policy": {"group": "identity", "unknown": True},
    "identity-secret-changed": {"group": "identity", "token": "second-made-up-token"},
    "identity-topic-policy-gone": {"group": "identity", "without": ["alerts-policy"]},
    # Compute.
    "compute-gpu-pool-grows": _pool(min=4, max=16),
    "compute-gpu-pool-other-type": _pool(types=["p5.48xlarge"]),
    "compute-gpu-pool-on-spot": _pool(capacity="SPOT"),
    "compute-open-to-the-world": {
        "group": "compute",
        "set": {"nodes-from-inside": {"cidrIpv4": "0.0.0.0/0", "fromPort": 22, "toPort": 22}},
    },
    "compute-network-replaced": {"group": "compute", "set": {"network": {"cidrBlock": "10.9.0.0/16"}}},
    # Cluster.
    "cluster-nothing": _cluster(),
    "cluster-nothing-against-a-redacted-state": _cluster(redacted=True),
    "cluster-new-model": _cluster(digest="sha256:" + "cd" * 32),
    "cluster-fewer-replicas": _cluster(replicas=1),
    "cluster-api-server-refuses": _cluster(replicas=0),  # it takes no disruption budget of -1
    "cluster-service-gone": _cluster(without=["credit-risk"]),
    "cluster-namespace-gone": _cluster(without=["serving-namespace"]),
    "cluster-right-widened": _cluster(
        set={"readers": {"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]}}
    ),
    "cluster-right-for-all": _cluster(subjects=["auditors", "system:authenticated"]),
    "cluster-secret-in-plain-text": _cluster(
        data={
            "DATABASE_URL": "postgres://risk:made-up-password@db.example.com/risk"
        }  # made up, must be masked
    ),
    "cluster-many-small-things": _cluster(many=40, subjects=["auditors", "system:authenticated"]),
}
CASES = {**BASES, **RECORDED}
