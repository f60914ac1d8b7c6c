"""CloudTrail, logs and alarms: what was done is written down, kept, protected, and somebody is told."""

from collections.abc import Iterator

from policies.core import (
    At,
    Check,
    Family,
    Outcome,
    PolicySettings,
    Resource,
    failed,
    passed,
    require,
    undecided,
)
from policies.core.verdicts import Verdict, is_set, is_true
from policies.families.common import itself, whole_number

TRAIL = "aws:cloudtrail/trail:Trail"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
COMPOSITE = "aws:cloudwatch/compositeAlarm:CompositeAlarm"

SHORTEST_RETENTION_DAYS = 365
"""Days for which a log is kept at least (Security Hub CloudWatch.16)."""


def _covers_all_regions(trail: Resource, _: PolicySettings) -> Iterator[Outcome]:
    yield require(trail.at("isMultiRegionTrail"), is_true, "must be true")
    for key in ("enableLogging", "includeGlobalServiceEvents"):
        yield require(trail.at(key), is_true, "must be true", absent=Verdict.PASSED)


def _proves_itself(trail: Resource, _: PolicySettings) -> Iterator[Outcome]:
    yield require(trail.at("enableLogFileValidation"), is_true, "must be true")


def _is_encrypted_and_sent(trail: Resource, _: PolicySettings) -> Iterator[Outcome]:
    for key, what in (
        ("kmsKeyId", "a customer-managed key"),
        ("cloudWatchLogsGroupArn", "the log group that alarms read"),
        ("cloudWatchLogsRoleArn", "the role that writes to it"),
    ):
        # Being set is the proof: all three may be yet to be made.
        yield require(trail.at(key), is_set, f"must name {what}", unknown=Verdict.PASSED)


def _sees_data(trail: Resource, _: PolicySettings) -> Iterator[Outcome]:
    advanced, basic = trail.at("advancedEventSelectors"), trail.at("eventSelectors")
    outcomes = [_advanced(item) for item in advanced.each()] + [_basic(item) for item in basic.each()]
    reason = (
        "must select the reads and writes of objects (AWS::S3::Object) in the buckets of models and records"
    )
    best = min(
        outcomes, key=lambda outcome: outcome.verdict, default=failed("advancedEventSelectors", reason)
    )
    yield failed("advancedEventSelectors", reason) if best.verdict is Verdict.FAILED else best


def _advanced(selector: At) -> Outcome:
    fields = selector.at("fieldSelectors").each()
    if selector.unknown or any(field.unknown for field in fields):
        return undecided(selector)
    said = {str(field.at("field").value): field for field in fields}
    if "readOnly" in said or "eventCategory" not in said or "resources.type" not in said:
        return failed(selector, "")
    for name, wanted in (("eventCategory", "Data"), ("resources.type", "AWS::S3::Object")):
        values = said[name].at("equals")
        if values.unknown or any(item.unknown for item in values.each()):
            return undecided(values)
        if wanted not in {item.value for item in values.each()}:
            return failed(values, "")
    return passed()


def _basic(selector: At) -> Outcome:
    resources = selector.at("dataResources").each()
    if selector.unknown or any(item.unknown or item.at("type").unknown for item in resources):
        return undecided(selector)
    reads_and_writes = selector.at("readWriteType")
    if reads_and_writes.unknown:
        return undecided(reads_and_writes)
    whole = reads_and_writes.absent or reads_and_writes.value == "All"
    return (
        passed()
        if whole and any(item.at("type").value == "AWS::S3::Object" for item in resources)
        else failed(selector, "")
    )


def _kept_a_year(group: Resource, _: PolicySettings) -> Iterator[Outcome]:
    yield require(
        group.at("retentionInDays"),
        lambda value: (whole_number(value) or 0) >= SHORTEST_RETENTION_DAYS,
        f"must be {SHORTEST_RETENTION_DAYS} or more, and a number of days: for ever is a decision to state",
    )


def _log_is_encrypted(group: Resource, _: PolicySettings) -> Iterator[Outcome]:
    # Being set is the proof: the ARN of a key that is yet to be made is not known.
    yield require(group.at("kmsKeyId"), is_set, "must name a customer-managed key", unknown=Verdict.PASSED)


def _tells_somebody(alarm: Resource, _: PolicySettings) -> Iterator[Outcome]:
    yield require(alarm.at("actionsEnabled"), is_true, "must be true", absent=Verdict.PASSED)
    actions = alarm.at("alarmActions")
    if actions.empty:
        yield failed(actions, "is not set; must name whom to tell")
    else:
        # Being set is the proof: the ARN of a topic that is yet to be made is not known.
        yield undecided(actions) if actions.blocked else passed()


AUDIT: Family[Resource] = Family(
    name="audit",
    title="What was done is written down, kept and protected, and somebody is told.",
    prefixes=("aws:cloudtrail/", "aws:cloudwatch/"),
    view=itself,
    checks=(
        Check("trail-covers-all-regions", frozenset({TRAIL}), _covers_all_regions),
        Check("trail-proves-itself", frozenset({TRAIL}), _proves_itself),
        Check("trail-is-encrypted-and-sent", frozenset({TRAIL}), _is_encrypted_and_sent),
        Check("trail-sees-data", frozenset({TRAIL}), _sees_data),
        Check("log-is-kept-a-year", frozenset({LOG_GROUP}), _kept_a_year),
        Check("log-is-encrypted", frozenset({LOG_GROUP}), _log_is_encrypted),
        Check("alarm-tells-somebody", frozenset({ALARM, COMPOSITE}), _tells_somebody),
    ),
)
