"""The change gate: what a step of a preview would lose or open, which no control on a final state can see.

A policy sees what shall be, not what is, nor what is done to get there. These rules compare the two:
they look at one step, with the inputs before and after. Where an environment asks for them, a step that
breaks one is carried out only if a person accepted that preview by name.
"""

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from policies.core import At, Finding, Verdict, normalise
from policies.core.policy_documents import Statement, statements
from policies.core.resources import canonical
from policies.procedure import control_of

REMOVING = frozenset({"delete", "delete-replaced", "replace", "discard"})
"""Operations after which what was there is gone."""
HOLDS_DATA = frozenset(
    {
        "aws:backup/vault:Vault",
        "aws:cloudtrail/trail:Trail",
        "aws:cloudwatch/logGroup:LogGroup",
        "aws:dynamodb/table:Table",
        "aws:ebs/volume:Volume",
        "aws:ecr/repository:Repository",
        "aws:efs/fileSystem:FileSystem",
        "aws:kms/key:Key",
        "aws:rds/cluster:Cluster",
        "aws:rds/instance:Instance",
        "aws:s3/bucket:Bucket",
        "aws:secretsmanager/secret:Secret",
        "aws:sqs/queue:Queue",
        "kubernetes:core:PersistentVolumeClaim",
    }
)
"""Types that hold data, records, or the key to them."""
ENCRYPTION = frozenset(
    {"aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"}
)
"""Types that are nothing but the encryption of something else."""
_KEYS = ("kmsMasterKeyId", "kmsKeyId", "kmsKeyArn", "kmsKey", "kmsKeyID", "keyArn")
_SWITCHES = ("encrypted", "enabled", "storageEncrypted", "enableKeyRotation", "sseAlgorithm")
_RETENTIONS = (
    "retentionInDays",
    "days",
    "years",
    "deleteAfter",
    "minRetentionDays",
    "messageRetentionSeconds",
)
_NETWORKS = ("cidrBlocks", "ipv6CidrBlocks", "publicAccessCidrs", "cidrIpv4", "cidrIpv6", "cidr")
_FOR_EVER = float("inf")
_DOCUMENTS = ("policy", "assumeRolePolicy", "inlinePolicy")


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a preview.

    Args:
        operation: The engine's word for it.
        urn: Resource.
        type: Its type token.
        old: Inputs before; empty when it is new.
        new: Inputs after; empty when it goes.
    """

    operation: str
    urn: str
    type: str
    old: Mapping[str, Any] = field(default_factory=dict)
    new: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Rule:
    """One rule: gives a reason for each thing that a step would lose or open."""

    control: str
    reasons: Callable[[Step, At, At], Iterator[str]]


def judge(steps: list[Step], environment: str) -> list[Finding]:
    """Return a finding for each rule and step that breaks it, those that are advice here left out."""
    return [
        finding
        for step in steps
        for rule in RULES
        if control_of(rule.control).level(environment) == "mandatory"
        for finding in _judged(rule, step)
    ]


def _judged(rule: Rule, step: Step) -> list[Finding]:
    try:
        reasons = list(rule.reasons(step, At(normalise(step.old)), At(normalise(step.new))))
        internal = False
    except Exception as error:  # noqa: BLE001 - a rule that breaks has not let anything through
        reasons, internal = [f"the rule itself broke ({type(error).__name__}), so nothing is known"], True
    if not reasons:
        return []
    return [
        Finding(
            control=rule.control,
            urn=step.urn,
            type=step.type,
            name=step.urn.rsplit("::", 1)[-1],
            verdict=Verdict.FAILED,
            message="; ".join(reasons),
            internal=internal,
        )
    ]


def _lost(step: Step, _: At, __: At) -> Iterator[str]:
    if step.operation in REMOVING and canonical(step.type) in HOLDS_DATA:
        yield f"'{step.operation}' removes what it holds"


def _decrypted(step: Step, old: At, new: At) -> Iterator[str]:
    kind = canonical(step.type)
    if step.operation in ("delete", "discard") and kind in ENCRYPTION:
        yield "the encryption of what it belongs to goes"
    if step.operation not in ("update", "replace", "create-replacement"):
        return
    for before, path in _places(old):
        key = path[-1]
        after = new.at(*path)
        if key in _KEYS and not before.empty and after.empty and not after.unknown:
            yield f"{after.path} names no key any more"
        elif key in _SWITCHES and _weaker(before, after):
            yield f"{after.path} is weakened"


def _weaker(before: At, after: At) -> bool:
    if before.value is True:
        return after.absent or after.value is False
    return before.value == "aws:kms" and not after.unknown and after.value != "aws:kms"


def _forgotten(step: Step, old: At, new: At) -> Iterator[str]:
    if step.operation not in ("update", "replace", "create-replacement"):
        return
    for before, path in _places(old):
        after = new.at(*path)
        if path[-1] in _RETENTIONS and _is_number(before.value) and not after.unknown:
            # Zero and nothing mean for ever where records are kept by the service.
            shorter = (
                after.known
                and _is_number(after.value)
                and 0 < _number(after) < (_number(before) or _FOR_EVER)
            )
            if shorter:
                yield f"{after.path} becomes shorter"


def _opened(step: Step, old: At, new: At) -> Iterator[str]:
    if step.operation in REMOVING:
        return
    known = [network for place, path in _places(old) if path[-1] in _NETWORKS for network in _networks(place)]
    for place, path in _places(new):
        if path[-1] not in _NETWORKS:
            continue
        for network in _networks(place):
            inside = any(n.version == network.version and _within(network, n) for n in known)
            if not inside and (step.old or network.prefixlen == 0) and not network.is_private:
                yield f"{place.path} lets in more networks than before"
                break


def _widened(step: Step, old: At, new: At) -> Iterator[str]:
    if step.operation in REMOVING or not step.old:
        return
    for key in _DOCUMENTS:
        before, after = old.at(key), new.at(key)
        if not (before.known and after.known) or before.value == after.value:
            continue
        was, now = statements(before), statements(after)
        if was is None or now is None:
            continue
        given = {grant for statement in was if statement.allow for grant in _grants(statement)}
        more = {grant for statement in now if statement.allow for grant in _grants(statement)} - given
        refused = {repr(statement) for statement in was if not statement.allow}
        if more:
            yield f"{after.path} allows {len(more)} combination(s) of principal, action and resource more"
        if refused - {repr(statement) for statement in now if not statement.allow}:
            yield f"{after.path} refuses less"


def _grants(statement: Statement) -> Iterator[tuple[Any, ...]]:
    names = [name for group in statement.principals.values() for name in group] or [""]
    for name in names:
        for action in statement.actions:
            for resource in statement.resources or ("",):
                yield statement.all_but, name, action.lower(), resource, statement.conditions


def _places(top: At) -> Iterator[tuple[At, tuple[str, ...]]]:
    """Give every place that can be reached by keys alone, and each list as one place."""
    stack: list[tuple[At, tuple[str, ...]]] = [(top, ())]
    while stack:
        place, path = stack.pop()
        if path:
            yield place, path
        stack += [(place.at(key), (*path, key)) for key in place.keys()]  # noqa: SIM118 - a cursor, not a mapping


def _networks(place: At) -> Iterator[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    values = place.value if isinstance(place.value, tuple) else (place.value,)
    for value in values:
        if isinstance(value, str):
            try:
                yield ipaddress.ip_network(value, strict=False)
            except ValueError:
                continue


def _within(inner: Any, outer: Any) -> bool:
    return bool(inner.subnet_of(outer))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(place: At) -> float:
    return float(place.value) if isinstance(place.value, int | float) else 0.0


RULES = (
    Rule("change-keeps-stores", _lost),
    Rule("change-keeps-encryption", _decrypted),
    Rule("change-keeps-retention", _forgotten),
    Rule("change-opens-no-network", _opened),
    Rule("change-widens-no-access", _widened),
)
"""Every rule, in the order in which they are told."""
