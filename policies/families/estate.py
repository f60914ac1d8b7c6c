"""The account and its bill: closed to the public, with an owner and a class for all, spending with an end."""

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
    not_applicable,
    passed,
    require,
    undecided,
)
from policies.core.values import normalise
from policies.core.verdicts import Verdict, is_true
from policies.families.cluster import CLUSTER
from policies.families.common import DATA_CLASS_TAG, exists, is_text, itself, once, told, whole_number
from policies.families.nodes import NODE_GROUP
from policies.families.storage import BUCKET

ACCOUNT_BLOCK = "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock"
PROVIDER = "pulumi:providers:aws"
BUDGET = "aws:budgets/budget:Budget"
BUDGET_ACTION = "aws:budgets/budgetAction:BudgetAction"
ANOMALY = "aws:costexplorer/anomalyMonitor:AnomalyMonitor"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
MASKING = "aws:cloudwatch/logDataProtectionPolicy:LogDataProtectionPolicy"
QUOTA = "kubernetes:core:ResourceQuota"
STORES = frozenset(
    {
        BUCKET,
        LOG_GROUP,
        "aws:backup/vault:Vault",
        "aws:dynamodb/table:Table",
        "aws:ecr/repository:Repository",
        "aws:secretsmanager/secret:Secret",
        "aws:sns/topic:Topic",
        "aws:sqs/queue:Queue",
    }
)
"""Types that hold or carry data."""
OWNER_TAGS = ("owner", "cost-centre", "ai-system")
"""What every resource says of itself; a prefix such as ``plinth:`` may stand before each."""
PERSONAL_CLASSES = ("personal", "decisions", "reviews")
"""Data classes whose log groups may hold personal data."""
_FLAGS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
_GPU_QUOTAS = ("requests.nvidia.com/gpu", "limits.nvidia.com/gpu")
_PAYING = frozenset({CLUSTER, NODE_GROUP})
"""What costs enough that its stack needs a budget."""


def _account_is_closed(block: Resource, _: PolicySettings) -> Iterator[Outcome]:
    for flag in _FLAGS:
        yield require(block.at(flag), is_true, "must be true")


def _names_its_owner(provider: Resource, _: PolicySettings) -> Iterator[Outcome]:
    place = provider.at("defaultTags")
    if place.unknown:
        yield undecided(place)
        return
    tags = _parsed(place).at("tags")
    for wanted in OWNER_TAGS:
        keys = [key for key in tags.keys() if key.rsplit(":", 1)[-1] == wanted]  # noqa: SIM118 - a cursor
        if not keys:
            yield failed("defaultTags", f"must hold a tag {wanted}, with a prefix if you like")
        for key in keys:
            yield require(tags.at(key), is_text, "must not be empty", unknown=Verdict.PASSED)


def _parsed(place: At) -> At:
    """Return the tags as data; the engine hands them to a provider as JSON text."""
    if not isinstance(place.value, str):
        return place
    try:
        return At(normalise(json.loads(place.value)), place.path)
    except ValueError:
        return place


def _has_a_class(store: Resource, _: PolicySettings) -> Iterator[Outcome]:
    # Being set is the proof: which class it is may come from settings.
    yield require(store.at("tags", DATA_CLASS_TAG), is_text, "must say what it holds", unknown=Verdict.PASSED)


def _masks_personal_data(group: Resource, stack: Stack, _: PolicySettings) -> Iterator[Outcome]:
    data_class = group.at("tags", DATA_CLASS_TAG)
    if data_class.unknown:
        yield undecided(data_class)
    elif data_class.value not in PERSONAL_CLASSES:
        yield not_applicable()
    else:
        attached = stack.attached(group, group.at("name"), MASKING, "logGroupName")
        yield told(attached, MASKING, "masks personal data in this log group")


def _budget_warns(budget: Resource, _: PolicySettings) -> Iterator[Outcome]:
    warnings = budget.at("notifications")
    if warnings.empty:
        yield failed(warnings, "is not set; must say whom to warn, and when")
    for warning in warnings.each():
        people = [warning.at(key) for key in ("subscriberSnsTopicArns", "subscriberEmailAddresses")]
        if warning.unknown:
            yield undecided(warning)
        elif all(place.empty for place in people):
            yield failed(warning, "must name somebody to warn")
        else:
            yield passed()


def _gpus_are_bounded(group: Resource, stack: Stack, _: PolicySettings) -> Iterator[Outcome]:
    kinds = group.at("instanceTypes").each()
    if any(kind.unknown for kind in kinds):
        yield undecided("instanceTypes")
        return
    image = str(group.at("amiType").value)
    if not any(str(kind.value).startswith(("g", "p")) for kind in kinds) and "NVIDIA" not in image:
        yield not_applicable()
        return
    yield require(
        group.at("scalingConfig", "maxSize"), lambda value: (whole_number(value) or 0) > 0, "must be a number"
    )
    yield (
        passed()
        if any(
            not quota.at("spec", "hard", key).absent for quota in stack.of_kind(QUOTA) for key in _GPU_QUOTAS
        )
        else failed("", f"no ResourceQuota of the stack bounds {_GPU_QUOTAS[0]}")
    )
    yield passed() if stack.of_kind(BUDGET_ACTION) else failed("", "no BudgetAction stops what it costs")


ESTATE: Family[Resource] = Family(
    name="estate",
    title="The account is closed to the public, everything has an owner and a class, spending has an end.",
    prefixes=("aws:", "pulumi:providers:aws"),
    view=itself,
    checks=(
        Check("account-blocks-public-access", frozenset({ACCOUNT_BLOCK}), _account_is_closed),
        Check("resources-name-their-owner", frozenset({PROVIDER}), _names_its_owner),
        Check("data-has-a-class", STORES, _has_a_class),
        Check("spending-is-bounded", frozenset({BUDGET}), _budget_warns),
    ),
    relations=(
        once(
            "account-blocks-public-access",
            frozenset({BUCKET}),
            exists(ACCOUNT_BLOCK, "for the whole account"),
        ),
        once("spending-is-bounded", _PAYING, exists(BUDGET, "that warns")),
        once("spending-is-bounded", _PAYING, exists(BUDGET_ACTION, "that stops what spends too much")),
        once("spending-is-bounded", _PAYING, exists(ANOMALY, "that sees what is unusual")),
        RelationCheck("personal-data-is-masked", frozenset({LOG_GROUP}), _masks_personal_data),
        RelationCheck("gpus-are-bounded", frozenset({NODE_GROUP}), _gpus_are_bounded),
    ),
    reads=frozenset({ACCOUNT_BLOCK, BUDGET, BUDGET_ACTION, ANOMALY, MASKING, QUOTA}),
)
