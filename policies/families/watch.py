"""GuardDuty, Security Hub and Config: the account itself is watched while a cluster runs in it."""

from collections.abc import Iterator

from policies.core import (
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
from policies.core.verdicts import Verdict, is_true
from policies.families.cluster import CLUSTER
from policies.families.common import exists, itself, once, within

DETECTOR = "aws:guardduty/detector:Detector"
FEATURE = "aws:guardduty/detectorFeature:DetectorFeature"
HUB = "aws:securityhub/account:Account"
SUBSCRIPTION = "aws:securityhub/standardsSubscription:StandardsSubscription"
RECORDER = "aws:cfg/recorder:Recorder"
RECORDER_STATUS = "aws:cfg/recorderStatus:RecorderStatus"
_WATCHED = frozenset({CLUSTER})
"""What makes watching necessary in a stack. The account's other stacks rely on the one that has it."""

NEEDED_FEATURES = ({"EKS_AUDIT_LOGS"}, {"RUNTIME_MONITORING", "EKS_RUNTIME_MONITORING"})
"""Features of GuardDuty that look into clusters; of each group one is enough (FSBP GuardDuty.5, .7)."""
_STANDARD = "aws-foundational-security-best-practices"


def _is_on(detector: Resource, _: PolicySettings) -> Iterator[Outcome]:
    yield require(detector.at("enable"), is_true, "must be true", absent=Verdict.PASSED)


def _has_features(detector: Resource, stack: Stack, _: PolicySettings) -> Iterator[Outcome]:
    attached = stack.attached(detector, detector.at("id"), FEATURE, "detectorId")
    on, hidden = set(), None
    for feature in (*attached.sure, *attached.maybe):
        name, status = within(feature, "name"), within(feature, "status")
        if feature in attached.sure and status.value == "ENABLED" and name.known:
            on.add(name.value)
        elif name.unknown or status.unknown or feature in attached.maybe:
            hidden = name if name.unknown else status
    for group in NEEDED_FEATURES:
        if group & on:
            yield passed()
        elif hidden:
            yield undecided(hidden)
        else:
            yield failed("", f"no DetectorFeature with status ENABLED turns on {' or '.join(sorted(group))}")


def _subscribes(hub: Resource, stack: Stack, _: PolicySettings) -> Iterator[Outcome]:
    defaults = hub.at("enableDefaultStandards")
    if defaults.absent or defaults.value is True:
        yield passed()  # the standard is one of the defaults
        return
    arns = [within(item, "standardsArn") for item in stack.of_kind(SUBSCRIPTION)]
    if any(_STANDARD in str(arn.value) for arn in arns if arn.known):
        yield passed()
    elif hidden := next((arn for arn in (*arns, defaults) if arn.unknown), None):
        yield undecided(hidden)
    else:
        yield failed("", f"no StandardsSubscription names {_STANDARD}")


def _records_all(recorder: Resource, settings: PolicySettings) -> Iterator[Outcome]:
    group = recorder.at("recordingGroup")
    yield require(group.at("allSupported"), is_true, "must be true", absent=Verdict.PASSED)
    if settings.owns_account:  # what is global is recorded once, in the region of the stack that owns it
        yield require(group.at("includeGlobalResourceTypes"), is_true, "must be true")


def _is_recording(recorder: Resource, stack: Stack, _: PolicySettings) -> Iterator[Outcome]:
    attached = stack.attached(recorder, recorder.at("name"), RECORDER_STATUS, "name")
    states = [within(status, "isEnabled") for status in attached.sure]
    if not states:
        yield (
            undecided(attached.maybe[0].name)
            if attached.maybe
            else failed("", "no RecorderStatus turns it on")
        )
    for state in states:
        yield require(state, is_true, "must be true")


WATCH: Family[Resource] = Family(
    name="watch",
    title="The account itself is watched while a cluster runs in it.",
    prefixes=("aws:guardduty/", "aws:securityhub/", "aws:cfg/", "aws:eks/cluster"),
    view=itself,
    checks=(
        Check("threats-are-watched", frozenset({DETECTOR}), _is_on),
        Check("configuration-is-recorded", frozenset({RECORDER}), _records_all),
    ),
    relations=(
        RelationCheck("threats-are-watched", frozenset({DETECTOR}), _has_features),
        RelationCheck("posture-is-watched", frozenset({HUB}), _subscribes),
        RelationCheck("configuration-is-recorded", frozenset({RECORDER}), _is_recording),
        once("threats-are-watched", _WATCHED, exists(DETECTOR, "that watches the cluster")),
        once("posture-is-watched", _WATCHED, exists(HUB, "that collects findings")),
        once("configuration-is-recorded", _WATCHED, exists(RECORDER, "that records what changes")),
    ),
    reads=frozenset({DETECTOR, FEATURE, HUB, SUBSCRIPTION, RECORDER, RECORDER_STATUS}),
)
