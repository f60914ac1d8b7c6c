"""KMS: keys rotate, are open to named identities only, and cannot be lost by mistake."""

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
    not_applicable,
    passed,
    require,
    undecided,
)
from policies.core.policy_documents import statements
from policies.core.verdicts import Verdict, is_true

KEY = "aws:kms/key:Key"
REPLICA = "aws:kms/replicaKey:ReplicaKey"
KEY_POLICY = "aws:kms/keyPolicy:KeyPolicy"
EXTERNAL = "aws:kms/externalKey:ExternalKey"
_KEYS = frozenset({KEY, REPLICA, EXTERNAL})

LONGEST_ROTATION_DAYS = 365
"""Most days between rotations: CIS AWS 3.6 asks for a yearly one, which is also the AWS default."""
DELETION_WINDOW_DAYS = 30
"""Days in which the deletion of a key can be taken back: the longest that KMS allows."""


def _rotates(key: Resource, _: PolicySettings) -> Iterator[Outcome]:
    usage, spec = key.at("keyUsage"), key.at("customerMasterKeySpec")
    for place, symmetric in ((usage, "ENCRYPT_DECRYPT"), (spec, "SYMMETRIC_DEFAULT")):
        if place.known and place.value != symmetric:
            # KMS rotates symmetric encryption keys only.
            yield not_applicable()
            return
    yield require(key.at("enableKeyRotation"), is_true, "must be true")
    yield require(
        key.at("rotationPeriodInDays"),
        lambda value: isinstance(value, int) and value <= LONGEST_ROTATION_DAYS,
        f"must be {LONGEST_ROTATION_DAYS} or less",
        absent=Verdict.PASSED,
    )


def _waits(key: Resource, _: PolicySettings) -> Iterator[Outcome]:
    # Left out, KMS itself waits for 30 days.
    yield require(
        key.at("deletionWindowInDays"),
        lambda value: value == DELETION_WINDOW_DAYS,
        f"must be {DELETION_WINDOW_DAYS}",
        absent=Verdict.PASSED,
    )


def _protected(key: Resource, _: PolicySettings) -> Iterator[Outcome]:
    yield (
        passed()
        if key.protect
        else failed("opts.protect", "must be true, so that the engine refuses to delete it")
    )


def _narrow(resource: Resource, _: PolicySettings) -> Iterator[Outcome]:
    document = resource.at("policy")
    if not document.absent:
        yield from _open_to_named(document)
    elif resource.kind == KEY_POLICY:
        yield failed(document, "is not set; must be a policy document")


def _open_to_named(document: At) -> Iterator[Outcome]:
    if document.unknown:
        yield undecided(document, "is not known yet; build the policy from the account id and from names")
        return
    found = statements(document)
    if found is None:
        yield failed(document, "is not a policy document")
        return
    yield passed()
    for index, statement in enumerate(found):
        if statement.allow and statement.for_everyone and not statement.narrowed:
            yield failed(
                f"policy.Statement[{index}]",
                "allows everyone; name the principals, or tie them to an account or organisation",
            )


def _has_policy(key: Resource, stack: Stack, _: PolicySettings) -> Iterator[Outcome]:
    if not key.at("policy").absent:
        yield passed()  # what it says is judged on the key itself
        return
    attached = stack.attached(key, key.at("keyId"), KEY_POLICY, "keyId")
    if attached.sure:
        yield passed()
    elif attached.maybe:
        yield undecided(f"{attached.maybe[0].name}.keyId")
    else:
        yield failed("policy", "is not set and no KeyPolicy names this key; must be a policy document")


KEYS: Family[Resource] = Family(
    name="keys",
    title="KMS keys rotate, are open to named identities only, and cannot be lost by mistake.",
    prefixes=("aws:kms/",),
    view=lambda resource: resource,
    checks=(
        Check("key-rotates", frozenset({KEY}), _rotates),
        Check("key-policy-is-narrow", _KEYS | {KEY_POLICY}, _narrow),
        Check("key-deletion-waits", _KEYS, _waits),
        Check("key-is-protected", _KEYS, _protected),
    ),
    relations=(RelationCheck("key-policy-is-narrow", _KEYS, _has_policy),),
    reads=frozenset({KEY_POLICY}),
)
