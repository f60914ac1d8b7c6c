"""Kubernetes namespaces: restricted pods, no traffic by default, bounded, accounts without tokens."""

from collections.abc import Iterator, Mapping

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
    require,
    undecided,
)
from policies.core.relations import Attached
from policies.core.verdicts import is_false
from policies.exemptions import exempted

NAMESPACE = "kubernetes:core:Namespace"
NETWORK_POLICY = "kubernetes:networking.k8s.io:NetworkPolicy"
QUOTA = "kubernetes:core:ResourceQuota"
LIMITS = "kubernetes:core:LimitRange"
ACCOUNT = "kubernetes:core:ServiceAccount"
SECRET = "kubernetes:core:Secret"  # noqa: S105 - a type, not a secret
ENFORCE = "pod-security.kubernetes.io/enforce"
"""Label by which the API server itself refuses pods below a level."""

_NAMESPACED = {
    "apps": ("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"),
    "argoproj.io": ("Rollout",),
    "autoscaling": ("HorizontalPodAutoscaler",),
    "batch": ("CronJob", "Job"),
    "core": (
        "ConfigMap",
        "LimitRange",
        "PersistentVolumeClaim",
        "Pod",
        "PodTemplate",
        "ReplicationController",
        "ResourceQuota",
        "Secret",
        "Service",
        "ServiceAccount",
    ),
    "flagger.app": ("Canary", "MetricTemplate"),
    "gateway.networking.k8s.io": ("GRPCRoute", "Gateway", "HTTPRoute"),
    "networking.k8s.io": ("Ingress", "NetworkPolicy"),
    "policy": ("PodDisruptionBudget",),
    "rbac.authorization.k8s.io": ("Role", "RoleBinding"),
}
"""Types that live in a namespace. A type that is missing here is not asked for its namespace, since a
cluster-wide one has none."""
NAMESPACED = frozenset(f"kubernetes:{group}:{kind}" for group, kinds in _NAMESPACED.items() for kind in kinds)


def _restricted(namespace: Resource, _: PolicySettings) -> Iterator[Outcome]:
    levels = ("restricted", *exempted("namespace-enforces-restricted", namespace))
    yield require(
        namespace.at("metadata", "labels", ENFORCE), lambda value: value in levels, "must be restricted"
    )


def _named_namespace(resource: Resource, _: PolicySettings) -> Iterator[Outcome]:
    place = resource.at("metadata", "namespace")
    if place.empty:
        yield failed(place, "is not set, which means the namespace 'default'")
    elif place.blocked:
        yield undecided(place)
    else:
        # Unknown means that it comes from a namespace which is yet to be made; 'default' always exists.
        yield failed(place, "must not be 'default'") if place.known and place.value == "default" else passed()


def _no_token(account: Resource, _: PolicySettings) -> Iterator[Outcome]:
    yield require(account.at("automountServiceAccountToken"), is_false, "must be false")


def _holds_no_value(secret: Resource, _: PolicySettings) -> Iterator[Outcome]:
    kind = secret.at("type")
    if kind.value == "kubernetes.io/service-account-token":
        yield passed()  # Kubernetes fills it in itself
        return
    for key in ("data", "stringData"):
        place = secret.at(key)
        yield (
            passed()
            if place.empty
            else failed(place, "must be left out; let an operator fill it from a store")
        )


def _inside(namespace: Resource, stack: Stack, kind: str) -> Attached:
    return stack.attached(namespace, namespace.at("metadata", "name"), kind, "metadata", "namespace")


def _denies(namespace: Resource, stack: Stack, _: PolicySettings) -> Iterator[Outcome]:
    attached = _inside(namespace, stack, NETWORK_POLICY)
    for direction in ("Ingress", "Egress"):
        sure = [_denied(policy, direction) for policy in attached.sure]
        maybe = [_denied(policy, direction) for policy in attached.maybe]
        if True in sure:
            yield passed()
        elif None in sure or {True, None} & set(maybe):
            unclear = (*attached.sure, *attached.maybe)[0]
            yield undecided(
                f"{unclear.name}.spec", f"does not show yet whether it denies all {direction.lower()}"
            )
        else:
            yield failed(
                "",
                f"no NetworkPolicy in this namespace denies all {direction.lower()} "
                f"(empty podSelector, {direction} among policyTypes, no {direction.lower()} rule)",
            )


def _denied(policy: Resource, direction: str) -> bool | None:
    """Return whether a policy denies one direction to every pod; None when that is not known."""
    spec = policy.at("spec")
    if spec.empty:
        return False
    rules = spec.at(direction.lower())
    types = spec.at("policyTypes")
    selectors = [spec.at("podSelector", key) for key in ("matchLabels", "matchExpressions")]
    if not all(place.empty or place.unknown for place in (rules, *selectors)):
        return False
    named = [item.value for item in types.each() if item.known]
    # Left out, a policy is about ingress, and about egress where it has egress rules.
    declared = direction == "Ingress" if types.absent else direction in named
    hidden = any(place.unknown for place in (rules, *selectors)) or (
        not declared and any(item.unknown for item in types.each())
    )
    return None if hidden else declared


def _bounded(namespace: Resource, stack: Stack, _: PolicySettings) -> Iterator[Outcome]:
    for kind, keys in ((QUOTA, ("spec", "hard")), (LIMITS, ("spec", "limits"))):
        attached, short = _inside(namespace, stack, kind), kind.rsplit(":", 1)[-1]
        bounds = [resource.at(*keys) for resource in attached.sure]
        if any(_states(bound) for bound in bounds):
            yield passed()  # being set is the proof: how large the limits are is the project's choice
        elif hidden := next((bound for bound in bounds if bound.blocked), None):
            yield undecided(hidden)
        elif attached.maybe:
            yield undecided(f"{attached.maybe[0].name}.metadata.namespace")
        else:
            yield failed("", f"no {short} with {'.'.join(keys)} stands in this namespace")


def _states(bound: At) -> bool:
    """Whether limits are stated: set and not known yet, or something other than nothing."""
    return (
        not bound.blocked if bound.unknown else isinstance(bound.value, Mapping | tuple) and bool(bound.value)
    )


NAMESPACES: Family[Resource] = Family(
    name="namespaces",
    title="Namespaces admit restricted pods only, deny traffic by default and are bounded.",
    prefixes=("kubernetes:",),
    view=lambda resource: resource,
    checks=(
        Check("namespace-enforces-restricted", frozenset({NAMESPACE}), _restricted),
        Check("default-namespace-is-unused", NAMESPACED, _named_namespace),
        Check("secret-object-holds-no-value", frozenset({SECRET}), _holds_no_value),
        Check("service-account-mounts-no-token", frozenset({ACCOUNT}), _no_token),
    ),
    relations=(
        RelationCheck("namespace-denies-by-default", frozenset({NAMESPACE}), _denies),
        RelationCheck("namespace-is-bounded", frozenset({NAMESPACE}), _bounded),
    ),
    reads=frozenset({NETWORK_POLICY, QUOTA, LIMITS}),
)
