"""A control plane with the parts of the estate that the cluster itself enforces."""

import copy
import http.client
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.runtime import mocks
from pulumi_kubernetes import Provider

from infra.components.restricted_namespace import RestrictedNamespace, RestrictedNamespaceArgs
from infra.local import session, toolchain
from infra.local.control_plane import bootstrap
from infra.local.control_plane.kube_api import KubeApi, KubeError
from infra.local.session.preparation import TOOLCHAIN_PARTS
from infra.local.supervisor.layout import Site
from infra.ops.graph import event_loop
from infra.settings import Settings
from infra.wiring import gpu

PARTS = ("etcd", "apiserver", "controller-manager", "scheduler", "nodes")
PLURALS = {
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "ConfigMap": "configmaps",
    "DaemonSet": "daemonsets",
    "LimitRange": "limitranges",
    "Namespace": "namespaces",
    "NetworkPolicy": "networkpolicies",
    "PriorityClass": "priorityclasses",
    "ResourceQuota": "resourcequotas",
    "Role": "roles",
    "RoleBinding": "rolebindings",
    "Service": "services",
    "ServiceAccount": "serviceaccounts",
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
}


QUOTA = 6
_ORDER = {"Namespace": 0, "DaemonSet": 2}
"""Namespaces first; pods when all that they need is there."""
PROBE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "probe"},
    "spec": {
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "containers": [
            {
                "name": "main",
                "image": f"example.invalid/training@sha256:{'a' * 64}",
                "resources": {"limits": {"nvidia.com/gpu": "1", "cpu": "1", "memory": "1Gi"}},
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            }
        ],
    },
}
"""A pod that is refused where GPUs are used, once the policy is in force."""


class Cluster:
    """The administrator's access to the control plane."""

    def __init__(self, api: KubeApi) -> None:
        self.api = api

    def apply(self, manifest: dict[str, Any]) -> None:
        """Apply a manifest server-side."""
        version, metadata = manifest["apiVersion"], manifest["metadata"]
        root = "apis" if "/" in version else "api"
        space = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
        path = f"/{root}/{version}{space}/{PLURALS[manifest['kind']]}/{metadata['name']}"
        self.api.call(
            "PATCH",
            f"{path}?fieldManager=test&force=true",
            json.dumps(manifest).encode(),
            "application/apply-patch+yaml",
        )

    def create_pod(self, namespace: str, pod: dict[str, Any], *, dry: bool = False) -> str | None:
        """Create a pod; return the refusal, or None when it was let in."""
        path = f"/api/v1/namespaces/{namespace}/pods" + ("?dryRun=All" if dry else "")
        try:
            self.api.call("POST", path, json.dumps(pod).encode())
        except KubeError as error:
            if error.status != http.client.FORBIDDEN:
                raise
            return str(error)
        return None

    def refuses(self, namespace: str, pod: dict[str, Any], reason: str) -> Callable[[], bool]:
        """Return a question: is a pod refused by now, with this reason?"""
        return lambda: reason in str(self.create_pod(namespace, pod, dry=True))

    def may(self, group: str, verb: str, resource: str, namespace: str) -> bool:
        """Ask the API server itself whether somebody of a group may do something.

        The resource is written ``[API group/]kind[:sub-resource]``; no namespace asks for the whole cluster.
        """
        api_group, _, name = resource.rpartition("/")
        kind, _, sub = name.partition(":")
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": "somebody",
                "groups": [group, "system:authenticated"],
                "resourceAttributes": {
                    "verb": verb,
                    "group": api_group,
                    "resource": kind,
                    "subresource": sub,
                    "namespace": namespace,
                },
            },
        }
        answer = self.api.call(
            "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", json.dumps(review).encode()
        )
        return bool(json.loads(answer)["status"]["allowed"])

    def until(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        """Wait for something that must happen; the limit only tells a hang from a slow machine."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.1)


@pytest.fixture(scope="session")
def recorded() -> Callable[[Callable[[], None]], list[Any]]:
    """Return what runs a program and gives back the resources that it registers."""
    return _recorded


def _recorded(program: Callable[[], None]) -> list[Any]:
    found: list[Any] = []

    class Recorder(mocks.Mocks):
        def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
            found.append(type("Recorded", (), {"type": args.typ, "inputs": args.inputs}))
            return f"{args.name}-id", dict(args.inputs)

        def call(self, args: mocks.MockCallArgs) -> Any:
            raise AssertionError(args.token)

    with event_loop():
        mocks.set_mocks(Recorder(), project="plinth", stack="local", preview=False)
        pulumi.runtime.test(program)()
    return found


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Return a control plane of its own, with fake GPU nodes; no AWS, no Pulumi engine."""
    with tempfile.TemporaryDirectory(prefix="plinth-") as folder, pytest.MonkeyPatch.context() as patch:
        home = Path(folder) / "home"
        patch.setenv("PLINTH_HOME", str(home))
        session.start(tools=toolchain.ensure(TOOLCHAIN_PARTS), parts=PARTS)
        try:
            yield Cluster(bootstrap.api(Site.load(home / "local" / "site.json")))
        finally:
            session.stop(purge=True)


@pytest.fixture(scope="session")
def gated(cluster: Cluster) -> Cluster:
    """Apply the program's own resources of GPU work and of GPU nodes, and a namespace of other people."""
    raw = {
        "owner": "risk-platform",
        "cost_centre": "4711",
        "aws": {"account_id": "123456789012", "region": "eu-central-1", "emulated": True},
        "gateway": {"domain": "plinth.localhost"},
        "gpu": {
            "quota": QUOTA,
            "pools": {"a10g": {"instance_types": ["g5.12xlarge"], "hours_per_month": 60}},
        },
    }
    settings = Settings.parse(raw, stack="local", environ={})

    def program() -> None:
        opts = pulumi.ResourceOptions(providers=[Provider("kubernetes")])
        RestrictedNamespace(
            "serving-namespace",
            RestrictedNamespaceArgs(namespace_name="serving", pods=20, cpu_cores=64, memory_gib=64),
            opts,
        )
        gpu.gate(settings, opts)
        gpu.system(settings, opts)

    made = [resource.inputs for resource in _recorded(program) if resource.type.startswith("kubernetes:")]
    for manifest in sorted(made, key=lambda inputs: _ORDER.get(inputs["kind"], 1)):
        cluster.apply(manifest)
    for space in ("gpu", "serving", "gpu-system"):
        accounts = f"/api/v1/namespaces/{space}/serviceaccounts/default"
        cluster.until(lambda path=accounts: exists(cluster, path))  # type: ignore[misc]
    # A quota counts only when its controller has seen it.
    quota = "/api/v1/namespaces/gpu/resourcequotas/gpu"
    cluster.until(lambda: "hard" in cluster.api.get(quota).get("status", {}))
    # Admission policies take effect a moment after they are made.
    plain = copy.deepcopy(PROBE)
    del plain["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"]
    for space, probe, reason in (("gpu", PROBE, "runs as service account"), ("gpu-system", plain, "digests")):
        cluster.until(cluster.refuses(space, probe, reason))
    return cluster


def exists(cluster: Cluster, path: str) -> bool:
    """Tell whether an object is there."""
    try:
        return bool(cluster.api.get(path))
    except KubeError:
        return False
