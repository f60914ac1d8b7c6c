"""Each duty in the cluster, asked of the real API server: a table of who may do what, mostly refused."""

from typing import Any

import pulumi
import pytest
from pulumi_kubernetes import Provider

from infra.components.cluster_duties import ALARM_LABEL, ClusterDutyRoles, ClusterDutyRolesArgs
from infra.components.restricted_namespace import RestrictedNamespace, RestrictedNamespaceArgs
from infra.iam.cluster_rules import AUDITORS, BREAK_GLASS, DEPLOYERS, OPERATORS, RBAC, duties

pytestmark = pytest.mark.local

WORK = "duties-serving"
"""Stands for the namespaces in which services run; of this test's own, since the cluster is shared."""
GATEWAY = "gateway.networking.k8s.io"
ADMISSION = "admissionregistration.k8s.io"
ALLOWED = [
    (AUDITORS, "list", "pods", ""),
    (AUDITORS, "get", "pods:log", WORK),
    (AUDITORS, "list", "configmaps", "kube-system"),
    (AUDITORS, "list", f"{RBAC}/clusterrolebindings", ""),
    (AUDITORS, "get", f"{ADMISSION}/validatingadmissionpolicies", ""),
    (AUDITORS, "list", "apps/deployments", "kube-system"),
    (AUDITORS, "list", f"{GATEWAY}/httproutes", ""),
    (OPERATORS, "list", "nodes", ""),
    (OPERATORS, "patch", "nodes", ""),
    (OPERATORS, "create", "pods:eviction", "kube-system"),
    (OPERATORS, "patch", "apps/deployments:scale", WORK),
    (OPERATORS, "delete", "pods", WORK),
    (OPERATORS, "get", "pods:log", WORK),
    (DEPLOYERS, "patch", "apps/deployments", WORK),
    (DEPLOYERS, "create", f"{GATEWAY}/httproutes", WORK),
    (DEPLOYERS, "patch", "resourcequotas", WORK),
    (DEPLOYERS, "get", f"{RBAC}/clusterroles", ""),
    (BREAK_GLASS, "delete", "pods", "kube-system"),
    (BREAK_GLASS, "create", "pods:exec", WORK),
    (BREAK_GLASS, "patch", f"{ADMISSION}/validatingadmissionpolicybindings", ""),
    (BREAK_GLASS, "patch", "apps/deployments", "kube-system"),
]
REFUSED = [
    # Nobody reads a secret, enters as somebody else, or raises rights.
    *((group, "get", "secrets", WORK) for group in (AUDITORS, OPERATORS, DEPLOYERS, BREAK_GLASS)),
    *((group, "list", "secrets", "") for group in (AUDITORS, OPERATORS, DEPLOYERS, BREAK_GLASS)),
    *((group, "impersonate", "users", "") for group in (AUDITORS, OPERATORS, DEPLOYERS, BREAK_GLASS)),
    *((group, "escalate", f"{RBAC}/clusterroles", "") for group in (OPERATORS, DEPLOYERS, BREAK_GLASS)),
    *((group, "bind", f"{RBAC}/clusterroles", "") for group in (OPERATORS, DEPLOYERS, BREAK_GLASS)),
    *((group, "create", "serviceaccounts:token", WORK) for group in (OPERATORS, DEPLOYERS, BREAK_GLASS)),
    # Auditors change nothing and enter nothing.
    (AUDITORS, "create", "pods", WORK),
    (AUDITORS, "delete", "events", WORK),
    (AUDITORS, "create", "pods:exec", WORK),
    (AUDITORS, "get", "pods:exec", WORK),
    (AUDITORS, "get", "nodes:proxy", ""),
    (AUDITORS, "create", "pods:portforward", WORK),
    (AUDITORS, "patch", f"{RBAC}/clusterroles", ""),
    (AUDITORS, "create", f"{RBAC}/rolebindings", WORK),
    # Operators run what is there, and make nothing.
    (OPERATORS, "create", "pods", WORK),
    (OPERATORS, "create", "apps/deployments", WORK),
    (OPERATORS, "patch", "apps/deployments", WORK),
    (OPERATORS, "patch", "apps/deployments:scale", "kube-system"),
    (OPERATORS, "delete", "pods", "kube-system"),
    (OPERATORS, "create", "pods:exec", WORK),
    (OPERATORS, "get", "configmaps", WORK),
    (OPERATORS, "delete", "nodes", ""),
    (OPERATORS, "patch", f"{ADMISSION}/validatingadmissionpolicies", ""),
    (OPERATORS, "update", "resourcequotas", WORK),
    (OPERATORS, "create", f"{RBAC}/rolebindings", WORK),
    # CI changes services, where services run.
    (DEPLOYERS, "patch", "apps/deployments", "kube-system"),
    (DEPLOYERS, "create", "pods", WORK),
    (DEPLOYERS, "create", "pods:exec", WORK),
    (DEPLOYERS, "create", f"{RBAC}/rolebindings", WORK),
    (DEPLOYERS, "patch", f"{RBAC}/clusterroles", ""),
    (DEPLOYERS, "patch", f"{ADMISSION}/validatingadmissionpolicies", ""),
    (DEPLOYERS, "delete", f"{ADMISSION}/validatingadmissionpolicybindings", ""),
    (DEPLOYERS, "patch", "namespaces", ""),
    (DEPLOYERS, "delete", "namespaces", ""),
    (DEPLOYERS, "patch", "nodes", ""),
    (DEPLOYERS, "create", "batch/jobs", "gpu"),
    # In an emergency too.
    (BREAK_GLASS, "create", "certificates.k8s.io/certificatesigningrequests", ""),
    (BREAK_GLASS, "get", "nodes:proxy", ""),
    # Who is in no group does nothing.
    ("somebody", "list", "pods", WORK),
    ("somebody", "get", "apps/deployments", WORK),
]


@pytest.fixture(scope="module")
def staffed(cluster: Any, recorded: Any) -> Any:
    """The very resources of the program, applied."""

    def program() -> None:
        opts = pulumi.ResourceOptions(providers=[Provider("kubernetes")])
        space = RestrictedNamespace(
            "work", RestrictedNamespaceArgs(namespace_name=WORK, pods=2, cpu_cores=1, memory_gib=1), opts
        )
        for duty in duties():
            ClusterDutyRoles(
                duty.group, ClusterDutyRolesArgs(duty=duty, namespaces={"work": space.name}), opts
            )

    made = [resource.inputs for resource in recorded(program) if resource.type.startswith("kubernetes:")]
    for manifest in sorted(made, key=lambda inputs: inputs["kind"] != "Namespace"):
        cluster.apply(manifest)
    cluster.until(lambda: cluster.may(DEPLOYERS, "patch", "apps/deployments", WORK))
    return cluster


def test_the_table_is_mostly_refusals_and_names_every_group() -> None:
    groups = {duty.group for duty in duties()}

    assert len(REFUSED) > len(ALLOWED)
    assert groups == {row[0] for row in ALLOWED}
    assert groups < {row[0] for row in REFUSED}


@pytest.mark.parametrize(("group", "verb", "resource", "namespace"), ALLOWED)
def test_a_duty_can_be_done(staffed: Any, group: str, verb: str, resource: str, namespace: str) -> None:
    assert staffed.may(group, verb, resource, namespace)


@pytest.mark.parametrize(("group", "verb", "resource", "namespace"), REFUSED)
def test_more_than_the_duty_is_refused(
    staffed: Any, group: str, verb: str, resource: str, namespace: str
) -> None:
    assert not staffed.may(group, verb, resource, namespace)


def test_the_emergency_role_is_labelled_as_what_raises_an_alarm(staffed: Any) -> None:
    for plural in ("clusterroles", "clusterrolebindings"):
        found = staffed.api.get(f"/apis/{RBAC}/v1/{plural}?labelSelector={ALARM_LABEL}")["items"]
        assert [one["metadata"]["name"] for one in found] == [BREAK_GLASS]
