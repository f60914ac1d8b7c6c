"""Reads roles and their policies, and what keeps records: the trail, log groups, the topic of alerts."""

import json
from typing import Any
from urllib.parse import unquote

from infra.ops.audit.asking import Asked, Props, Reader, camel, tags


def _text(document: Any) -> str:
    """Return a policy document as text, however boto3 gave it."""
    return unquote(document) if isinstance(document, str) else json.dumps(document)


def _role(asked: Asked) -> Props | None:
    iam = asked.client("iam")
    known = iam.get_role(RoleName=asked.id)["Role"]
    boundary = known.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    return {
        "name": known["RoleName"],
        "path": known["Path"],
        "assumeRolePolicy": _text(known["AssumeRolePolicyDocument"]),
        "maxSessionDuration": known.get("MaxSessionDuration", 3600),
        **({"permissionsBoundary": boundary} if boundary else {}),
        "tags": tags(iam.list_role_tags(RoleName=asked.id)["Tags"]),
    }


def _role_policy(asked: Asked) -> Props | None:
    role, _, name = asked.id.partition(":")
    known = asked.client("iam").get_role_policy(RoleName=role, PolicyName=name)
    return {"role": role, "name": name, "policy": _text(known["PolicyDocument"])}


def _attachment(asked: Asked) -> Props | None:
    role, wanted = str(asked.declared["role"]), str(asked.declared["policyArn"])
    rows = asked.account.rows("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=role)
    return {"role": role, "policyArn": wanted} if wanted in {row["PolicyArn"] for row in rows} else None


def _policy(asked: Asked) -> Props | None:
    iam = asked.client("iam")
    known = iam.get_policy(PolicyArn=asked.id)["Policy"]
    version = iam.get_policy_version(PolicyArn=asked.id, VersionId=known["DefaultVersionId"])
    return {
        "name": known["PolicyName"],
        "path": known["Path"],
        "policy": _text(version["PolicyVersion"]["Document"]),
        "tags": tags(iam.list_policy_tags(PolicyArn=asked.id)["Tags"]),
    }


def _trail(asked: Asked) -> Props | None:
    trails = asked.client("cloudtrail")
    known = trails.describe_trails(trailNameList=[asked.id], includeShadowTrails=False)["trailList"]
    if not known:
        return None
    trail = known[0]
    selectors = trails.get_event_selectors(TrailName=trail["TrailARN"]).get("AdvancedEventSelectors") or []
    log_group, delivery = trail.get("CloudWatchLogsLogGroupArn"), trail.get("CloudWatchLogsRoleArn")
    return {
        "name": trail["Name"],
        "s3BucketName": trail["S3BucketName"],
        "isMultiRegionTrail": trail["IsMultiRegionTrail"],
        "includeGlobalServiceEvents": trail["IncludeGlobalServiceEvents"],
        "enableLogFileValidation": trail["LogFileValidationEnabled"],
        "enableLogging": trails.get_trail_status(Name=trail["TrailARN"])["IsLogging"],
        **({"kmsKeyId": trail["KmsKeyId"]} if trail.get("KmsKeyId") else {}),
        **({"cloudWatchLogsGroupArn": log_group} if log_group else {}),
        **({"cloudWatchLogsRoleArn": delivery} if delivery else {}),
        "advancedEventSelectors": camel(selectors),
        **asked.untold("tags"),
    }


def _log_group(asked: Asked) -> Props | None:
    logs = asked.client("logs")
    rows = logs.describe_log_groups(logGroupNamePrefix=asked.id)["logGroups"]
    known = next((row for row in rows if row["logGroupName"] == asked.id), None)
    if known is None:
        return None
    arn = known["arn"].removesuffix(":*")
    return {
        "name": asked.id,
        "retentionInDays": known.get("retentionInDays", 0),
        **({"kmsKeyId": known["kmsKeyId"]} if "kmsKeyId" in known else {}),
        "tags": logs.list_tags_for_resource(resourceArn=arn)["tags"],
    }


def _topic(asked: Asked) -> Props | None:
    sns = asked.client("sns")
    known = sns.get_topic_attributes(TopicArn=asked.id)["Attributes"]
    key = known.get("KmsMasterKeyId")
    return {
        "name": asked.id.rsplit(":", 1)[-1],
        **({"kmsMasterKeyId": key} if key else {}),
        "tags": tags(sns.list_tags_for_resource(ResourceArn=asked.id)["Tags"]),
    }


def _topic_policy(asked: Asked) -> Props | None:
    known = asked.client("sns").get_topic_attributes(TopicArn=asked.id)["Attributes"]
    return {"arn": asked.id, "policy": known["Policy"]} if known.get("Policy") else None


def _queue(asked: Asked) -> Props | None:
    sqs = asked.client("sqs")
    known = sqs.get_queue_attributes(QueueUrl=asked.id, AttributeNames=["All"])["Attributes"]
    given = {"kmsMasterKeyId": "KmsMasterKeyId", "policy": "Policy", "redrivePolicy": "RedrivePolicy"}
    return {
        "name": asked.id.rsplit("/", 1)[-1],
        **{name: known[theirs] for name, theirs in given.items() if known.get(theirs)},
        "tags": sqs.list_queue_tags(QueueUrl=asked.id).get("Tags", {}),
    }


READERS: dict[str, Reader] = {
    "aws:iam/role:Role": _role,
    "aws:iam/rolePolicy:RolePolicy": _role_policy,
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": _attachment,
    "aws:iam/policy:Policy": _policy,
    "aws:cloudtrail/trail:Trail": _trail,
    "aws:cloudwatch/logGroup:LogGroup": _log_group,
    "aws:sns/topic:Topic": _topic,
    "aws:sns/topicPolicy:TopicPolicy": _topic_policy,
    "aws:sqs/queue:Queue": _queue,
}
"""Type to what reads it."""
