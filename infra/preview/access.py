"""Who can now do what: the difference of two policy documents in meaning, not in text. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from infra.preview.globs import covers, overlap
from infra.preview.levels import Level
from infra.preview.policy_language import ANYONE, Condition, Document, Matcher, Statement, union_covers

_READS = ("get", "list", "describe", "view", "batchget", "head", "lookup", "query", "scan", "select")
_ESCALATES = (
    "iam:add*",
    "iam:attach*",
    "iam:createaccesskey",
    "iam:createloginprofile",
    "iam:createpolicyversion",
    "iam:delete*boundary",
    "iam:passrole",
    "iam:put*",
    "iam:setdefaultpolicyversion",
    "iam:update*",
    "kms:creategrant",
    "kms:putkeypolicy",
    "lambda:addpermission",
    "lambda:updatefunctioncode",
    "organizations:*",
    "s3:bypassgovernanceretention",
    "s3:putbucketpolicy",
    "sts:assumerole*",
    "eks:createaccessentry",
    "eks:associateaccesspolicy",
)
"""Actions with which a caller can get more than it has: what they are and why is public knowledge since
Rhino Security Labs' list of AWS privilege escalation methods (2018)."""
_NARROWING = frozenset(
    {
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:principalaccount",
        "aws:principalarn",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:sourceorgid",
        "kms:calleraccount",
        "aws:userid",
        "saml:aud",
    }
)
"""Condition keys that tie a caller to somebody; a caller cannot choose their values."""
_SUBJECT_SUFFIX = ":sub"
"""A federated token's subject: says which workload or repository it was made for."""


class Because(StrEnum):
    """What made it possible."""

    GRANTED = "granted"
    CONDITION = "condition"
    """It was allowed before, under a condition that is gone or weaker."""
    REFUSAL = "refusal"
    """It was refused before, and the refusal is gone or narrower."""


@dataclass(frozen=True, kw_only=True)
class Widening:
    """Somebody can now do something.

    Args:
        who: Principals of the statement; ``self`` in a policy that hangs on an identity.
        actions: What they can do, as written.
        resources: On what.
        conditions: Under which conditions, in words.
        because: What made it possible.
        level: How bad it is.
    """

    who: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[str, ...]
    because: Because
    level: Level


def widenings(old: Document, new: Document, *, on_resource: bool = False) -> list[Widening]:
    """Return what the new document makes possible and the old one did not, the worst first.

    Where two documents cannot be compared to the end, such as under conditions of different kinds, the
    answer is that access widened: a false alarm costs a look, a missed one costs the account.

    Args:
        old: What stood before; ``EMPTY`` for nothing.
        new: What stands after.
        on_resource: Whether the documents hang on a resource, so that ``*`` means that one only.
    """
    spelling = {**old.spelling, **new.spelling}
    actions: dict[_Key, set[str]] = {}
    levels: dict[_Key, Level] = {}
    for who, action, resource, conditions, because in [*_granted(old, new), *_no_longer_refused(old, new)]:
        key = (str(resource), str(who), tuple(str(line) for line in conditions), because)
        danger = _level(who, action, resource, conditions, on_resource=on_resource)
        if because is Because.REFUSAL:  # something has to allow it before anybody can do it
            here = any(_meet(allowed, who, action, resource) for allowed in new.allows)
            danger = min(danger, Level.HIGH if here or not new.allows else Level.MEDIUM)
        actions.setdefault(key, set()).add(spelled(action, spelling))
        levels[key] = max(levels.get(key, Level.NONE), danger)
    merged: dict[tuple[Level, str, tuple[str, ...], tuple[str, ...], Because], list[str]] = {}
    for key, names in actions.items():
        resource_name, who_name, lines, why = key
        merged.setdefault((levels[key], who_name, tuple(sorted(names)), lines, why), []).append(resource_name)
    return sorted(
        (
            Widening(
                who=who_name,
                actions=listed,
                resources=tuple(sorted(resources)),
                conditions=lines,
                because=why,
                level=danger,
            )
            for (danger, who_name, listed, lines, why), resources in merged.items()
        ),
        key=lambda w: (-w.level, w.who, w.actions, w.resources, w.conditions, w.because),
    )


_Key = tuple[str, str, tuple[str, ...], Because]
_Found = tuple[Matcher, Matcher, Matcher, Sequence[Condition], Because]


def _granted(old: Document, new: Document) -> Iterator[_Found]:
    for statement in new.allows:
        for who, action, resource in _parts(statement):
            around = [o for o in old.allows if o.principals.covers(who) and o.resources.covers(resource)]
            free = [o for o in around if statement.conditions_within(o.conditions)]
            if union_covers([o.actions for o in free], action) or _refused(new, who, action, resource):
                continue
            # A resource may be brought together by several statements, each with all of the actions.
            same = [
                o
                for o in old.allows
                if o.principals.covers(who)
                and o.actions.covers(action)
                and statement.conditions_within(o.conditions)
            ]
            if union_covers([o.resources for o in same], resource):
                continue
            before = union_covers([o.actions for o in around], action)
            yield (
                who,
                action,
                resource,
                statement.conditions,
                Because.CONDITION if before else Because.GRANTED,
            )


def _no_longer_refused(old: Document, new: Document) -> Iterator[_Found]:
    for statement in old.refuses:
        for who, action, resource in _parts(statement):
            still = any(
                n.principals.covers(who)
                and n.actions.covers(action)
                and n.resources.covers(resource)
                and _weaker_or_equal(n.conditions, statement)
                for n in new.refuses
            )
            if not still:  # what the document does not allow itself, another one of the same identity may
                yield who, action, resource, statement.conditions, Because.REFUSAL


def _meet(statement: Statement, who: Matcher, action: Matcher, resource: Matcher) -> bool:
    return (
        statement.principals.meets(who)
        and statement.actions.meets(action)
        and statement.resources.meets(resource)
    )


def _parts(statement: Statement) -> Iterator[tuple[Matcher, Matcher, Matcher]]:
    for who in statement.principals.parts():
        for action in statement.actions.parts():
            for resource in statement.resources.parts():
                yield who, action, resource


def _weaker_or_equal(conditions: Sequence[Condition], refused: Statement) -> bool:
    """Return whether a refusal under these conditions hits everything that the old one hit."""
    return refused.conditions_within(conditions)


def _refused(document: Document, who: Matcher, action: Matcher, resource: Matcher) -> bool:
    return any(
        not deny.conditions
        and deny.principals.covers(who)
        and deny.actions.covers(action)
        and deny.resources.covers(resource)
        for deny in document.refuses
    )


def spelled(action: Matcher, spelling: Mapping[str, str]) -> str:
    """Return actions as they were written."""
    return str(Matcher(tuple(spelling.get(pattern, pattern) for pattern in action.patterns), action.inverted))


def _level(
    who: Matcher, action: Matcher, resource: Matcher, conditions: Sequence[Condition], *, on_resource: bool
) -> Level:
    if is_anyone(who) and not _narrowed(conditions):
        return Level.CRITICAL
    if on_resource:
        return Level.MEDIUM if _narrowed(conditions) and _only_services(who) else Level.HIGH
    everything = action.inverted or any(
        covers(pattern, "*") or pattern == "*:*" for pattern in action.patterns
    )
    whole_service = not action.inverted and any(pattern.endswith(":*") for pattern in action.patterns)
    everywhere = resource.inverted or ANYONE in resource.patterns
    escalates = escalating(action)
    if everything or (escalates and everywhere and not conditions):
        return Level.CRITICAL
    if escalates or whole_service or (everywhere and not _only_reads(action)) or who.patterns != ("self",):
        return Level.HIGH
    return Level.MEDIUM if _only_reads(action) else Level.HIGH


def _only_services(who: Matcher) -> bool:
    return not who.inverted and all(pattern.startswith("Service:") for pattern in who.patterns)


def is_anyone(who: Matcher) -> bool:
    """Return whether nobody in particular is meant."""
    return who.inverted or ANYONE in who.patterns


def escalating(action: Matcher) -> bool:
    """Return whether the actions let a caller get more than it has."""
    return action.inverted or any(
        overlap(pattern, known) for pattern in action.patterns for known in _ESCALATES
    )


def _only_reads(action: Matcher) -> bool:
    return not action.inverted and all(
        pattern.partition(":")[2].startswith(_READS) for pattern in action.patterns
    )


def _narrowed(conditions: Sequence[Condition]) -> bool:
    return any(
        (line.key in _NARROWING or line.key.endswith(_SUBJECT_SUFFIX))
        and not line.negated
        and all(value.strip("*?:/") for value in line.values)
        for line in conditions
    )
