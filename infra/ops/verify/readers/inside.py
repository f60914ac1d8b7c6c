"""Reads the cluster: namespaces and their guards, admission, the gateway, what serves."""

from collections.abc import Callable, Mapping
from typing import Any

from infra.ops.account import Account
from infra.ops.verify.model import Document, Unseen
from infra.rollout.served import stable_copies

NAMESPACES = "/api/v1/namespaces"
QUOTAS = "/api/v1/resourcequotas"
LIMITS = "/api/v1/limitranges"
DENIALS = "/apis/networking.k8s.io/v1/networkpolicies"
POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
BINDINGS = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"
CLASSES = "/apis/gateway.networking.k8s.io/v1/gatewayclasses"
GATEWAYS = "/apis/gateway.networking.k8s.io/v1/gateways"
GRANTS = "/apis/rbac.authorization.k8s.io/v1/rolebindings"
DEPLOYMENTS = "/apis/apps/v1/deployments"
BUDGETS = "/apis/policy/v1/poddisruptionbudgets"
MODES = ("enforce", "audit", "warn")
Rows = Mapping[str, list[dict[str, Any]]]


def collect(account: Account) -> dict[str, dict[str, Document] | Unseen]:
    """Return the facts of the cluster by kind."""
    paths = (
        NAMESPACES, QUOTAS, LIMITS, DENIALS, POLICIES, BINDINGS, CLASSES, GATEWAYS, GRANTS, DEPLOYMENTS,
        BUDGETS,
    )  # fmt: skip
    answers = account.objects(paths)
    refused = {path: rows for path, rows in answers.items() if isinstance(rows, str)}
    rows = {path: found for path, found in answers.items() if not isinstance(found, str)}
    kinds: dict[str, tuple[Callable[[Rows], dict[str, Document]], tuple[str, ...]]] = {
        "namespace": (namespaces, (NAMESPACES, QUOTAS, LIMITS, DENIALS)),
        "admission": (admissions, (POLICIES, BINDINGS)),
        "gateway": (gateways, (CLASSES, GATEWAYS)),
        "grant": (grants, (GRANTS,)),
        "deployment": (deployments, (DEPLOYMENTS, BUDGETS)),
    }
    return {
        kind: next((Unseen(refused[path]) for path in needed if path in refused), None) or read(rows)
        for kind, (read, needed) in kinds.items()
    }


def _space(row: Mapping[str, Any]) -> str:
    return str(row["metadata"].get("namespace", ""))


def _name(row: Mapping[str, Any]) -> str:
    return str(row["metadata"]["name"])


def namespaces(rows: Rows) -> dict[str, Document]:
    """Return each namespace with its guards. Pure."""
    found: dict[str, Document] = {}
    for row in rows[NAMESPACES]:
        name = _name(row)
        labels = row["metadata"].get("labels") or {}
        quotas = [quota for quota in rows[QUOTAS] if _space(quota) == name]
        limits = [
            entry for limit in rows[LIMITS] if _space(limit) == name for entry in limit["spec"]["limits"]
        ]
        found[name] = {
            "namespace": name,
            "restricted": [
                mode for mode in MODES if labels.get(f"pod-security.kubernetes.io/{mode}") == "restricted"
            ],
            "denies": sorted(
                {
                    kind
                    for policy in rows[DENIALS]
                    if _space(policy) == name
                    for kind in _closed(policy["spec"])
                }
            ),
            "bounded": sorted({key for quota in quotas for key in quota.get("status", {}).get("hard", {})}),
            "limited": sorted({entry["type"] for entry in limits if entry.get("default")}),
            "gpus": max((_count(quota, "requests.nvidia.com/gpu") for quota in quotas), default=-1),
        }
    return found


def _count(quota: Mapping[str, Any], resource: str) -> int:
    return int(quota.get("status", {}).get("hard", {}).get(resource, -1))


def _closed(spec: Mapping[str, Any]) -> list[str]:
    """Return the directions that a policy closes for every pod: no selector, no rule."""
    if spec.get("podSelector"):
        return []
    return [kind for kind in spec.get("policyTypes") or () if not spec.get(kind.lower())]


def admissions(rows: Rows) -> dict[str, Document]:
    """Return each admission policy with what its binding does. Pure."""
    bound: dict[str, list[str]] = {}
    for row in rows[BINDINGS]:
        spec = row["spec"]
        # A binding that matches only some resources leaves the others unjudged.
        if not spec.get("matchResources"):
            bound.setdefault(spec["policyName"], []).extend(spec.get("validationActions") or ())
    return {
        _name(row): {
            "policy": _name(row),
            "when_it_fails": row["spec"].get("failurePolicy", "Fail"),
            "actions": sorted(set(bound.get(_name(row), ()))),
            "rules": len(row["spec"].get("validations") or ()),
        }
        for row in rows[POLICIES]
    }


def gateways(rows: Rows) -> dict[str, Document]:
    """Return each gateway: who serves it, whether it does, and whose routes it takes. Pure."""
    controllers = {_name(row): row["spec"]["controllerName"] for row in rows[CLASSES]}
    found: dict[str, Document] = {}
    for row in rows[GATEWAYS]:
        spec = row["spec"]
        conditions = {c["type"]: c["status"] for c in row.get("status", {}).get("conditions") or ()}
        whose = [entry.get("allowedRoutes", {}).get("namespaces", {}) for entry in spec["listeners"]]
        found[f"{_space(row)}/{_name(row)}"] = {
            "gateway": _name(row),
            "controller": controllers.get(spec["gatewayClassName"]),
            "programmed": conditions.get("Programmed"),
            "open_listeners": [
                space.get("from", "Same")
                for space in whose
                if space.get("from") not in ("Selector", "Same", None)
            ],
        }
    return found


def grants(rows: Rows) -> dict[str, Document]:
    """Return each role binding with the groups that it lets in. Pure."""
    return {
        f"{_space(row)}/{_name(row)}": {
            "namespace": _space(row),
            "role": row["roleRef"]["name"],
            "groups": sorted(who["name"] for who in row.get("subjects") or () if who["kind"] == "Group"),
            "others": sorted(who["name"] for who in row.get("subjects") or () if who["kind"] != "Group"),
        }
        for row in rows[GRANTS]
    }


def deployments(rows: Rows) -> dict[str, Document]:
    """Return each deployment: what it runs, what its pods may do, how many may be lost. Pure.

    Where Flagger carries out releases, the copy that answers users stands for the service.
    """
    found: dict[str, Document] = {}
    for row in stable_copies(rows[DEPLOYMENTS]):
        spec = row["spec"]["template"]["spec"]
        containers = [*spec["containers"], *(spec.get("initContainers") or ())]
        labels = row["spec"]["template"]["metadata"].get("labels") or {}
        found[f"{_space(row)}/{_name(row)}"] = {
            "namespace": _space(row),
            "service": _name(row),
            "replicas": row["spec"].get("replicas"),
            "by_tag": [c["image"] for c in containers if "@sha256:" not in c["image"]],
            "writable_roots": [
                c["name"]
                for c in containers
                if not c.get("securityContext", {}).get("readOnlyRootFilesystem")
            ],
            "token": spec.get("automountServiceAccountToken", True),
            "unprobed": [
                c["name"]
                for c in spec["containers"]
                if not (c.get("readinessProbe") and c.get("livenessProbe"))
            ],
            "spread": len(spec.get("topologySpreadConstraints") or ()),
            "budgets": sum(_covers(budget, _space(row), labels) for budget in rows[BUDGETS]),
        }
    return found


def _covers(budget: Mapping[str, Any], space: str, labels: Mapping[str, str]) -> bool:
    wanted = budget["spec"].get("selector", {}).get("matchLabels") or {}
    return _space(budget) == space and bool(wanted) and wanted.items() <= labels.items()
