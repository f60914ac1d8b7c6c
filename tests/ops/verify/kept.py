"""Facts of environments that keep every promise, written by hand: no more in them than is promised."""

import json
from collections.abc import Iterator
from typing import Any

from infra.settings import Settings

Documents = dict[str, dict[str, Any]]
KEYED = (
    "artifacts", "audit", "data", "decisions", "features", "registry", "requests", "reviews", "cluster",
    "volumes", "logs", "images", "backup",
)  # fmt: skip
CLOSED = {
    "BlockPublicAcls": True,
    "BlockPublicPolicy": True,
    "IgnorePublicAcls": True,
    "RestrictPublicBuckets": True,
}


def facts(settings: Settings) -> dict[str, Documents]:
    """Return what the readers would find in an environment that is as design.md says."""
    # Through JSON, so that no two facts are the same object: tests change one of them.
    return dict(json.loads(json.dumps(_facts(settings))))


def _facts(settings: Settings) -> dict[str, Documents]:
    owns = settings.aws.owns_account
    return {
        "key": _keys(settings),
        "bucket": _buckets(settings),
        "account": {
            "a": {"account": settings.aws.account_id, "public_access": CLOSED, "volumes": True},
        },
        "table": {
            name: {
                "class": name,
                "encryption": {"status": "ENABLED", "type": "KMS", "key_class": name},
                "protected": True,
                "point_in_time": "ENABLED",
            }
            for name in ("features", "registry", "reviews")
        },
        "queue": {
            f"{name}-{holds}": {
                "service": name,
                "holds": holds,
                "key_class": "requests",
                "tls_only": True,
                "keeps_failed": holds != "failed",
            }
            for name, wanted in settings.services.items()
            if wanted.queue
            for holds in ("answers", "failed", "requests")
        },
        "repository": {
            f"plinth/{name}": {
                "service": name,
                "tags_move": "IMMUTABLE",
                "scanned": True,
                "key_class": "images",
            }
            for name in settings.services
        },
        "thing": _things(settings),
        **_network(settings),
        **_roles(settings),
        **_cluster(settings),
        **_inside(settings),
        **(_trail() if owns else {"trail": {}, "questions": {}}),
        "recorder": {
            "r": {"recorder": "of the account", "on": True, "everything": True, "bucket_classes": ["audit"]}
        },
        "watch": {
            "detector": {
                "watch": "threats",
                "on": True,
                "parts": [
                    "EBS_MALWARE_PROTECTION", "EKS_AUDIT_LOGS", "RUNTIME_MONITORING", "S3_DATA_EVENTS",
                ],
            },
            "hub": {"watch": "posture", "on": True, "parts": ["aws-foundational-security-best-practices"]},
            "analyzer": {"watch": "outside access", "on": True, "parts": ["ACCOUNT"]},
        },
        "delivery": _deliveries(settings),
        **_recovery(settings),
    }  # fmt: skip


def _keys(settings: Settings) -> Documents:
    return {
        f"arn:{name}": {
            "class": name,
            "region": settings.aws.region,
            "state": "Enabled",
            "manager": "CUSTOMER",
            "rotation": True,
        }
        for name in (*KEYED, *([] if settings.aws.emulated else ["state"]))
    }


def _buckets(settings: Settings) -> Documents:
    here, there = settings.aws.region, settings.recovery.region
    found = {"logs": _bucket("access-logs", here, {"algorithm": "AES256", "key_class": None})}
    state = [] if settings.aws.emulated else ["state"]
    for name in ["artifacts", "audit", "data", "decisions", "features", *state]:
        found[name] = _bucket(name, here, {"algorithm": "aws:kms", "key_class": name})
        found[name]["log_class"] = "access-logs"
    for name in ("artifacts", "data", "decisions") if there else ():
        found[name]["copy"] = {"to_region": there, "to_class": name, "key_class": f"{name}-replica"}
        copy = _bucket(name, there, {"algorithm": "aws:kms", "key_class": f"{name}-replica"})
        found[f"{name}-copy"] = {**copy, "log_class": "access-logs"}
    for bucket in found.values():
        if bucket["class"] in ("audit", "decisions"):
            bucket["lock"] = {"mode": "COMPLIANCE", "days": settings.storage.record_lock_days}
    return found


def _bucket(name: str, region: str, encryption: dict[str, Any]) -> dict[str, Any]:
    return {
        "class": name,
        "region": region,
        "encryption": encryption,
        "tls_only": True,
        "versioning": "Enabled",
        "public_access": CLOSED,
        "ownership": "BucketOwnerEnforced",
    }


def _things(settings: Settings) -> Documents:
    kinds = (
        "dynamodb/table", "ec2/vpc", "eks/cluster", "eks/node-group", "iam/role", "kms/key", "s3/bucket",
    )  # fmt: skip
    tags = {
        "environment": settings.environment,
        "owner": settings.owner,
        "cost-centre": settings.cost_centre,
    }
    return {kind: {"kind": kind, "tags": tags} for kind in kinds}


def _network(settings: Settings) -> dict[str, Documents]:
    doors = ["dynamodb", "ecr.api", "ecr.dkr", "eks", "kms", "logs", "s3", "sts"]
    logs = ["control-plane", "network-flow", *(["audit-trail"] if settings.aws.owns_account else [])]
    return {
        "network": {
            "vpc": {
                "network": "of the environment",
                "cidr": settings.network.cidr,
                "private_zones": settings.network.zones,
                "endpoints": doors,
                "endpoint_groups": [settings.network.cidr],
                "flow": {"status": "ACTIVE", "traffic": "ALL", "key_class": "logs"},
                "default_group": {"ingress": [], "egress": []},
            }
        },
        "subnet": {
            f"subnet-{n}": {"stands_in": "cluster", "internet_routes": [], "public_addresses": False}
            for n in range(settings.network.zones)
        },
        "log-group": {name: {"log": name, "key_class": "logs", "days": 400} for name in logs},
    }


def _roles(settings: Settings) -> dict[str, Documents]:
    duties = ["auditor", "break-glass", "ml-engineer", "operator", "overseer", "node"]
    duties += ["ci-deploy", "ci-preview"] if settings.identity.repository else []
    host = "token.actions.githubusercontent.com"
    return {
        "role": {
            duty: {
                "duty": duty,
                "boundary": f"plinth-{settings.environment}-boundary",
                "wildcards": [],
                "open_trust": [],
            }
            for duty in duties
        },
        "federation": {host: {"host": host, "audiences": ["sts.amazonaws.com"]}},
    }


def _cluster(settings: Settings) -> dict[str, Documents]:
    groups = {
        "auditor": "plinth-auditors",
        "break-glass": "plinth-break-glass",
        "ml-engineer": settings.gpu.group,
        "operator": "plinth-operators",
    } | ({"ci-deploy": "plinth-deployers"} if settings.identity.repository else {})
    return {
        "cluster": {
            "c": {
                "cluster": "of the environment",
                "private_endpoint": True,
                "public_endpoint": False,
                "public_cidrs": [],
                "open_to_all": [],
                "sealed": ["secrets"],
                "key_class": "cluster",
                "logs": ["api", "audit", "authenticator", "controllerManager", "scheduler"],
                "authentication": "API",
                "version": settings.cluster.version,
                "addons": dict(settings.cluster.addons),
                "protected": settings.cluster.deletion_protection,
            }
        },
        "alarm": {
            name: {"alarm": name, "on": True, "topics": ["alerts"], "at": 1.0, "filters": 1}
            for name in ("break-glass-use-account", "break-glass-use-cluster")
        },
        "entry": {duty: {"duty": duty, "groups": [group], "policies": []} for duty, group in groups.items()},
        "pod-identity": {
            name: {"workload": f"serving/{name}", "role": f"plinth-{settings.environment}-serve-{name}"}
            for name in settings.services
        },
        "pool": dict(_pools(settings)),
    }


def _pools(settings: Settings) -> Iterator[tuple[str, dict[str, Any]]]:
    template = {
        "tokens": "required",
        "hops": 1,
        "disks": 1,
        "plain_disks": [],
        "disk_key_classes": ["volumes"],
        "public_addresses": [],
        "tagged": ["instance", "volume"],
    }
    for plain in ("serving", "system"):
        yield plain, {"pool": plain, "gpu": False, "remote_access": [], "template": template}
    for name, wish in settings.gpu.pools.items():
        pool = f"gpu-{name}"
        yield (
            pool,
            {
                "pool": pool,
                "gpu": True,
                "remote_access": [],
                "template": template,
                "min": wish.min_nodes,
                "max": wish.max_nodes,
                "capacity": wish.capacity,
                "labels": ["nvidia.com/gpu.present=true", f"plinth.dev/pool={pool}"],
                "taints": ["nvidia.com/gpu:NO_SCHEDULE"],
            },
        )


def _inside(settings: Settings) -> dict[str, Documents]:
    guarded: dict[str, Any] = {
        "restricted": ["enforce", "audit", "warn"],
        "denies": ["Egress", "Ingress"],
        "bounded": ["limits.memory", "pods", "requests.cpu", "requests.memory"],
        "limited": ["Container"],
    }
    spaces = {name: {"namespace": name, **guarded} for name in ("gateway", "serving", "gpu")}
    spaces["gpu"]["gpus"] = settings.gpu.quota
    return {
        "namespace": spaces,
        "grant": {
            "gpu/users": {"namespace": "gpu", "groups": [settings.gpu.group], "others": []},
        },
        "admission": {
            **{
                name: {"policy": name, "when_it_fails": "Fail", "actions": ["Deny"], "rules": rules}
                for name, rules in (
                    ("plinth-accounts", 1),
                    ("plinth-namespaces", 1),
                    ("plinth-objects", 1),
                    ("plinth-pods", 12),
                )
            },
            "plinth-gpu": {
                "policy": "plinth-gpu",
                "when_it_fails": "Fail",
                "actions": ["Deny"],
                "rules": 5,
            },
        },
        "gateway": {
            "gateway/plinth": {
                "gateway": "plinth",
                "controller": settings.gateway.controller,
                "programmed": "True",
                "open_listeners": [],
            }
        },
        "deployment": {
            f"serving/{name}": {
                "namespace": "serving",
                "service": name,
                "replicas": wanted.replicas,
                "budgets": 1,
                "spread": 1,
                "unprobed": [],
                "by_tag": [],
                "writable_roots": [],
                "token": False,
            }
            for name, wanted in settings.services.items()
        },
    }


def _trail() -> dict[str, Documents]:
    return {
        "trail": {
            "t": {
                "trail": "of the environment",
                "on": True,
                "all_regions": True,
                "global_services": True,
                "validated": True,
                "management": True,
                "key_class": "audit",
                "bucket_class": "audit",
                "to_log_group": True,
                "data_classes": ["artifacts", "data", "decisions"],
            }
        },
        "questions": {
            "q": {
                "questions": "to the trail",
                "names": ["what-changed-in-iam", "who-read-the-training-data", "who-used-the-gpu-pool"],
                "enforced": True,
                "key_class": "queries",
            }
        },
    }


def _deliveries(settings: Settings) -> Documents:
    names = ["recorder", *(["trail"] if settings.aws.owns_account else [])]
    names += [f"backups in {region}" for region in (settings.aws.region, settings.recovery.region) if region]
    return {name: {"of": name, "hours": -26.0} for name in names}


def _recovery(settings: Settings) -> dict[str, Documents]:
    region, percent = settings.recovery.region, settings.cost.alert_percent
    days = settings.recovery.backup_days
    vaults = {"backups": (settings.aws.region, "backup")} | (
        {"copies": (region, "backup-replica")} if region else {}
    )
    return {
        "vault": {
            name: {"vault": name, "region": place, "locked": True, "shortest_days": days, "key_class": key}
            for name, (place, key) in vaults.items()
        },
        "plan": {
            "p": {
                "plan": "of the environment",
                "nightly": True,
                "days": days,
                "copies_to": [region] if region else [],
                "selects": ["plinth:backup=daily"],
            }
        },
        "restore": {
            "r": {
                "restore": "of the environment",
                "weekly": True,
                "vaults": ["backups"],
                "kinds": ["DynamoDB", "S3"],
            }
        },
        "budget": {
            "b": {
                "budget": "of the environment",
                "usd": float(settings.cost.monthly_budget_usd),
                "month": "MONTHLY",
                "told_at": [f"ACTUAL {percent}", f"FORECASTED {percent}"],
                "told": ["SNS"],
                "stops_at": [str(settings.cost.stop_percent)],
            }
        },
        "anomalies": {"a": {"anomalies": "of the account", "monitors": 1, "told": ["SNS"]}},
        "topic": {
            "t": {
                "topic": "alerts",
                "key_class": "alerts",
                "addresses": sorted(settings.cost.alert_addresses),
            }
        },
    }
