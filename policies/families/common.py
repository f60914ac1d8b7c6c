"""What several families need: whole resources as their view, policy documents, and what belongs to what."""

import ipaddress
from collections.abc import Callable, Iterable, Iterator

from policies.core import (
    At,
    Outcome,
    PolicySettings,
    RelationCheck,
    Resource,
    Stack,
    failed,
    passed,
    undecided,
)
from policies.core.policy_documents import Statement, statements
from policies.core.relations import Attached
from policies.core.values import Value
from policies.core.verdicts import Verdict

Relation = Callable[[Resource, Stack, PolicySettings], Iterator[Outcome]]

DATA_CLASS_TAG = "plinth:data-class"
"""Tag that says what a store holds."""

_WIDE = {4: 8, 6: 16}
"""IP version to the prefix below which a network counts as the world: half of it is as open as all of it, and
registries give no single network so much."""


def itself(resource: Resource) -> Resource:
    """Return the resource: the view of families that need no other."""
    return resource


def is_yes(value: Value) -> bool:
    """Whether a value says yes: some properties of the AWS provider carry booleans as strings."""
    return value is True or value == "true"


def is_no(value: Value) -> bool:
    """Whether a value says no."""
    return value is False or value == "false"


def is_text(value: Value) -> bool:
    """Whether a value is a string with something in it."""
    return isinstance(value, str) and bool(value)


def whole_number(value: Value) -> int | None:
    """Return a whole number that is no boolean; None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def is_world(value: Value) -> bool:
    """Whether a known CIDR reaches strangers: everything, or a part so large that it might as well be."""
    try:
        network = ipaddress.ip_network(str(value), strict=False)
    except ValueError:
        return False
    if network.is_private and network.prefixlen > 0:
        return False
    return network.prefixlen < _WIDE[network.version]


def is_cidr(value: Value) -> bool:
    """Whether a value can be read as a CIDR at all."""
    try:
        ipaddress.ip_network(str(value), strict=False)
    except ValueError:
        return False
    return isinstance(value, str)


def each_statement(
    place: At, rule: Callable[[Statement, str], Iterable[Outcome]], *, absent: Verdict = Verdict.FAILED
) -> Iterator[Outcome]:
    """Judge a policy document statement by statement; one that cannot be read decides nothing.

    Args:
        place: Where the document stands.
        rule: Gives outcomes for a statement, told the path to it.
        absent: Verdict when there is no document.
    """
    if hidden := first_unknown(place):
        yield undecided(hidden, "is not known yet; build the policy from settings and names")
        return
    if place.absent:
        yield Outcome(absent, place.path, "is not set; must be a policy document" if absent.blocks else "")
        return
    found = statements(place)
    if found is None:
        yield failed(place, "is not a policy document")
        return
    yield passed()
    for index, statement in enumerate(found):
        yield from rule(statement, f"{place.path}.Statement[{index}]")


def first_unknown(place: At) -> At | None:
    """Return the first place at or below a place that is not known; None when all of it is."""
    if place.unknown:
        return place
    below = place.each() if isinstance(place.value, tuple) else [place.at(key) for key in place.keys()]  # noqa: SIM118
    return next((found for item in below if (found := first_unknown(item))), None)


def let_in(statement: Statement, place: str, trusted: tuple[str, ...]) -> Iterator[Outcome]:
    """Judge whom a statement of a resource's policy lets in: named identities of trusted accounts."""
    if not statement.allow:
        return
    if statement.for_everyone and not statement.narrowed:
        yield failed(place, "allows everyone; name the principals, or tie them to an account or organisation")
    for account in statement.accounts():
        if account is None:
            yield failed(place, "names an identity that shows no account; use its ARN")
        elif not trusted:
            yield undecided(
                place, "names an account, and the setting 'accounts' of the pack does not say whom to trust"
            )
        elif account not in trusted:
            yield failed(place, "lets in an account that the setting 'accounts' of the pack does not list")


def told(attached: Attached, kind: str, what: str) -> Outcome:
    """Say whether something belongs to a resource.

    Args:
        attached: What was found.
        kind: Its canonical type.
        what: What is missing otherwise, for the message.
    """
    if attached.sure:
        return passed()
    if attached.maybe:
        return undecided(attached.maybe[0].name, "may belong here; what it names is not known yet")
    return failed("", f"no {kind.rsplit(':', 1)[-1]} {what}")


def within(resource: Resource, *path: str) -> At:
    """Return a place of another resource than the judged one: its path begins with that one's name."""
    place = resource.at(*path)
    return At(place.value, f"{resource.name}.{place.path}" if place.path else resource.name, place.blocked)


def first_of(stack: Stack, kinds: Iterable[str]) -> Resource | None:
    """Return the resource that stands for its stack in what a stack has once; None when there is none."""
    return next((found[0] for kind in sorted(kinds) if (found := stack.of_kind(kind))), None)


def once(control: str, subjects: frozenset[str], rule: Relation, *, of_account: bool = True) -> RelationCheck:
    """Return a relation that is judged once for a stack: on the first of what makes it necessary.

    Args:
        control: Id of the control.
        subjects: Canonical types that make it necessary.
        rule: The check.
        of_account: Whether an account has it once, so that another stack may have set it up.
    """

    def judged(resource: Resource, stack: Stack, settings: PolicySettings) -> Iterator[Outcome]:
        if first_of(stack, subjects) is resource and (settings.owns_account or not of_account):
            yield from rule(resource, stack, settings)

    return RelationCheck(control, subjects, judged)


def exists(kind: str, why: str) -> Relation:
    """Return a rule that asks for at least one resource of a type in the stack.

    Args:
        kind: Canonical type.
        why: What it is for, to end the message "there is no X ...".
    """

    def rule(_: Resource, stack: Stack, __: PolicySettings) -> Iterator[Outcome]:
        yield (
            passed()
            if stack.of_kind(kind)
            else failed("", f"there is no {kind.rsplit(':', 1)[-1]} in the stack {why}")
        )

    return rule


def best(outcomes: Iterable[Outcome], otherwise: Outcome) -> Outcome:
    """Return the mildest of several outcomes, of which one that passes is enough."""
    return min(outcomes, key=lambda outcome: outcome.verdict, default=otherwise)
