"""What a change lets somebody do that could not before, in words: IAM, EKS access, Kubernetes RBAC. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from infra.preview.access import Because, Widening, spelled, widenings
from infra.preview.changes import Change, Operation
from infra.preview.levels import Kind, Level, Risk
from infra.preview.policy_language import EMPTY, Document, UnreadableError, parse
from infra.preview.values import holds_unknown

_ADMIN = ("AdministratorAccess", "PowerUserAccess", "IAMFullAccess", "AmazonEKSClusterAdminPolicy")
"""Managed policies with which an identity can do everything, or make one that can."""
TRUST = "assumeRolePolicy"
DOCUMENTS: Mapping[str, tuple[str, ...]] = {
    "aws:iam/role:Role": (TRUST,),
    "aws:iam/policy:Policy": ("policy",),
    "aws:iam/rolePolicy:RolePolicy": ("policy",),
    "aws:iam/userPolicy:UserPolicy": ("policy",),
    "aws:iam/groupPolicy:GroupPolicy": ("policy",),
    "aws:s3/bucketPolicy:BucketPolicy": ("policy",),
    "aws:kms/key:Key": ("policy",),
    "aws:sns/topicPolicy:TopicPolicy": ("policy",),
    "aws:sqs/queuePolicy:QueuePolicy": ("policy",),
    "aws:ecr/repositoryPolicy:RepositoryPolicy": ("policy",),
    "aws:ec2/vpcEndpoint:VpcEndpoint": ("policy",),
    "aws:backup/vaultPolicy:VaultPolicy": ("policy",),
    "aws:secretsmanager/secretPolicy:SecretPolicy": ("policy",),
}
"""Type to the properties that hold a policy document."""
_ON_IDENTITY = frozenset(
    {
        "aws:iam/policy:Policy",
        "aws:iam/rolePolicy:RolePolicy",
        "aws:iam/userPolicy:UserPolicy",
        "aws:iam/groupPolicy:GroupPolicy",
    }
)
"""Types whose policy says what an identity may do; the others say who may do something with one resource."""
_MEMBERS = {
    "aws:iam/groupMembership:GroupMembership": ("users", "group"),
    "aws:iam/userGroupMembership:UserGroupMembership": ("groups", "user"),
    "aws:eks/accessEntry:AccessEntry": ("kubernetesGroups", "principalArn"),
}
"""Type to the list that brings rights, and who or what it is about."""
_ATTACHMENTS = ("RolePolicyAttachment", "UserPolicyAttachment", "GroupPolicyAttachment", "PolicyAttachment")
_POWERS = {"*", "escalate", "bind", "impersonate"}
"""Verbs of RBAC with which somebody can get more than they have (Kubernetes docs, RBAC good practices)."""
_EVERYBODY = {"system:authenticated", "system:unauthenticated", "system:anonymous", "system:serviceaccounts"}


def risks(change: Change) -> Iterator[Risk]:
    """Give what a change of rights means."""
    for prop in DOCUMENTS.get(change.type, ()):
        yield from _document(change, prop)
    if change.type in DOCUMENTS and change.operation is Operation.DELETE:
        yield from _gone(change)
    yield from _boundary(change)
    yield from _members(change)
    yield from _attached(change)
    yield from _rbac(change)


def _document(change: Change, prop: str) -> Iterator[Risk]:
    if change.operation is Operation.DELETE:
        return
    old, new = change.old.get(prop), change.new.get(prop)
    if old == new:
        return
    if holds_unknown(new):
        yield Risk(
            level=Level.MEDIUM,
            kind=Kind.UNKNOWN,
            reason=f"{prop} is known only after the change, so nobody can say who can do what with it",
        )
        return
    try:
        before = EMPTY if holds_unknown(old) else parse(_same_target(change, old))
        found = widenings(before, parse(new), on_resource=change.type not in _ON_IDENTITY)
    except (UnreadableError, AttributeError, TypeError) as error:
        yield Risk(level=Level.HIGH, kind=Kind.ACCESS, reason=f"{prop} is no policy document ({error})")
        return
    fresh = change.operation is Operation.CREATE
    for widening in found:
        # What comes with a new identity widens nobody's rights yet; giving everything away is said still.
        danger = widening.level if not fresh or widening.level is Level.CRITICAL else Level.LOW
        kind = Kind.EXPOSURE if widening.who == "*" and widening.level is Level.CRITICAL else Kind.ACCESS
        yield Risk(level=danger, kind=kind, reason=told(change, prop, widening))


def _same_target(change: Change, policy: Any) -> Any:
    """Return the old policy as if it had hung on what the new one hangs on: only meaning is compared."""
    if not isinstance(policy, str):
        return policy
    for key in ("bucket", "arn", "repository", "name"):
        old, new = change.old.get(key), change.new.get(key)
        if isinstance(old, str) and isinstance(new, str) and len(old) > 2 and old != new:  # noqa: PLR2004 - no bare letter
            policy = policy.replace(old, new)
    return policy


def told(change: Change, prop: str, widening: Widening) -> str:
    """Return a widening as a sentence: who can now do what, on what, under which condition."""
    actions = "do everything" if widening.actions == ("*",) else _some(widening.actions)
    if prop == TRUST:
        who = _who(widening.who) or "somebody"
        what = f"become role '{change.name}' ({actions})"
    else:
        who = _who(widening.who) or _holder(change)
        here = change.type not in _ON_IDENTITY and widening.resources == ("*",)
        target = f"'{change.name}'" if here else _some(widening.resources, everything=True)
        what = f"{actions} on {target}"
    when = f", if {' and '.join(widening.conditions)}" if widening.conditions else ""
    if widening.because is Because.REFUSAL:
        unless = f" (it was refused if {' and '.join(widening.conditions)})" if widening.conditions else ""
        return f"{who} is no longer refused, where another policy allows it: {what}{unless}"
    before = " - before only under a stricter condition" if widening.because is Because.CONDITION else ""
    return f"{who} can now {what}{when}{before}"


def _who(principal: str) -> str:
    if principal == "self":
        return ""
    if principal == "*":
        return "anyone"
    kind, _, identity = principal.partition(":")
    if kind == "AWS" and identity.startswith("arn:*::"):
        return f"every identity of account {identity.removeprefix('arn:*::').removesuffix(':*')}"
    return f"{identity} ({kind})" if kind != "AWS" else identity


def _holder(change: Change) -> str:
    for key, word in (("role", "role"), ("user", "user"), ("group", "group")):
        name = change.new.get(key)
        if isinstance(name, str) and not holds_unknown(name):
            return f"{word} '{name}'"
    return f"whoever has '{change.name}'"


def _some(texts: tuple[str, ...], most: int = 6, *, everything: bool = False) -> str:
    if everything and texts == ("*",):
        return "everything (*)"
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more


def _gone(change: Change) -> Iterator[Risk]:
    for prop in DOCUMENTS[change.type]:
        try:
            old = parse(change.old.get(prop))
        except (UnreadableError, AttributeError, TypeError):
            continue
        if old.refuses:
            lost = ", ".join(sorted({spelled(statement.actions, old.spelling) for statement in old.refuses}))
            yield Risk(
                level=Level.HIGH,
                kind=Kind.ACCESS,
                reason=f"what the policy refused is no longer refused: {lost}",
            )
        if old.allows and change.type != "aws:iam/role:Role":
            lost = ", ".join(sorted({spelled(statement.actions, old.spelling) for statement in old.allows}))
            yield Risk(level=Level.LOW, kind=Kind.DOWNTIME, reason=f"who relies on it can no longer {lost}")


def _boundary(change: Change) -> Iterator[Risk]:
    if change.type not in ("aws:iam/role:Role", "aws:iam/user:User") or change.operation is Operation.DELETE:
        return
    old, new = change.old.get("permissionsBoundary"), change.new.get("permissionsBoundary")
    if old and not new:
        yield Risk(
            level=Level.CRITICAL,
            kind=Kind.ACCESS,
            reason=f"nothing limits '{change.name}' any more: its permission boundary is gone",
        )
    elif old and new and old != new and not holds_unknown(new):
        yield Risk(
            level=Level.HIGH,
            kind=Kind.ACCESS,
            reason=f"'{change.name}' gets another permission boundary: {new}",
        )


def _members(change: Change) -> Iterator[Risk]:
    if change.type not in _MEMBERS or change.operation is Operation.DELETE:
        return
    listed, other = _MEMBERS[change.type]
    old, new = set(map(str, change.old.get(listed) or ())), set(map(str, change.new.get(listed) or ()))
    about = change.new.get(other, change.name)
    fresh = change.operation is Operation.CREATE
    for name in sorted(new - old):
        if listed == "users":
            sentence = f"user '{name}' can now do everything that group '{about}' may"
        elif listed == "groups":
            sentence = f"user '{about}' can now do everything that group '{name}' may"
        else:
            sentence = f"{about} can now do in the cluster what Kubernetes group '{name}' may"
        master = name == "system:masters"
        yield Risk(
            level=Level.CRITICAL
            if master
            else Level.LOW
            if fresh and listed == "kubernetesGroups"
            else Level.HIGH,
            kind=Kind.ACCESS,
            reason=sentence,
        )


def _attached(change: Change) -> Iterator[Risk]:
    kind = change.type.rsplit(":", 1)[-1]
    if change.operation is Operation.DELETE:
        return
    if kind in _ATTACHMENTS or kind == "AccessPolicyAssociation":
        old, new = change.old.get("policyArn"), change.new.get("policyArn")
        if new and new != old:
            strong = any(str(new).endswith(name) for name in _ADMIN)
            who = _holder(change) if kind in _ATTACHMENTS else change.new.get("principalArn", change.name)
            policy = "a policy that is known only after the change" if holds_unknown(new) else f"policy {new}"
            yield Risk(
                level=Level.CRITICAL if strong else Level.MEDIUM,
                kind=Kind.ACCESS,
                reason=f"{who} can now do everything that {policy} allows",
            )
    managed = set(map(str, change.new.get("managedPolicyArns") or ())) - set(
        map(str, change.old.get("managedPolicyArns") or ())
    )
    for arn in sorted(managed):
        strong = any(arn.endswith(name) for name in _ADMIN)
        yield Risk(
            level=Level.CRITICAL if strong else Level.MEDIUM,
            kind=Kind.ACCESS,
            reason=f"'{change.name}' can now do everything that policy {arn} allows",
        )


def _rbac(change: Change) -> Iterator[Risk]:
    if "rbac.authorization.k8s.io" not in change.type or change.operation is Operation.DELETE:
        return
    if change.type.endswith("Binding"):
        yield from _subjects(change)
        return
    cluster = "in the whole cluster" if change.type.endswith("ClusterRole") else "in its namespace"
    old = [_rule(rule) for rule in change.old.get("rules") or ()]
    for raw in change.new.get("rules") or ():
        groups, resources, verbs = _rule(raw)
        if any(_within((groups, resources, verbs), rule) for rule in old):
            continue
        yield Risk(
            level=_rbac_level(groups, resources, verbs, fresh=change.operation is Operation.CREATE),
            kind=Kind.ACCESS,
            reason=f"whoever has '{change.name}' can now {', '.join(sorted(verbs))} "
            f"{_named(groups, resources)} {cluster}",
        )


def _rbac_level(
    groups: frozenset[str], resources: frozenset[str], verbs: frozenset[str], *, fresh: bool
) -> Level:
    everything = "*" in resources and "*" in groups
    if everything and "*" in verbs:
        return Level.CRITICAL
    if everything or verbs & _POWERS or ("secrets" in resources and not fresh):
        return Level.HIGH
    return Level.LOW if fresh else Level.MEDIUM


def _named(groups: frozenset[str], resources: frozenset[str]) -> str:
    """Return resources in words; all of them are those of some API groups."""
    if "*" not in resources:
        return ", ".join(sorted(resources))
    return "everything" if "*" in groups else f"everything of {', '.join(sorted(groups)) or 'the core group'}"


def _rule(raw: Mapping[str, Any]) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    return (
        frozenset(map(str, raw.get("apiGroups") or ("",))),
        frozenset(map(str, raw.get("resources") or ())),
        frozenset(map(str, raw.get("verbs") or ())),
    )


def _within(new: tuple[frozenset[str], ...], old: tuple[frozenset[str], ...]) -> bool:
    return all("*" in wide or narrow <= wide for narrow, wide in zip(new, old, strict=True))


def _subjects(change: Change) -> Iterator[Risk]:
    def names(inputs: Mapping[str, Any]) -> set[tuple[str, str]]:
        return {
            (str(s.get("kind")), str(s.get("name")))
            for s in inputs.get("subjects") or ()
            if isinstance(s, Mapping)
        }

    role = (change.new.get("roleRef") or {}).get("name", change.name)
    swapped = change.operation is not Operation.CREATE and change.old.get("roleRef") != change.new.get(
        "roleRef"
    )
    fresh = change.operation is Operation.CREATE
    for kind, name in sorted(names(change.new) - (set() if swapped else names(change.old))):
        everybody = name in _EVERYBODY
        yield Risk(
            level=Level.CRITICAL
            if everybody
            else Level.LOW
            if fresh and role != "cluster-admin"
            else Level.HIGH,
            kind=Kind.ACCESS,
            reason=f"{kind.lower()} '{name}' can now do everything that '{role}' may"
            f"{': that is everybody' if everybody else ''}",
        )


__all__ = ["DOCUMENTS", "Document", "risks", "told"]
