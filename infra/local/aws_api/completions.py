"""What the emulated API lacks and this blueprint needs, each one small and named.

Without these the program would look changed on every preview: the provider asks for something, the
emulator answers "done" and forgets it.
"""

import functools
import json
import os
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import xmltodict
from moto.athena.responses import AthenaResponse
from moto.backup.models import BackupBackend
from moto.backup.responses import BackupResponse
from moto.budgets.responses import BudgetsResponse
from moto.cloudtrail.models import CloudTrailBackend
from moto.core.responses import ActionResult
from moto.guardduty.models import Detector
from moto.s3.exceptions import InvalidBucketState, ReplicationConfigurationNotFoundError
from moto.s3.models import S3Backend
from moto.s3.responses import S3Response
from moto.sqs.models import Queue

from infra.local.aws_api import eks, kms_keys


def bucket_tags(body: bytes | str) -> dict[str, str]:
    """Return the tags in the body of a CreateBucket request. Pure.

    Args:
        body: XML of ``CreateBucketConfiguration``, or nothing.
    """
    if not body or b"<Tag>" not in (body if isinstance(body, bytes) else body.encode()):
        return {}
    configuration = xmltodict.parse(body, force_list=("Tag",)).get("CreateBucketConfiguration") or {}
    tags = (configuration.get("Tags") or {}).get("Tag") or []
    return {str(tag["Key"]): str(tag.get("Value") or "") for tag in tags}


def merged_features(kept: list[dict[str, Any]], given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a detector's features after a change: what is not named stays as it was. Pure."""
    return list(({f["name"]: f for f in kept} | {f["name"]: f for f in given}).values())


def compact_json(text: str) -> str:
    """Return JSON as AWS writes it: no blanks, keys in order. Pure."""
    return json.dumps(json.loads(text), separators=(",", ":"), sort_keys=True)


def install() -> None:
    """Complete moto in this process; a second call changes nothing."""
    # The policies that AWS manages, which roles of AWS services attach; moto has them and leaves them out.
    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
    _bucket_tags()
    _detector_features()
    _athena_operations()
    _budget_operations()
    _replication_rules()
    _backup_tags()
    _backup_plans()
    kms_keys.install()
    _object_lock()
    _trails_by_arn()
    _redrive_policies()
    eks.install()


def _detector_features() -> None:
    """UpdateDetector changes the features that it names; moto 5.2.5 drops the others."""
    original = Detector.update
    if hasattr(original, "__wrapped__"):
        return

    @functools.wraps(original)
    def update(self: Any, enable: Any, frequency: Any, sources: Any, features: Any) -> None:
        merged = merged_features(self.features, features or [])
        original(self, self.enabled if enable is None else enable, frequency, sources, merged)

    setattr(Detector, "update", update)  # noqa: B010 - a plain assignment to a method is an error to mypy


def _athena_operations() -> None:
    """Athena lacks the operations that change a workgroup and remove a query (moto 5.2.5)."""

    def delete_named_query(self: Any) -> str:
        self.athena_backend.named_queries.pop(self._get_param("NamedQueryId"), None)
        return "{}"

    def update_work_group(self: Any) -> str:
        group = self.athena_backend.work_groups[self._get_param("WorkGroup")]
        updates = self._get_param("ConfigurationUpdates") or {}
        results = updates.pop("ResultConfigurationUpdates", None)
        group.configuration.update(updates)
        if results:
            group.configuration.setdefault("ResultConfiguration", {}).update(results)
        group.description = self._get_param("Description") or group.description
        return "{}"

    AthenaResponse.delete_named_query = delete_named_query  # type: ignore[attr-defined]
    AthenaResponse.update_work_group = update_work_group  # type: ignore[attr-defined]


def _budget_operations() -> None:
    """Budgets lack changing a budget and reading back who is told (moto 5.2.5 keeps the latter)."""

    def of(self: Any) -> Any:
        account, name = self._get_param("AccountId"), self._get_param("BudgetName")
        self.backend.describe_budget(account, name)  # the service's own error when there is none
        return self.backend.budgets[account][name]

    def describe_subscribers_for_notification(self: Any) -> str:
        wanted = self._get_param("Notification")
        found = [n.subscribers for n in of(self).notifications if _same_notification(n.details, wanted)]
        return json.dumps({"Subscribers": found[0] if found else []})

    def update_budget(self: Any) -> str:
        new = self._get_param("NewBudget")
        account = self._get_param("AccountId")
        self.backend.describe_budget(account, new["BudgetName"])
        kept = self.backend.budgets[account][new["BudgetName"]].budget
        kept.update({key: value for key, value in new.items() if value is not None})
        return "{}"

    BudgetsResponse.describe_subscribers_for_notification = describe_subscribers_for_notification  # type: ignore[attr-defined]
    BudgetsResponse.update_budget = update_budget  # type: ignore[attr-defined]


def _same_notification(one: dict[str, Any], other: dict[str, Any]) -> bool:
    keys = ("NotificationType", "ComparisonOperator", "Threshold")
    return all(one.get(key) == other.get(key) for key in keys)


def replication_rule(kept: dict[str, Any]) -> dict[str, Any]:
    """Return a replication rule as S3 gives it back: whole, with the prefix that may be empty. Pure."""
    rule = {key: value for key, value in kept.items() if not key.startswith("@")}
    found = rule.get("Filter")
    rule["Filter"] = {**(found if isinstance(found, dict) else {})}
    if not rule["Filter"].get("And") and not rule["Filter"].get("Tag"):
        rule["Filter"]["Prefix"] = rule["Filter"].get("Prefix") or ""
    return rule


def _replication_rules() -> None:
    """GetBucketReplication gives back what was put; moto 5.2.5 keeps the whole rule and returns a part."""

    def get_bucket_replication(self: Any) -> Any:
        self.data["Action"] = "GetBucketReplication"
        kept = self.backend.get_bucket_replication(self.bucket_name)
        if not kept:
            raise ReplicationConfigurationNotFoundError(bucket_name=self.bucket_name)
        given = kept["Rule"] if isinstance(kept["Rule"], list) else [kept["Rule"]]
        rules = [replication_rule(rule) for rule in given]
        configuration = {"Role": kept["Role"], "Rules": rules}
        return self.serialized(ActionResult({"ReplicationConfiguration": configuration}))

    setattr(S3Response, "get_bucket_replication", get_bucket_replication)  # noqa: B010 - as above


def _backup_tags() -> None:
    """ListTags is asked with and without a slash at the end; moto 5.2.5 knows the first only."""

    def list_tags(self: Any) -> str:
        arn = unquote(self.path.split("/tags/", 1)[1].rstrip("/"))
        return json.dumps({"Tags": self.backup_backend.list_tags(resource_arn=arn)})

    setattr(BackupResponse, "list_tags", list_tags)  # noqa: B010 - as above


def _backup_plans() -> None:
    """A deleted plan is kept for its history; moto 5.2.5 lets nobody make one of its name again."""
    original = BackupBackend.create_backup_plan
    if hasattr(original, "__wrapped__"):
        return

    @functools.wraps(original)
    def create_backup_plan(self: Any, *given: Any, **named: Any) -> Any:
        everything = self.plans
        self.plans = {key: plan for key, plan in everything.items() if plan.deletion_date is None}
        try:
            made = original(self, *given, **named)
        finally:
            self.plans = everything
        everything[made.backup_plan_id] = made
        return made

    setattr(BackupBackend, "create_backup_plan", create_backup_plan)  # noqa: B010 - as above


def _redrive_policies() -> None:
    """A queue's redrive policy comes back without blanks; moto 5.2.5 adds some, which looks like a change."""
    original: Any = vars(Queue)["attributes"]
    if hasattr(original.fget, "__wrapped__"):
        return

    @functools.wraps(original.fget)
    def attributes(self: Any) -> dict[str, Any]:
        found: dict[str, Any] = original.fget(self)
        if found.get("RedrivePolicy"):
            found["RedrivePolicy"] = compact_json(found["RedrivePolicy"])
        return found

    setattr(Queue, "attributes", property(attributes))  # noqa: B010 - as above


def _object_lock() -> None:
    """The lock of a bucket may change while objects are in it; moto 5.2.5 refuses that."""

    def put_object_lock_configuration(self: Any, bucket_name: str, lock_enabled: Any, *default: Any) -> None:
        bucket = self.get_bucket(bucket_name)
        if not bucket.is_versioned:
            raise InvalidBucketState("Object Lock needs a bucket whose versioning is enabled.")
        bucket.object_lock_enabled = bucket.object_lock_enabled or lock_enabled
        bucket.default_lock_mode, bucket.default_lock_days, bucket.default_lock_years = default

    setattr(S3Backend, "put_object_lock_configuration", put_object_lock_configuration)  # noqa: B010 - as above


def _trails_by_arn() -> None:
    """DeleteTrail takes a name or an ARN; moto 5.2.5 answers "done" to an ARN and keeps the trail."""

    def delete_trail(self: Any, name: str) -> None:
        del self.trails[self.get_trail(name).trail_name]

    setattr(CloudTrailBackend, "delete_trail", delete_trail)  # noqa: B010 - as above


def _bucket_tags() -> None:
    """Keep the tags of new buckets.

    CreateBucket takes tags with the bucket since 2025, and the AWS provider sends them there; moto 5.2.5
    reads the region from that document and drops the rest.
    """
    original: Callable[..., Any] = S3Response._bucket_response_put  # noqa: SLF001 - no public place for it
    if hasattr(original, "__wrapped__"):
        return

    @functools.wraps(original)
    def put(self: Any, request: Any, bucket_name: str, querystring: dict[str, Any]) -> Any:
        answer = original(self, request, bucket_name, querystring)
        tags = {} if querystring else bucket_tags(self.body)
        status = answer[0] if isinstance(answer, tuple) else 200
        if tags and status == 200:  # noqa: PLR2004 - HTTP OK
            self.backend.put_bucket_tagging(bucket_name, tags)
        return answer

    setattr(S3Response, "_bucket_response_put", put)  # noqa: B010 - as above
