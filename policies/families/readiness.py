"""What a model service shows before it may decide anything: model, contract, owners, a way to stop it.

A service is a workload that names a model's digest, or one in a namespace to which the gateway may lead.
"""

import re
from collections.abc import Callable, Iterator
from datetime import date

from policies.core import (
    At,
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
from policies.core.verdicts import one_of
from policies.exemptions import exempted
from policies.families.common import (
    DATA_CLASS_TAG,
    Relation,
    first_unknown,
    is_text,
    is_world,
    once,
    whole_number,
    within,
)
from policies.families.continuity import DEPLOYMENT, ROLLOUT, STATEFUL
from policies.families.namespaces import NAMESPACE, NETWORK_POLICY
from policies.families.rights import BINDING, CLUSTER_BINDING, CLUSTER_ROLE, ROLE
from policies.families.storage import BUCKET, OBJECT_LOCK

QUEUE = "aws:sqs/queue:Queue"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
_SERVICES = frozenset({DEPLOYMENT, STATEFUL, ROLLOUT})

PREFIX = "plinth.dev/"
"""Prefix of the annotations in which a service shows what is asked here."""
ROUTED = ("plinth.dev/routes", "allowed")
"""Label of a namespace to which the gateway may lead."""
RISK_CLASSES = ("minimal", "limited", "high")
"""Risk classes of the EU AI Act in which a system may run at all."""
SHORTEST_RECORD_DAYS = 183
"""Days for which logs of a high-risk system are kept at least: six months (EU AI Act, art. 19)."""
_DIGEST = re.compile(r"^sha256:[0-9a-f]{64}$")
_STOPPING = ("deployments/scale", "statefulsets/scale", "rollouts/scale")


def _note(service: Resource, key: str) -> At:
    return service.at("metadata", "annotations", f"{PREFIX}{key}")


def _shown_digest(service: Resource) -> At:
    """Return the digest that the pods show."""
    return service.at("spec", "template", "metadata", "annotations", f"{PREFIX}model-digest")


def serves(resource: Resource, stack: Stack) -> bool:
    """Whether a workload is a model service, or may be one: what cannot be known counts as one."""
    if not (_note(resource, "model-digest").absent and _shown_digest(resource).absent):
        return True
    where = resource.at("metadata", "namespace")
    label, value = ROUTED
    for namespace in stack.of_kind(NAMESPACE):
        if namespace.at("metadata", "labels", label).value == value:
            name = namespace.at("metadata", "name")
            if where.unknown or name.unknown or where.value == name.value:
                return True
    return False


def _of_services(rule: Relation) -> Relation:
    """Let a rule speak of model services only."""

    def judged(resource: Resource, stack: Stack, settings: PolicySettings) -> Iterator[Outcome]:
        if serves(resource, stack):
            yield from rule(resource, stack, settings)
        else:
            yield not_applicable()

    return judged


def _noted(*keys: str, what: str) -> Relation:
    """Return a rule that asks for annotations with something in them."""

    def rule(service: Resource, _: Stack, __: PolicySettings) -> Iterator[Outcome]:
        for key in keys:
            yield require(_note(service, key), is_text, f"must {what}")

    return rule


def _model_is_named(service: Resource, _: Stack, __: PolicySettings) -> Iterator[Outcome]:
    named, shown = _note(service, "model-digest"), _shown_digest(service)
    for place in (named, shown):
        yield require(
            place,
            lambda value: isinstance(value, str) and bool(_DIGEST.match(value)),
            "must be the digest of the model, sha256:<64 hex digits>",
        )
    if named.known and shown.known and named.value != shown.value:
        yield failed(shown, "must be the digest that the service itself names")


def _contract_is_in_date(service: Resource, _: Stack, settings: PolicySettings) -> Iterator[Outcome]:
    yield require(_note(service, "contract"), is_text, "must name the readiness contract")
    yield require(
        _note(service, "contract-expires"), lambda value: _after(value, settings.day), "must be a day to come"
    )


def _after(value: object, today: date) -> bool:
    try:
        return date.fromisoformat(str(value)) > today
    except ValueError:
        return False


def _states_risk(service: Resource, _: Stack, __: PolicySettings) -> Iterator[Outcome]:
    yield require(
        _note(service, "risk-class"), one_of(*RISK_CLASSES), f"must be one of {', '.join(RISK_CLASSES)}"
    )
    for key in ("purpose", "technical-file"):
        yield require(_note(service, key), is_text, "must be stated")


def _person_decides(service: Resource, _: Stack, __: PolicySettings) -> Iterator[Outcome]:
    risk = _note(service, "risk-class")
    if risk.known and risk.value in ("minimal", "limited"):
        yield not_applicable()
    else:
        yield require(_note(service, "human-review"), is_text, "must say how a case comes to a person")


def _queue_is_watched(queue: Resource, stack: Stack, _: PolicySettings) -> Iterator[Outcome]:
    data_class, name = queue.at("tags", DATA_CLASS_TAG), queue.at("name")
    if data_class.value != "reviews" or (name.known and str(name.value).endswith("failed")):
        yield not_applicable()
        return
    alarms = [within(alarm, "metricName") for alarm in stack.of_kind(ALARM)]
    if any(metric.value == "ApproximateAgeOfOldestMessage" for metric in alarms):
        yield passed()
    elif hidden := next((metric for metric in alarms if metric.unknown), None):
        yield undecided(hidden)
    else:
        yield failed("", "no MetricAlarm watches ApproximateAgeOfOldestMessage, so cases may wait unseen")


def _decisions_are_kept(_: Resource, stack: Stack, __: PolicySettings) -> Iterator[Outcome]:
    if not any(serves(workload, stack) for kind in _SERVICES for workload in stack.of_kind(kind)):
        yield not_applicable()
        return
    buckets = [b for b in stack.of_kind(BUCKET) if b.at("tags", DATA_CLASS_TAG).value == "decisions"]
    if not buckets:
        yield failed("", "no Bucket of data class decisions takes the records of this service")
    for bucket in buckets:
        locks = stack.attached(bucket, bucket.at("bucket"), OBJECT_LOCK, "bucket").sure
        for lock in locks:
            retention = within(lock, "rule", "defaultRetention")
            if not retention.at("years").absent:
                yield require(
                    retention.at("years"), lambda value: (whole_number(value) or 0) > 0, "must be 1 or more"
                )
            else:
                yield require(
                    retention.at("days"),
                    lambda value: (whole_number(value) or 0) >= SHORTEST_RECORD_DAYS,
                    f"must be {SHORTEST_RECORD_DAYS} or more",
                )


def _can_be_stopped(service: Resource, stack: Stack, _: PolicySettings) -> Iterator[Outcome]:
    where = service.at("metadata", "namespace")
    stoppers = {
        role.at("metadata", "name").value
        for kind in (ROLE, CLUSTER_ROLE)
        for role in stack.of_kind(kind)
        if any(map(_stops, role.at("rules").each()))
    }
    bindings = (*stack.of_kind(BINDING), *stack.of_kind(CLUSTER_BINDING))
    hidden: At | None = None
    for binding in bindings:
        place = binding.at("metadata", "namespace")
        here = binding.kind == CLUSTER_BINDING or place.unknown or where.unknown or place.value == where.value
        role = within(binding, "roleRef", "name")
        if here and role.unknown:
            hidden = role
        elif here and role.value in stoppers and not binding.at("subjects").empty:
            yield passed()
            return
    reason = "nobody is bound to a role that may scale it down (deployments/scale)"
    yield undecided(hidden) if hidden else failed("", reason)


def _stops(rule: At) -> bool:
    resources = {item.value for item in rule.at("resources").each()}
    verbs = {item.value for item in rule.at("verbs").each()}
    return bool(resources & set(_STOPPING)) and bool(verbs & {"patch", "update"})


def _reaches_little(service: Resource, stack: Stack, _: PolicySettings) -> Iterator[Outcome]:
    where = service.at("metadata", "namespace")
    allowed = exempted("service-reaches-only-what-it-names", service)
    yield passed()
    for policy in stack.of_kind(NETWORK_POLICY):
        place = policy.at("metadata", "namespace")
        if place.known and where.known and place.value != where.value:
            continue
        egress = within(policy, "spec", "egress")
        if hidden := first_unknown(egress):
            yield undecided(hidden)
            continue
        for rule in egress.each():
            if rule.at("to").empty:
                yield failed(rule, "lets everything out; name where requests may go")
            for peer in rule.at("to").each():
                cidr = peer.at("ipBlock", "cidr")
                if cidr.known and is_world(cidr.value) and cidr.value not in allowed:
                    yield failed(cidr, "is the whole internet; name where requests may go")


_RULES: dict[str, Callable[[Resource, Stack, PolicySettings], Iterator[Outcome]]] = {
    "model-is-named-by-digest": _model_is_named,
    "model-has-a-record": _noted(
        "model", "data-sets", what="name the model's record and the data it learned from"
    ),
    "service-has-a-contract": _contract_is_in_date,
    "person-can-decide": _person_decides,
    "service-can-be-stopped": _can_be_stopped,
    "drift-is-watched": _noted("drift-figures", "owner", what="say what is watched, and who answers for it"),
    "service-states-its-risk": _states_risk,
    "service-reaches-only-what-it-names": _reaches_little,
    "service-has-a-fallback": _noted("fallback", what="say what is answered when the model cannot"),
}

READINESS: Family[Resource] = Family(
    name="readiness",
    title="A model service shows its model, contract and owners, and can be stopped.",
    prefixes=("kubernetes:", "aws:sqs/"),
    view=lambda _: None,
    checks=(),
    relations=(
        *(RelationCheck(control, _SERVICES, _of_services(rule)) for control, rule in _RULES.items()),
        RelationCheck("person-can-decide", frozenset({QUEUE}), _queue_is_watched),
        once("decisions-are-kept", _SERVICES, _decisions_are_kept, of_account=False),
    ),
    reads=frozenset(
        {NAMESPACE, NETWORK_POLICY, ROLE, CLUSTER_ROLE, BINDING, CLUSTER_BINDING, BUCKET, OBJECT_LOCK, ALARM}
    ),
)
