"""ECR: an image is what was pushed, is scanned and encrypted, and the way back to the last one stays open."""

import json
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
from policies.core.values import normalise
from policies.core.verdicts import Verdict, is_set, is_true, one_of
from policies.families.common import each_statement, first_unknown, itself, let_in, told, whole_number, within

REPOSITORY = "aws:ecr/repository:Repository"
REPOSITORY_POLICY = "aws:ecr/repositoryPolicy:RepositoryPolicy"
LIFECYCLE = "aws:ecr/lifecyclePolicy:LifecyclePolicy"
REGISTRY_SCANNING = "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration"

FEWEST_RELEASES = 3
"""Released images that stay at least: the running one, the last good one, and one more."""


def _tags_stay(repository: Resource, _: PolicySettings) -> Iterator[Outcome]:
    yield require(repository.at("imageTagMutability"), one_of("IMMUTABLE"), "must be IMMUTABLE")


def _is_scanned(repository: Resource, stack: Stack, _: PolicySettings) -> Iterator[Outcome]:
    own = require(repository.at("imageScanningConfiguration", "scanOnPush"), is_true, "must be true")
    for registry in stack.of_kind(REGISTRY_SCANNING):
        for rule in within(registry, "rules").each():
            wide = any(item.at("filter").value == "*" for item in rule.at("repositoryFilters").each())
            if wide and rule.at("scanFrequency").value in ("SCAN_ON_PUSH", "CONTINUOUS_SCAN"):
                own = passed()
    yield own


def _is_encrypted(repository: Resource, _: PolicySettings) -> Iterator[Outcome]:
    configurations = repository.at("encryptionConfigurations").each()
    if not configurations:
        yield failed("encryptionConfigurations", "is not set; must be KMS with a key of this account")
    for configuration in configurations:
        yield require(configuration.at("encryptionType"), one_of("KMS", "KMS_DSSE"), "must be KMS")
        # Being set is the proof: the ARN of a key that is yet to be made is not known.
        yield require(
            configuration.at("kmsKey"), is_set, "must name a key of this account", unknown=Verdict.PASSED
        )


def _is_private(policy: Resource, settings: PolicySettings) -> Iterator[Outcome]:
    yield from each_statement(
        policy.at("policy"), lambda statement, place: let_in(statement, place, settings.accounts)
    )


def _expires(repository: Resource, stack: Stack, _: PolicySettings) -> Iterator[Outcome]:
    attached = stack.attached(repository, repository.at("name"), LIFECYCLE, "repository")
    yield told(attached, LIFECYCLE, "names this repository")


def _keeps_a_way_back(lifecycle: Resource, _: PolicySettings) -> Iterator[Outcome]:
    place = _document(lifecycle.at("policy"))
    if hidden := first_unknown(place):
        yield undecided(hidden)
        return
    rules = place.at("rules").each()
    if not rules:
        yield failed(place, "is not a lifecycle policy; must be one that keeps released images")
    for rule in rules:
        yield _counts(rule.at("selection"))


def _counts(selection: At) -> Outcome:
    """Judge one rule: what has a tag may be the running image, and goes by count only."""
    if selection.at("tagStatus").value == "untagged":
        return passed()
    count = whole_number(selection.at("countNumber").value)
    if selection.at("countType").value != "imageCountMoreThan":
        return failed(
            selection, "lets tagged images go by age, the running one with them; count them instead"
        )
    if count is None or count < FEWEST_RELEASES:
        return failed(selection, f"must keep at least {FEWEST_RELEASES} tagged images")
    return passed()


def _document(place: At) -> At:
    """Return a JSON document as data, whether it is given as text or as an object."""
    if not isinstance(place.value, str):
        return place
    try:
        return At(normalise(json.loads(place.value)), place.path)
    except ValueError:
        return place


IMAGES: Family[Resource] = Family(
    name="images",
    title="An image is what was pushed, is scanned and encrypted, and the way back stays open.",
    prefixes=("aws:ecr/",),
    view=itself,
    checks=(
        Check("image-tags-stay", frozenset({REPOSITORY}), _tags_stay),
        Check("images-are-encrypted", frozenset({REPOSITORY}), _is_encrypted),
        Check("images-are-private", frozenset({REPOSITORY_POLICY}), _is_private),
        Check("images-keep-a-way-back", frozenset({LIFECYCLE}), _keeps_a_way_back),
    ),
    relations=(
        RelationCheck("images-are-scanned", frozenset({REPOSITORY}), _is_scanned),
        RelationCheck("images-expire", frozenset({REPOSITORY}), _expires),
    ),
    reads=frozenset({LIFECYCLE, REGISTRY_SCANNING}),
)
