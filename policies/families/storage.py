"""S3: buckets are private, encrypted, versioned, logged and kept.

What a separate resource says is judged on that resource, where its inputs are exact. Whether a
bucket has such a resource at all, and what its data class asks of it, is judged in the stack.
"""

from collections.abc import Callable, Iterator

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
from policies.core.relations import Attached
from policies.core.verdicts import Verdict, is_set, is_true, one_of
from policies.families.common import let_in

BUCKET = "aws:s3/bucket:Bucket"
PUBLIC_ACCESS = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
POLICY = "aws:s3/bucketPolicy:BucketPolicy"
VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
LOGGING = "aws:s3/bucketLogging:BucketLogging"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
OBJECT_LOCK = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
OWNERSHIP = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
ACL = "aws:s3/bucketAcl:BucketAcl"

DATA_CLASS_TAG = "plinth:data-class"
"""Tag that says what a bucket holds."""
IMMUTABLE_CLASSES = ("audit", "decisions")
"""Data classes whose records nobody may change or remove before their time."""
ACCESS_LOG_CLASS = "access-logs"
"""Data class of a bucket that takes the access logs of others. S3 delivers these only to buckets with
S3-managed encryption, and such a bucket does not log itself, as each line would cause another one."""

_FLAGS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
_ATTACH = "no {kind} names this bucket"
_DOCUMENT = (
    "is not known yet; build the policy from names that are known at preview, "
    "such as arn:aws:s3:::<bucket name>"
)


def _private(block: Resource, _: PolicySettings) -> Iterator[Outcome]:
    for flag in _FLAGS:
        yield require(block.at(flag), is_true, "must be true")


def _tls_only(policy: Resource, _: PolicySettings) -> Iterator[Outcome]:
    document = policy.at("policy")
    if document.unknown:
        yield undecided(document, _DOCUMENT)
        return
    found = statements(document)
    if found is None:
        yield failed(document, "is not a policy document")
    elif not any(statement.denies_plain_http(policy.at("bucket").value) for statement in found):
        yield failed(
            document,
            "must deny s3:* to everyone on the bucket and on its objects when aws:SecureTransport is false, "
            "without a further condition",
        )
    else:
        yield passed()


def _narrow(resource: Resource, settings: PolicySettings) -> Iterator[Outcome]:
    document = resource.at("policy")
    if document.absent and resource.kind == BUCKET:
        return
    if document.unknown:
        yield undecided(document, _DOCUMENT)
        return
    found = statements(document)
    if found is None:
        yield failed(document, "is not a policy document")
        return
    yield passed()
    for index, statement in enumerate(found):
        yield from let_in(statement, f"policy.Statement[{index}]", settings.accounts)


def _versioned(versioning: Resource, _: PolicySettings) -> Iterator[Outcome]:
    yield require(versioning.at("versioningConfiguration", "status"), one_of("Enabled"), "must be Enabled")


def _logs_somewhere(logging: Resource, _: PolicySettings) -> Iterator[Outcome]:
    target, bucket = logging.at("targetBucket"), logging.at("bucket")
    # Being set is the proof: the name of a bucket that is yet to be made is not known.
    yield require(target, is_set, "must name the bucket that takes the log", unknown=Verdict.PASSED)
    if target.known and bucket.known and target.value == bucket.value:
        yield failed(target, "must name another bucket: a bucket that logs itself never stops")


def _aborts_uploads(lifecycle: Resource, _: PolicySettings) -> Iterator[Outcome]:
    rules = lifecycle.at("rules").each()
    outcomes = [_abort_rule(rule) for rule in rules]
    best = min((outcome.verdict for outcome in outcomes), default=Verdict.FAILED)
    if best is Verdict.FAILED:
        yield failed(
            "rules",
            "must hold an enabled rule for the whole bucket with "
            "abortIncompleteMultipartUpload.daysAfterInitiation",
        )
    else:
        yield next(outcome for outcome in outcomes if outcome.verdict is best)


def _abort_rule(rule: At) -> Outcome:
    days = require(
        rule.at("abortIncompleteMultipartUpload", "daysAfterInitiation"),
        lambda value: isinstance(value, int) and not isinstance(value, bool) and value > 0,
        "must be a number of days",
        unknown=Verdict.PASSED,
    )
    if rule.unknown:
        return undecided(rule)
    enabled = require(rule.at("status"), one_of("Enabled"), "must be Enabled")
    return max((days, enabled, _whole_bucket(rule)), key=lambda outcome: outcome.verdict)


def _whole_bucket(rule: At) -> Outcome:
    scope = [rule.at("prefix"), *(rule.at("filter", key) for key in ("prefix", "tag", "and"))]
    scope += [rule.at("filter", key) for key in ("objectSizeGreaterThan", "objectSizeLessThan")]
    if unknown := next((place for place in scope if place.unknown), None):
        return undecided(unknown)
    narrowed = next((place for place in scope if not place.empty), None)
    return failed(narrowed, "must be left out: the rule has to reach every object") if narrowed else passed()


def _owner_enforced(ownership: Resource, _: PolicySettings) -> Iterator[Outcome]:
    yield require(
        ownership.at("rule", "objectOwnership"), one_of("BucketOwnerEnforced"), "must be BucketOwnerEnforced"
    )


def _no_acl(resource: Resource, _: PolicySettings) -> Iterator[Outcome]:
    if resource.kind == ACL:
        yield failed("acl", "must not be used: access is granted by policies only")
        return
    yield passed()
    for place in (resource.at("acl"), *resource.at("grants").each()):
        if not place.absent:
            yield failed(place, "must not be set: access is granted by policies only")


def _name(bucket: Resource) -> At:
    return bucket.at("bucket")


def _data_class(bucket: Resource) -> At:
    return bucket.at("tags", DATA_CLASS_TAG)


def _of(bucket: Resource, stack: Stack, kind: str) -> Attached:
    return stack.attached(bucket, _name(bucket), kind, "bucket")


def _present(attached: Attached, kind: str) -> Outcome:
    short = kind.rsplit(":", 1)[-1]
    if attached.sure:
        return passed()
    if attached.maybe:
        return undecided(
            f"{attached.maybe[0].name}.bucket", "is not known yet, nor does it come from a bucket here"
        )
    return failed("", _ATTACH.format(kind=short))


def _takes_logs(bucket: Resource, stack: Stack) -> bool:
    """Whether a bucket is what its tag says: the one to which others send their access logs."""
    attached = stack.attached(bucket, _name(bucket), LOGGING, "targetBucket")
    return _data_class(bucket).value == ACCESS_LOG_CLASS and bool(attached.sure)


def _has(kind: str) -> RelationCheck:
    control = {
        PUBLIC_ACCESS: "storage-bucket-blocks-public-access",
        POLICY: "storage-bucket-requires-tls",
        VERSIONING: "storage-bucket-keeps-versions",
        LIFECYCLE: "storage-bucket-aborts-stale-uploads",
        OWNERSHIP: "storage-bucket-disables-acls",
    }[kind]

    def rule(bucket: Resource, stack: Stack, _: PolicySettings) -> Iterator[Outcome]:
        yield _present(_of(bucket, stack, kind), kind)

    return RelationCheck(control, frozenset({BUCKET}), rule)


def _logged(bucket: Resource, stack: Stack, _: PolicySettings) -> Iterator[Outcome]:
    yield not_applicable() if _takes_logs(bucket, stack) else _present(_of(bucket, stack, LOGGING), LOGGING)


def _encrypted(bucket: Resource, stack: Stack, _: PolicySettings) -> Iterator[Outcome]:
    attached = _of(bucket, stack, ENCRYPTION)
    yield _present(attached, ENCRYPTION)
    managed = ("AES256",) if _takes_logs(bucket, stack) else ()
    for encryption in attached.sure:
        rules = encryption.at("rules").each()
        if not rules:
            yield failed(f"{encryption.name}.rules", "is not set; must hold a default encryption")
        for rule in rules:
            yield from _default_encryption(encryption.name, rule, managed)


def _default_encryption(name: str, rule: At, managed: tuple[str, ...]) -> Iterator[Outcome]:
    default = At(rule.value, f"{name}.{rule.path}", rule.blocked).at("applyServerSideEncryptionByDefault")
    algorithm = default.at("sseAlgorithm")
    if algorithm.known and algorithm.value in managed:
        yield passed()
        return
    yield require(algorithm, one_of("aws:kms", "aws:kms:dsse"), "must be aws:kms or aws:kms:dsse")
    if default.known and algorithm.known and algorithm.value in ("aws:kms", "aws:kms:dsse"):
        # Being set is the proof: the ARN of a key that is yet to be made is not known.
        yield require(
            default.at("kmsMasterKeyId"),
            lambda value: is_set(value) and value != "alias/aws/s3",
            "must name a customer-managed key",
            unknown=Verdict.PASSED,
        )


def _immutable(bucket: Resource, stack: Stack, _: PolicySettings) -> Iterator[Outcome]:
    data_class = _data_class(bucket)
    if data_class.unknown:
        yield undecided(data_class)
        return
    if data_class.empty:
        yield undecided(data_class, "is not set, so it cannot be told whether the bucket holds audit records")
        return
    if data_class.value not in IMMUTABLE_CLASSES:
        yield not_applicable()
        return
    yield require(bucket.at("objectLockEnabled"), is_true, "must be true for audit records")
    attached = _of(bucket, stack, OBJECT_LOCK)
    yield _present(attached, OBJECT_LOCK)
    for lock in attached.sure:
        place = lock.at("rule", "defaultRetention")
        retention = At(place.value, f"{lock.name}.{place.path}", place.blocked)
        yield require(retention.at("mode"), one_of("COMPLIANCE"), "must be COMPLIANCE")
        if retention.known and retention.at("days").empty and retention.at("years").empty:
            yield failed(retention, "must state days or years")


def _only(
    control: str, rule: Callable[[Resource, PolicySettings], Iterator[Outcome]], *kinds: str
) -> Check[Resource]:
    return Check(control, frozenset(kinds), rule)


STORAGE: Family[Resource] = Family(
    name="storage",
    title="S3 buckets are private, encrypted, versioned, logged and kept.",
    prefixes=("aws:s3/",),
    view=lambda resource: resource,
    checks=(
        _only("storage-bucket-blocks-public-access", _private, PUBLIC_ACCESS),
        _only("storage-bucket-requires-tls", _tls_only, POLICY),
        _only("storage-bucket-policy-is-narrow", _narrow, POLICY, BUCKET),
        _only("storage-bucket-keeps-versions", _versioned, VERSIONING),
        _only("storage-bucket-logs-access", _logs_somewhere, LOGGING),
        _only("storage-bucket-aborts-stale-uploads", _aborts_uploads, LIFECYCLE),
        _only("storage-bucket-disables-acls", _owner_enforced, OWNERSHIP),
        _only("storage-bucket-disables-acls", _no_acl, BUCKET, ACL),
    ),
    relations=(
        *(_has(kind) for kind in (PUBLIC_ACCESS, POLICY, VERSIONING, LIFECYCLE, OWNERSHIP)),
        RelationCheck("storage-bucket-logs-access", frozenset({BUCKET}), _logged),
        RelationCheck("storage-bucket-uses-kms", frozenset({BUCKET}), _encrypted),
        RelationCheck("storage-audit-bucket-is-immutable", frozenset({BUCKET}), _immutable),
    ),
    reads=frozenset(
        {PUBLIC_ACCESS, ENCRYPTION, POLICY, VERSIONING, LOGGING, LIFECYCLE, OBJECT_LOCK, OWNERSHIP}
    ),
)
