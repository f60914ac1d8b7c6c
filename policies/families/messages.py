"""SNS and SQS: messages are encrypted, come from named senders, and are not lost when nobody takes them."""

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
from policies.core.values import ABSENT, Value, normalise
from policies.core.verdicts import Verdict, is_set
from policies.families.common import each_statement, itself, let_in, told

TOPIC = "aws:sns/topic:Topic"
TOPIC_POLICY = "aws:sns/topicPolicy:TopicPolicy"
QUEUE = "aws:sqs/queue:Queue"
QUEUE_POLICY = "aws:sqs/queuePolicy:QueuePolicy"
REDRIVE = "aws:sqs/redrivePolicy:RedrivePolicy"


def _is_encrypted(resource: Resource, _: PolicySettings) -> Iterator[Outcome]:
    # Being set is the proof: the ARN of a key that is yet to be made is not known.
    yield require(
        resource.at("kmsMasterKeyId"),
        lambda value: is_set(value) and not str(value).startswith("alias/aws/"),
        "must name a customer-managed key",
        unknown=Verdict.PASSED,
    )


def _is_narrow(resource: Resource, settings: PolicySettings) -> Iterator[Outcome]:
    own = resource.kind in (TOPIC_POLICY, QUEUE_POLICY)
    yield from each_statement(
        resource.at("policy"),
        lambda statement, place: let_in(statement, place, settings.accounts),
        absent=Verdict.FAILED if own else Verdict.NOT_APPLICABLE,
    )


def _keeps_what_fails(queue: Resource, stack: Stack, _: PolicySettings) -> Iterator[Outcome]:
    if _takes_what_fails(queue, stack):
        yield passed()
        return
    own = queue.at("redrivePolicy")
    if not own.absent:
        yield _redrive(own)
        return
    attached = stack.attached(queue, queue.at("url"), REDRIVE, "queueUrl")
    if attached.sure:
        yield _redrive(attached.sure[0].at("redrivePolicy"))
    else:
        yield told(attached, REDRIVE, "sends what fails to another queue")


def _redrive(place: At) -> Outcome:
    # Being set is the proof: the ARN in it is not known before the other queue is made.
    if place.unknown:
        return undecided(place) if place.blocked else passed()
    policy = At(_parsed(place), place.path)
    count, target = policy.at("maxReceiveCount").value, policy.at("deadLetterTargetArn")
    if not str(count).isdigit() or count in (0, "0") or target.empty:
        return failed(place, "must name deadLetterTargetArn and maxReceiveCount")
    return passed()


def _parsed(place: At) -> Value:
    """Return a JSON text as data; what is no JSON object holds nothing."""
    if not isinstance(place.value, str):
        return place.value
    try:
        return normalise(json.loads(place.value))
    except ValueError:
        return ABSENT


def _takes_what_fails(queue: Resource, stack: Stack) -> bool:
    """Whether another queue sends here what nobody could handle: such a queue needs no other behind it."""
    name = queue.at("name")
    for other in (*stack.of_kind(QUEUE), *stack.of_kind(REDRIVE)):
        place = other.at("redrivePolicy")
        if other is queue or place.absent:
            continue
        if queue.urn in other.property_dependencies.get("redrivePolicy", ()):
            return True
        if name.known and f":{name.value}" in str(place.value):
            return True
    return False


MESSAGES: Family[Resource] = Family(
    name="messages",
    title="Messages are encrypted, come from named senders, and are not lost when nobody takes them.",
    prefixes=("aws:sns/", "aws:sqs/"),
    view=itself,
    checks=(
        Check("topic-is-encrypted", frozenset({TOPIC}), _is_encrypted),
        Check("topic-policy-is-narrow", frozenset({TOPIC, TOPIC_POLICY}), _is_narrow),
        Check("queue-is-encrypted", frozenset({QUEUE}), _is_encrypted),
        Check("queue-policy-is-narrow", frozenset({QUEUE, QUEUE_POLICY}), _is_narrow),
    ),
    relations=(RelationCheck("queue-keeps-what-fails", frozenset({QUEUE}), _keeps_what_fails),),
    reads=frozenset({REDRIVE}),
)
