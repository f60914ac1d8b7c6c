"""Reads the objects of the cluster as they are, whoever put them there."""

from collections.abc import Iterator
from typing import Any

from infra.local.control_plane.bootstrap import OWN_RIGHTS
from infra.ops.account import Account
from policies.admission_rules import SYSTEM_OBJECTS
from policies.core import Resource, normalise

_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_ADMISSION = "/apis/admissionregistration.k8s.io/v1"
PATHS = {
    "/api/v1/limitranges": "core/v1:LimitRange",
    "/api/v1/namespaces": "core/v1:Namespace",
    "/api/v1/pods": "core/v1:Pod",
    "/api/v1/resourcequotas": "core/v1:ResourceQuota",
    "/api/v1/serviceaccounts": "core/v1:ServiceAccount",
    "/api/v1/services": "core/v1:Service",
    "/apis/apps/v1/daemonsets": "apps/v1:DaemonSet",
    "/apis/apps/v1/deployments": "apps/v1:Deployment",
    "/apis/apps/v1/replicasets": "apps/v1:ReplicaSet",
    "/apis/apps/v1/statefulsets": "apps/v1:StatefulSet",
    "/apis/batch/v1/cronjobs": "batch/v1:CronJob",
    "/apis/batch/v1/jobs": "batch/v1:Job",
    "/apis/gateway.networking.k8s.io/v1/gateways": "gateway.networking.k8s.io/v1:Gateway",
    "/apis/gateway.networking.k8s.io/v1/httproutes": "gateway.networking.k8s.io/v1:HTTPRoute",
    "/apis/networking.k8s.io/v1/ingresses": "networking.k8s.io/v1:Ingress",
    "/apis/networking.k8s.io/v1/networkpolicies": "networking.k8s.io/v1:NetworkPolicy",
    "/apis/policy/v1/poddisruptionbudgets": "policy/v1:PodDisruptionBudget",
    f"{_ADMISSION}/validatingadmissionpolicies": "admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy",
    f"{_ADMISSION}/validatingadmissionpolicybindings": (
        "admissionregistration.k8s.io/v1:ValidatingAdmissionPolicyBinding"
    ),
    f"{_RBAC}/clusterrolebindings": "rbac.authorization.k8s.io/v1:ClusterRoleBinding",
    f"{_RBAC}/clusterroles": "rbac.authorization.k8s.io/v1:ClusterRole",
    f"{_RBAC}/rolebindings": "rbac.authorization.k8s.io/v1:RoleBinding",
    f"{_RBAC}/roles": "rbac.authorization.k8s.io/v1:Role",
}
"""Path to the type of what is there. Secrets and config maps are left out: no control reads their content."""
_CLUSTERS_OWN = ("kube-node-lease", "kube-public", "kube-system")
"""Namespaces of what runs the cluster; an object in them is judged when the state knows it."""
_SERVERS_OWN = ("managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink")


def resources(account: Account, known: dict[tuple[str, str], str]) -> tuple[list[Resource], dict[str, str]]:
    """Return the objects that somebody put into the cluster, and what could not be asked.

    Args:
        account: Whose cluster.
        known: Type and id of each object that the state knows, to its URN.
    """
    answers = account.objects(PATHS)
    unseen = {token: rows for path, token in PATHS.items() if isinstance(rows := answers[path], str)}
    found = [
        _resource(f"kubernetes:{token}", row, known)
        for path, token in PATHS.items()
        for row in _rows(answers[path])
        if (f"kubernetes:{token}", _name(row)) in known or _somebodys(row, token, emulated=account.emulated)
    ]
    return found, unseen


def _rows(answer: list[dict[str, Any]] | str) -> Iterator[dict[str, Any]]:
    if not isinstance(answer, str):
        yield from answer


def _name(row: dict[str, Any]) -> str:
    """Return the name of an object as the state has it."""
    space = row["metadata"].get("namespace", "")
    return f"{space}/{row['metadata']['name']}" if space else str(row["metadata"]["name"])


def _somebodys(row: dict[str, Any], token: str, *, emulated: bool = False) -> bool:
    """Whether an object is somebody's own and not made by the cluster itself, or by another object."""
    metadata = row["metadata"]
    name, space, labels = metadata["name"], metadata.get("namespace", ""), metadata.get("labels") or {}
    of_cluster = (
        space in _CLUSTERS_OWN
        or (token.endswith(":Namespace") and name in (*_CLUSTERS_OWN, "default"))
        or (name in SYSTEM_OBJECTS and (space == "default" or token.endswith(":ServiceAccount")))
        or "kubernetes.io/bootstrapping" in labels
        or name.startswith("system:")
        or (emulated and token.startswith("rbac.") and name in OWN_RIGHTS)
    )
    return not of_cluster and not metadata.get("ownerReferences")


def _resource(token: str, row: dict[str, Any], known: dict[tuple[str, str], str]) -> Resource:
    metadata = {key: value for key, value in row["metadata"].items() if key not in _SERVERS_OWN}
    props = {key: value for key, value in row.items() if key not in ("status", "metadata")}
    name = _name(row)
    urn = known.get((token, name), f"urn:live::{token}::{name}")
    return Resource(urn=urn, type=token, props=normalise({**props, "metadata": metadata}))
