"""Kubernetes RBAC: roles name what they allow, hand out no master keys, and nobody is bound to everything."""

from collections.abc import Iterator

from policies.core import (
    At,
    Check,
    Family,
    Outcome,
    PolicySettings,
    RelationCheck,
    Resource,
    Stack,
    failed,
    passed,
    undecided,
)
from policies.exemptions import exempted
from policies.families.common import first_unknown, itself

ROLE = "kubernetes:rbac.authorization.k8s.io:Role"
CLUSTER_ROLE = "kubernetes:rbac.authorization.k8s.io:ClusterRole"
BINDING = "kubernetes:rbac.authorization.k8s.io:RoleBinding"
CLUSTER_BINDING = "kubernetes:rbac.authorization.k8s.io:ClusterRoleBinding"
_ROLES = frozenset({ROLE, CLUSTER_ROLE})
_BINDINGS = frozenset({BINDING, CLUSTER_BINDING})

READING = frozenset({"get", "list", "watch"})
WRITING = frozenset({"create", "update", "patch", "delete", "deletecollection", "*"})
_ANY = frozenset({"*"})
MASTER_VERBS = ("escalate", "bind", "impersonate")
"""Verbs by which an identity becomes another one or gives itself more."""
_WEBHOOKS = ("validatingwebhookconfigurations", "mutatingwebhookconfigurations")
MASTER_RESOURCES: dict[str, frozenset[str]] = {
    "pods/exec": READING | WRITING,
    "pods/attach": READING | WRITING,
    "pods/portforward": READING | WRITING,
    "secrets": READING | _ANY,
    "nodes/proxy": READING | WRITING,
    "serviceaccounts/token": WRITING,
    "certificatesigningrequests/approval": WRITING,
    **dict.fromkeys(_WEBHOOKS, WRITING),
}
"""Resources that lead to all others, with the verbs that do so (CIS EKS 4.1, trivy KSV-0041 to KSV-0114)."""
_ADMISSION = "admissionregistration.k8s.io"
_EVERYBODY = ("system:anonymous", "system:authenticated", "system:unauthenticated", "system:masters")


def _rules(role: Resource) -> Iterator[tuple[At, dict[str, frozenset[str]]]]:
    """Give each rule with its lists as sets of strings."""
    for rule in role.at("rules").each():
        yield (
            rule,
            {
                key: frozenset(str(item.value) for item in rule.at(key).each())
                for key in ("apiGroups", "resources", "verbs")
            },
        )


def _names(role: Resource, _: PolicySettings) -> Iterator[Outcome]:
    allowed = exempted("rbac-names-what-it-allows", role)
    if hidden := first_unknown(role.at("rules")):
        yield undecided(hidden)
        return
    yield passed()
    for rule, said in _rules(role):
        for key in ("apiGroups", "verbs"):
            if "*" in said[key]:
                yield failed(rule.at(key), "must name what is allowed instead of *")
        # Reading everything of a named group is what an auditor does; the core group holds secrets.
        reads_a_group = said["verbs"] <= READING and "" not in said["apiGroups"]
        if "*" in said["resources"] and not reads_a_group and "*" not in allowed:
            yield failed(rule.at("resources"), "must name what is allowed instead of *")


def _no_master_key(role: Resource, _: PolicySettings) -> Iterator[Outcome]:
    allowed = exempted("rbac-gives-no-master-key", role)
    if hidden := first_unknown(role.at("rules")):
        yield undecided(hidden)
        return
    yield passed()
    for rule, said in _rules(role):
        if masters := sorted(said["verbs"] & set(MASTER_VERBS)):
            yield failed(rule.at("verbs"), f"must not hold {', '.join(masters)}")
        resources = said["resources"]
        if "*" in resources and _ADMISSION in said["apiGroups"]:
            resources |= set(_WEBHOOKS)
        if "*" in resources and "" in said["apiGroups"]:
            resources |= set(MASTER_RESOURCES) - set(_WEBHOOKS)
        for resource, verbs in MASTER_RESOURCES.items():
            if resource in resources and said["verbs"] & verbs and resource not in allowed:
                yield failed(rule, f"gives {resource}, which leads to everything else")


def _binds_few(binding: Resource, stack: Stack, _: PolicySettings) -> Iterator[Outcome]:
    role = binding.at("roleRef", "name")
    own = any(
        source.kind in _ROLES
        for urn in binding.property_dependencies.get("roleRef", ())
        if (source := stack.by_urn(urn)) is not None
    )
    if role.unknown and not own:
        yield undecided(role)
    elif role.value == "cluster-admin":
        yield failed(role, "must be a role that names what it allows")
    else:
        yield passed()
    for subject in binding.at("subjects").each():
        name = subject.at("name")
        if name.value in _EVERYBODY:
            yield failed(name, "must be a person, group or account of this cluster, not everybody")
        elif subject.unknown:
            yield undecided(subject)


RIGHTS: Family[Resource] = Family(
    name="rights",
    title="Roles name what they allow, hand out no master keys, and nobody is bound to everything.",
    prefixes=("kubernetes:rbac.authorization.k8s.io",),
    view=itself,
    checks=(
        Check("rbac-names-what-it-allows", _ROLES, _names),
        Check("rbac-gives-no-master-key", _ROLES, _no_master_key),
    ),
    relations=(RelationCheck("rbac-binds-no-cluster-admin", _BINDINGS, _binds_few),),
    reads=_ROLES,
)
