"""EKS: the cluster's door is shut, its log is whole, its secrets are encrypted, and entry is by role."""

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
    require,
    undecided,
)
from policies.core.verdicts import Verdict, is_false, is_set, is_true, one_of
from policies.families.common import is_cidr, is_world, itself
from policies.families.identity import ROLE
from policies.families.nodes import NODE_GROUP

CLUSTER = "aws:eks/cluster:Cluster"
ENTRY = "aws:eks/accessEntry:AccessEntry"
ASSOCIATION = "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"
POD_IDENTITY = "aws:eks/podIdentityAssociation:PodIdentityAssociation"

LOG_TYPES = ("api", "audit", "authenticator", "controllerManager", "scheduler")
"""All that the control plane can write down."""
OLDEST_VERSION = (1, 34)
"""Oldest Kubernetes version that EKS supports at the standard price (AWS calendar, read in November 2026)."""
_ADMIN = "AmazonEKSClusterAdminPolicy"


def _door_is_shut(cluster: Resource, _: PolicySettings) -> Iterator[Outcome]:
    vpc = cluster.at("vpcConfig")
    yield require(vpc.at("endpointPrivateAccess"), is_true, "must be true")
    public = vpc.at("endpointPublicAccess")
    if public.known and public.value is False:
        yield passed()
        return
    if public.unknown:
        yield undecided(public)
        return
    ranges = vpc.at("publicAccessCidrs").each()
    if not ranges:
        yield failed(public, "must be false, or publicAccessCidrs must say from where")
    for item in ranges:
        yield require(
            item, lambda value: is_cidr(value) and not is_world(value), "must not reach the whole world"
        )


def _logs_everything(cluster: Resource, _: PolicySettings) -> Iterator[Outcome]:
    items = cluster.at("enabledClusterLogTypes").each()
    missing = [kind for kind in LOG_TYPES if kind not in {item.value for item in items}]
    hidden = next((item for item in items if item.unknown), None)
    if missing and hidden:
        yield undecided(hidden)
    elif missing:
        yield failed("enabledClusterLogTypes", f"must hold {', '.join(missing)}")
    else:
        yield passed()


def _encrypts_secrets(cluster: Resource, _: PolicySettings) -> Iterator[Outcome]:
    config = cluster.at("encryptionConfig")
    items = config.at("resources").each()
    if any(item.value == "secrets" for item in items):
        yield passed()
    elif hidden := next((item for item in items if item.unknown), None):
        yield undecided(hidden)
    else:
        yield failed("encryptionConfig.resources", "must hold secrets")
    # Being set is the proof: the ARN of a key that is yet to be made is not known.
    yield require(
        config.at("provider", "keyArn"), is_set, "must name a key of this account", unknown=Verdict.PASSED
    )


def _version_is_supported(resource: Resource, _: PolicySettings) -> Iterator[Outcome]:
    yield require(
        resource.at("version"),
        lambda value: _minor(value) >= OLDEST_VERSION,
        f"must be {'.'.join(map(str, OLDEST_VERSION))} or newer",
        # A node group that says nothing has its cluster's version.
        absent=Verdict.PASSED if resource.kind == NODE_GROUP else Verdict.FAILED,
    )


def _minor(value: object) -> tuple[int, ...]:
    parts = str(value).split(".")
    return tuple(map(int, parts)) if all(part.isdigit() for part in parts) else (0,)


def _entry_is_by_role(resource: Resource, _: PolicySettings) -> Iterator[Outcome]:
    if resource.kind == CLUSTER:
        config = resource.at("accessConfig")
        yield require(config.at("authenticationMode"), one_of("API"), "must be API")
        yield require(config.at("bootstrapClusterCreatorAdminPermissions"), is_false, "must be false")
        return
    yield _a_role(resource.at("principalArn"))
    for group in resource.at("kubernetesGroups").each():
        yield require(group, lambda value: value != "system:masters", "must be a group that RBAC limits")


def _a_role(place: At) -> Outcome:
    """Judge who comes in. Unknown is a role that is yet to be made; users have no ARN here to come from."""
    return require(
        place,
        lambda value: isinstance(value, str) and ":role/" in value and "*" not in value,
        "must be the ARN of a role",
        unknown=Verdict.PASSED,
    )


def _admin_is_named(association: Resource, _: PolicySettings) -> Iterator[Outcome]:
    policy = association.at("policyArn")
    if policy.unknown:
        yield undecided(policy)
        return
    yield _a_role(association.at("principalArn"))
    if str(policy.value).endswith(f"/{_ADMIN}"):
        yield require(
            association.at("accessScope", "type"),
            one_of("namespace"),
            "must be namespace: nobody administers the whole cluster without a waiver",
        )


def _has_own_identity(association: Resource, stack: Stack, _: PolicySettings) -> Iterator[Outcome]:
    account = association.at("serviceAccount")
    yield require(account, lambda value: value not in ("default", ""), "must be an account of its own")
    mine = _roles(association, "roleArn", stack)
    place = association.at("roleArn")
    nodes = stack.of_kind(NODE_GROUP)
    if any(_shares(mine, place, group, "nodeRoleArn", stack) for group in nodes):
        yield failed(place, "is the role of the nodes, which every pod on them could use")
    others = [other for other in stack.of_kind(POD_IDENTITY) if other is not association]
    if any(_shares(mine, place, other, "roleArn", stack) for other in others):
        yield failed(place, "is the role of another workload; give each its own")
    yield require(place, is_set, "must name a role", unknown=Verdict.PASSED)


def _roles(resource: Resource, key: str, stack: Stack) -> frozenset[str]:
    sources = resource.property_dependencies.get(key, ())
    return frozenset(
        urn for urn in sources if (source := stack.by_urn(urn)) is not None and source.kind == ROLE
    )


def _shares(mine: frozenset[str], place: At, other: Resource, key: str, stack: Stack) -> bool:
    theirs = other.at(key)
    if place.known and theirs.known:
        return place.value == theirs.value
    return bool(mine & _roles(other, key, stack))


def _is_kept(cluster: Resource, _: PolicySettings) -> Iterator[Outcome]:
    yield require(cluster.at("deletionProtection"), is_true, "must be true")


CLUSTERS: Family[Resource] = Family(
    name="cluster",
    title="The cluster's door is shut, its log is whole, its secrets are encrypted, and entry is by role.",
    prefixes=("aws:eks/",),
    view=itself,
    checks=(
        Check("cluster-door-is-shut", frozenset({CLUSTER}), _door_is_shut),
        Check("cluster-logs-everything", frozenset({CLUSTER}), _logs_everything),
        Check("cluster-encrypts-secrets", frozenset({CLUSTER}), _encrypts_secrets),
        Check("cluster-version-is-supported", frozenset({CLUSTER, NODE_GROUP}), _version_is_supported),
        Check("cluster-entry-is-by-role", frozenset({CLUSTER, ENTRY}), _entry_is_by_role),
        Check("cluster-entry-is-by-role", frozenset({ASSOCIATION}), _admin_is_named),
        Check("cluster-is-kept", frozenset({CLUSTER}), _is_kept),
    ),
    relations=(RelationCheck("workload-has-own-identity", frozenset({POD_IDENTITY}), _has_own_identity),),
    reads=frozenset({NODE_GROUP, ROLE}),
)
