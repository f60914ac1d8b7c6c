"""The resources of the small estate, in four groups, so that a recording holds only what a case is about."""

import json
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from infra.components.encrypted_bucket import (
    AccessLogBucket,
    AccessLogBucketArgs,
    EncryptedBucket,
    EncryptedBucketArgs,
)
from infra.components.encryption_key import EncryptionKey, EncryptionKeyArgs
from infra.components.node_pool import NodePool, NodePoolArgs
from infra.components.protected_table import ProtectedTable, ProtectedTableArgs
from infra.components.restricted_namespace import RestrictedNamespace, RestrictedNamespaceArgs
from infra.components.serving import Serving, ServingArgs

ACCOUNT, REGION = "123456789012", "eu-central-1"
DIGEST = "sha256:" + "ab" * 32


def build(case: dict[str, Any]) -> None:
    """Place the group that a case is about, without what the case leaves out."""
    {"storage": storage, "identity": identity, "compute": compute, "cluster": cluster}[case["group"]](case)


def wanted(case: dict[str, Any], name: str) -> bool:
    """Return whether the case keeps a resource."""
    return name not in case.get("without", ())


def storage(case: dict[str, Any]) -> None:
    """Place a key, a bucket with everything that protects it, a table and a log group."""
    key = EncryptionKey(
        "data-key",
        EncryptionKeyArgs(environment="local", data_class="data", account_id=ACCOUNT, deletion_days=30),
    )
    logs = AccessLogBucket(
        "access-logs",
        AccessLogBucketArgs(bucket_name="plinth-small-access-logs", account_id=ACCOUNT, retention_days=400),
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
                pulumi.ResourceOptions(aliases=[pulumi.Alias(name=name)]) if case.get("aliased") else None,
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
        )
    if wanted(case, "events"):
        aws.cloudwatch.LogGroup(
            "events", name="/plinth/small/events", retention_in_days=400, kms_key_id=key.arn
        )
    if case.get("fails"):
        raise RuntimeError("the model registry gave no digest for service 'credit-risk'")


def identity(case: dict[str, Any]) -> None:
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
    boundary = aws.iam.Policy("boundary", name="small-boundary", policy=json.dumps(may))
    role = aws.iam.Role(
        "engineer",
        name="small-engineer",
        assume_role_policy=json.dumps(trust),
        permissions_boundary=boundary.arn,
        max_session_duration=3600,
    )
    aws.iam.RolePolicy("engineer-may", name="may", role=role.name, policy=json.dumps(may))
    topic = aws.sns.Topic("alerts", name="small-alerts")
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
        )
    for policy in case.get("attached", []):
        aws.iam.RolePolicyAttachment("engineer-attached", role=role.name, policy_arn=policy)
    if case.get("unknown"):
        other = aws.sns.Topic("orders")
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
        )


def compute(case: dict[str, Any]) -> None:
    """Place a network with one way in, and a GPU pool of a cluster that stands elsewhere."""
    vpc = aws.ec2.Vpc("network", cidr_block="10.0.0.0/16", tags={"Name": "small"})
    subnets = [
        aws.ec2.Subnet(
            f"network-{zone}",
            vpc_id=vpc.id,
            cidr_block=f"10.0.{number}.0/24",
            availability_zone=f"{REGION}{zone}",
        )
        for number, zone in enumerate("ab")
    ]
    group = aws.ec2.SecurityGroup("nodes", name="small-gpu-nodes", description="Nodes", vpc_id=vpc.id)
    aws.vpc.SecurityGroupIngressRule(
        "nodes-from-inside",
        security_group_id=group.id,
        cidr_ipv4="10.0.0.0/16",
        ip_protocol="tcp",
        from_port=443,
        to_port=443,
    )
    assumed = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": "sts:AssumeRole",
                    "Principal": {"Service": ["eks.amazonaws.com", "ec2.amazonaws.com"]},
                }
            ],
        }
    )
    role = aws.iam.Role("nodes-role", name="small-nodes", assume_role_policy=assumed)
    cluster = aws.eks.Cluster(
        "cluster",
        name="small",
        version="1.36",
        role_arn=role.arn,
        vpc_config=aws.eks.ClusterVpcConfigArgs(
            subnet_ids=[s.id for s in subnets], endpoint_private_access=True, endpoint_public_access=False
        ),
        enabled_cluster_log_types=["audit"],
        access_config=aws.eks.ClusterAccessConfigArgs(authentication_mode="API"),
    )
    pool = case.get("pool", {})
    NodePool(
        "a10g",
        NodePoolArgs(
            pool="a10g",
            physical_name="small-a10g",
            cluster=cluster.name,
            version="1.36",
            role_arn=role.arn,
            subnet_ids=[s.id for s in subnets],
            image_family="AL2023_x86_64_NVIDIA",
            instance_types=pool.get("types", ["g5.xlarge"]),
            capacity=pool.get("capacity", "ON_DEMAND"),
            min_nodes=pool.get("min", 1),
            max_nodes=pool.get("max", 2),
            disk_gib=200,
            disk_key_arn=f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555",
        ),
    )


def cluster(case: dict[str, Any]) -> None:
    """Place a namespace, a service, a right and a secret."""
    if not wanted(case, "serving-namespace"):
        return
    space = RestrictedNamespace(
        "serving-namespace",
        RestrictedNamespaceArgs(namespace_name="small", pods=40, cpu_cores=64, memory_gib=128),
    )
    if wanted(case, "credit-risk"):
        Serving(
            "credit-risk",
            ServingArgs(
                service="credit-risk",
                namespace=space.name,
                image=f"registry/credit-risk@{case.get('digest', DIGEST)}",
                model_digest=case.get("digest", DIGEST),
                replicas=case.get("replicas", 2),
                cpu_millicores=250,
                memory_mib=512,
                gateway="gateway",
                gateway_namespace="gateway",
                domain="plinth.localhost",
            ),
        )
    kubernetes.rbac.v1.Role(
        "readers",
        metadata={"name": "readers", "namespace": space.name},
        rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}],
    )
    kubernetes.rbac.v1.RoleBinding(
        "readers-binding",
        metadata={"name": "readers", "namespace": space.name},
        role_ref={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "readers"},
        subjects=[
            {"kind": "Group", "name": subject, "apiGroup": "rbac.authorization.k8s.io"}
            for subject in case.get("subjects", ["auditors"])
        ],
    )
    kubernetes.core.v1.ConfigMap(
        "settings",
        metadata={"name": "settings", "namespace": space.name},
        data={"LEVEL": "info", **case.get("data", {})},
    )
    kubernetes.core.v1.Secret(
        "webhook",
        metadata={"name": "webhook", "namespace": space.name},
        string_data={"token": pulumi.Output.secret(case.get("token", "first-made-up-token"))},
    )
    for number in range(case.get("many", 0)):
        kubernetes.core.v1.ConfigMap(
            f"batch-{number:03}",
            metadata={"name": f"batch-{number:03}", "namespace": space.name},
            data={"n": str(number)},
        )
