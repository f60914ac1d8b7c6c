"""What a cluster holds before anybody uses it: rights of the platform's parts, and definitions."""

import time
from pathlib import Path
from typing import Any

import yaml

from infra.local.control_plane.access import ADMIN_GROUP
from infra.local.control_plane.kube_api import KubeApi, KubeError, object_path
from infra.local.supervisor.layout import Site

ESTABLISH_SECONDS = 30
"""Seconds until a new definition is served; the API server takes about one."""

_RBAC = "rbac.authorization.k8s.io"
_PARTS_WITH_RIGHTS = ("nodes", "runner", "gateway", "monitor", "rollout")
"""Each brings its ClusterRole ``plinth:<part>`` in a file ``rbac.yaml`` of its package or, for the
nodes, in ``nodes_rbac.yaml``; the binding to the user of the same name is made here."""
OWN_RIGHTS = frozenset({ADMIN_GROUP, *(f"plinth:{part}" for part in _PARTS_WITH_RIGHTS)})
"""Names of the roles and bindings that the platform makes for itself; a cluster on AWS has none of them."""


def api(site: Site) -> KubeApi:
    """Return the supervisor's own access (``system:masters``): it must work before any RBAC exists."""
    pki = site.pki
    return KubeApi(
        site.ports["apiserver"],
        pki / "kube-ca.crt",
        pki / "client-bootstrap.crt",
        pki / "client-bootstrap.key",
    )


def _binding(name: str, role: str, kind: str, subject: str) -> dict[str, Any]:
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": _RBAC, "kind": kind, "name": subject}],
    }


def manifests(site: Site) -> list[dict[str, Any]]:
    """Return everything that is applied, in order."""
    found = [_binding(ADMIN_GROUP, "cluster-admin", "Group", ADMIN_GROUP)]
    folder = Path(__file__).resolve().parents[1]
    for part in _PARTS_WITH_RIGHTS:
        file = folder / "nodes_rbac.yaml" if part == "nodes" else folder / part / "rbac.yaml"
        found += [document for document in yaml.safe_load_all(file.read_text()) if document]
        found.append(_binding(f"plinth:{part}", f"plinth:{part}", "User", f"plinth:{part}"))
    folders = (site.tools["gateway-api-crds"], site.tools["flagger-crds"])
    for file in (path for folder in folders for path in sorted(folder.glob("*.yaml"))):
        # The C loader: these definitions are 700 KB of YAML, which takes seconds in pure Python.
        found += [document for document in yaml.load_all(file.read_text(), yaml.CSafeLoader) if document]
    return found


def bootstrap(site: Site) -> None:
    """Bring a cluster, new or old, to what the platform expects. Safe to run again at any time.

    Raises:
        KubeError: The API server refused something.
        OSError: It does not answer.
    """
    kube = api(site)
    applied = manifests(site)
    for manifest in applied:
        kube.apply(manifest)
    waiting = [m for m in applied if m["kind"] == "CustomResourceDefinition"]
    deadline = time.monotonic() + ESTABLISH_SECONDS
    while waiting and time.monotonic() < deadline:
        waiting = [m for m in waiting if not _established(kube.get(object_path(m)))]
        if waiting:
            time.sleep(0.1)
    if waiting:
        names = ", ".join(m["metadata"]["name"] for m in waiting)
        raise KubeError(504, f"definitions not served after {ESTABLISH_SECONDS} s: {names}")


def _established(definition: dict[str, Any]) -> bool:
    conditions = definition.get("status", {}).get("conditions", [])
    return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)
