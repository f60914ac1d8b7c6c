"""The resources of the small estate, in four groups, so that a recording holds only what a case is about.

Each group keeps every control of today's catalog (``test_estate.py`` holds it), so that what a recording
shows of the policies is what its case did.
"""

import json
from typing import Any

import pulumi
import pulumi_aws as aws
from estate_cloud import cluster, compute
from estate_opts import ACCOUNT, REGION, Opts, wanted

from infra.components.account_guard import AccountGuard, AccountGuardArgs
from infra.components.account_watch import AccountWatch, AccountWatchArgs
from infra.components.backup_plan import BackupPlan, BackupPlanArgs
from infra.components.encrypted_bucket import (
    AccessLogBucket,
    AccessLogBucketArgs,
    EncryptedBucket,
    EncryptedBucketArgs,
)
from infra.components.encryption_key import EncryptionKey, EncryptionKeyArgs
from infra.components.protected_table import ProtectedTable, ProtectedTableArgs
from infra.components.restore_test import RestoreTest, RestoreTestArgs

HOOK = "https://hooks.example.com"


def build(case: dict[str, Any]) -> None:
    """Place the group that a case is about, without what the case leaves out."""
    group = {"storage": storage, "identity": identity, "compute": compute, "cluster": cluster}[case["group"]]
    group(case, Opts())


def storage(case: dict[str, Any], opts: Opts) -> None:
    """Place a key, a bucket with everything that protects it, a table and a log group."""
    key = EncryptionKey(
        "data-key",
        EncryptionKeyArgs(environment="local", data_class="data", account_id=ACCOUNT, deletion_days=30),
        opts.part(),
    )
    AccountGuard("account", AccountGuardArgs(account_id=ACCOUNT), opts.part())
    AccountWatch(
        "watch",
        AccountWatchArgs(
            watch_name="small", region=REGION, threat_detection=False, posture=False, access_analyzer=True
        ),
        opts.part(),
    )
    backups = BackupPlan(
        "backups",
        BackupPlanArgs(
            plan_name="small",
            vault="small",
            keep_days=35,
            copy_to=None,
            account_id=ACCOUNT,
            select=True,
        ),
        opts.part(),
    )
    RestoreTest(
        "restores",
        RestoreTestArgs(
            plan_name="small",
            vault_arn=f"arn:aws:backup:{REGION}:{ACCOUNT}:backup-vault:small",
            role_arn=backups.role_arn,
            kinds=["DynamoDB"],
        ),
        opts.part(),
    )
    logs = AccessLogBucket(
        "access-logs",
        AccessLogBucketArgs(bucket_name="plinth-small-access-logs", account_id=ACCOUNT, retention_days=400),
        opts.part(),
    )
    names = {"data": "plinth-small-data", "decisions": "plinth-small-decisions", **case.get("buckets", {})}
    for name, physical in names.items():
        if wanted(case, name):
            logical = case.get("renamed", {}).get(name, name)
            EncryptedBucket(
                logical,
                EncryptedBucketArgs(
                    bucket_name=physical,
                    data_class=name,
                    key_arn=key.arn,
                    account_id=ACCOUNT,
                    region=REGION,
                    access_log_bucket=logs.name,
                    noncurrent_days=90,
                    object_lock_days=400 if name == "decisions" else None,
                ),
                opts.part(aliases=[pulumi.Alias(name=name)] if case.get("aliased") else None),
            )
    if wanted(case, "records"):
        ProtectedTable(
            "records",
            ProtectedTableArgs(
                table_name="plinth-small-records",
                data_class="records",
                key_arn=key.arn,
                attributes={"entity": "S", "time": "N"},
                partition_by="entity",
                sort_by="time",
            ),
            opts.part(),
        )
    if wanted(case, "events"):
        aws.cloudwatch.LogGroup(
            "events",
            name="/plinth/small/events",
            retention_in_days=400,
            kms_key_id=key.arn,
            tags={"plinth:data-class": "logs"},
            opts=opts.one(),
        )
    if case.get("fails"):
        raise RuntimeError("the model registry gave no digest for service 'credit-risk'")


def identity(case: dict[str, Any], opts: Opts) -> None:
    """Place a role with its policies and boundary, and a topic."""
    operators = f"arn:aws:iam::{ACCOUNT}:role/operators"
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Operators",
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"AWS": operators},
                "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
            }
        ],
    }
    may = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Read",
                "Effect": "Allow",
                "Action": ["s3:GetObject", "s3:ListBucket"],
                "Resource": ["arn:aws:s3:::plinth-small-data", "arn:aws:s3:::plinth-small-data/*"],
            },
            {
                "Sid": "Pass",
                "Effect": "Allow",
                "Action": "iam:PassRole",
                "Resource": f"arn:aws:iam::{ACCOUNT}:role/nodes",
                "Condition": {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
            },
            {"Sid": "NotTheRecord", "Effect": "Deny", "Action": "cloudtrail:*", "Resource": "*"},
        ],
    }
    boundary = aws.iam.Policy("boundary", name="small-boundary", policy=json.dumps(may), opts=opts.one())
    role = aws.iam.Role(
        "engineer",
        name="small-engineer",
        assume_role_policy=json.dumps(trust),
        permissions_boundary=boundary.arn,
        max_session_duration=3600,
        opts=opts.one(),
    )
    aws.iam.RolePolicy("engineer-may", name="may", role=role.name, policy=json.dumps(may), opts=opts.one())
    AccountWatch(
        "watch",
        AccountWatchArgs(
            watch_name="small", region=REGION, threat_detection=False, posture=False, access_analyzer=True
        ),
        opts.part(),
    )
    key = EncryptionKey(
        "alerts-key",
        EncryptionKeyArgs(environment="local", data_class="alerts", account_id=ACCOUNT, deletion_days=30),
        opts.part(),
    )
    topic = aws.sns.Topic(
        "alerts",
        name="small-alerts",
        kms_master_key_id=key.arn,
        tags={"plinth:data-class": "alerts"},
        opts=opts.one(),
    )
    aws.sns.TopicSubscription(
        "webhook",
        topic=topic.arn,
        protocol="https",
        endpoint=pulumi.Output.secret(
            f"https://hooks.example.com/{case.get('token', 'first-made-up-token')}"
        ),
        opts=opts.one(),
    )
    if wanted(case, "alerts-policy"):
        aws.sns.TopicPolicy(
            "alerts-policy",
            arn=topic.arn,
            policy=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": "sns:Publish",
                            "Resource": f"arn:aws:sns:{REGION}:{ACCOUNT}:small-alerts",
                            "Principal": {"Service": "budgets.amazonaws.com"},
                            "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
                        }
                    ],
                }
            ),
            opts=opts.one(),
        )
    for policy in case.get("attached", []):
        aws.iam.RolePolicyAttachment("engineer-attached", role=role.name, policy_arn=policy, opts=opts.one())
    if case.get("unknown"):
        other = aws.sns.Topic(
            "orders",
            kms_master_key_id=key.arn,
            tags={"plinth:data-class": "alerts"},
            opts=opts.one(),
        )
        aws.iam.RolePolicy(
            "engineer-orders",
            name="orders",
            role=role.name,
            policy=other.arn.apply(
                lambda arn: json.dumps(
                    {
                        "Version": "2012-10-17",
                        "Statement": [{"Effect": "Allow", "Action": "sns:*", "Resource": arn}],
                    }
                )
            ),
            opts=opts.one(),
        )
