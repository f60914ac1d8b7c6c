"""The two groups of the small estate that run something: a GPU pool in a network, a service in a cluster."""

import json
from typing import Any

import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
from estate_opts import ACCOUNT, REGION, Opts, wanted

from infra import network_plan
from infra.components.account_guard import AccountGuard, AccountGuardArgs
from infra.components.account_watch import AccountWatch, AccountWatchArgs
from infra.components.eks_cluster import LOG_TYPES
from infra.components.encryption_key import EncryptionKey, EncryptionKeyArgs
from infra.components.monthly_budget import MonthlyBudget, MonthlyBudgetArgs
from infra.components.network import Network, NetworkArgs
from infra.components.node_pool import NodePool, NodePoolArgs
from infra.components.restricted_namespace import RestrictedNamespace, RestrictedNamespaceArgs
from infra.components.serving import Serving, ServingArgs
from infra.wiring import readiness

REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
DIGEST = "sha256:" + "ab" * 32


def compute(case: dict[str, Any], opts: Opts) -> None:
    """Place a network with one way in, and a GPU pool of a cluster that stands elsewhere."""
    key = EncryptionKey(
        "logs-key",
        EncryptionKeyArgs(environment="local", data_class="logs", account_id=ACCOUNT, deletion_days=30),
        opts.part(),
    )
    AccountGuard("account", AccountGuardArgs(account_id=ACCOUNT), opts.part())
    AccountWatch(
        "watch",
        AccountWatchArgs(
            watch_name="small", region=REGION, threat_detection=True, posture=False, access_analyzer=True
        ),
        opts.part(),
    )
    network = Network(
        "network",
        NetworkArgs(
            physical_name="small",
            cidr="10.0.0.0/16",
            region=REGION,
            account_id=ACCOUNT,
            zones=network_plan.plan(
                cidr="10.0.0.0/16",
                region=REGION,
                zones=2,
                private_prefix=20,
                public_prefix=24,
                public_subnets=0,
            ),
            log_group="/plinth/small/network-flow",
            log_days=400,
            log_key_arn=key.arn,
        ),
        opts.part(),
    )
    group = aws.ec2.SecurityGroup(
        "nodes",
        name="small-gpu-nodes",
        description="Nodes",
        vpc_id=network.vpc_id,
        opts=opts.one(),
    )
    aws.vpc.SecurityGroupIngressRule(
        "nodes-from-inside",
        security_group_id=group.id,
        description="HTTPS from inside the network",
        cidr_ipv4="10.0.0.0/16",
        ip_protocol="tcp",
        from_port=443,
        to_port=443,
        opts=opts.one(),
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
    role = aws.iam.Role("nodes-role", name="small-nodes", assume_role_policy=assumed, opts=opts.one())
    cluster = aws.eks.Cluster(
        "cluster",
        name="small",
        version="1.36",
        role_arn=role.arn,
        vpc_config=aws.eks.ClusterVpcConfigArgs(
            subnet_ids=network.private_subnet_ids, endpoint_private_access=True, endpoint_public_access=False
        ),
        enabled_cluster_log_types=LOG_TYPES,
        encryption_config=aws.eks.ClusterEncryptionConfigArgs(
            provider=aws.eks.ClusterEncryptionConfigProviderArgs(key_arn=key.arn), resources=["secrets"]
        ),
        access_config=aws.eks.ClusterAccessConfigArgs(
            authentication_mode="API", bootstrap_cluster_creator_admin_permissions=False
        ),
        opts=opts.one(),
    )
    space = RestrictedNamespace(
        "training-namespace",
        RestrictedNamespaceArgs(namespace_name="training", pods=40, cpu_cores=64, memory_gib=128),
    )
    kubernetes.core.v1.ResourceQuota(
        "gpus",
        metadata={"name": "gpus", "namespace": space.name},
        spec={"hard": {"requests.nvidia.com/gpu": "4"}},
    )
    MonthlyBudget(
        "budget",
        MonthlyBudgetArgs(
            budget_name="small",
            account_id=ACCOUNT,
            environment="local",
            limit_usd=3000,
            alert_percent=80,
            stop_percent=100,
            topic_arn=f"arn:aws:sns:{REGION}:{ACCOUNT}:small-alerts",
            stopped_roles=["small-nodes"],
        ),
        opts.part(),
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
            subnet_ids=network.private_subnet_ids,
            image_family="AL2023_x86_64_NVIDIA",
            instance_types=pool.get("types", ["g5.xlarge"]),
            capacity=pool.get("capacity", "ON_DEMAND"),
            min_nodes=pool.get("min", 1),
            max_nodes=pool.get("max", 2),
            disk_gib=200,
            disk_key_arn=f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555",
        ),
        opts.part(),
    )


def cluster(case: dict[str, Any], opts: Opts) -> None:
    """Place a namespace, a service, and who may look at it and stop it."""
    del opts
    if not wanted(case, "serving-namespace"):
        return
    space = RestrictedNamespace(
        "serving-namespace",
        RestrictedNamespaceArgs(namespace_name="serving", pods=40, cpu_cores=64, memory_gib=128),
    )
    if wanted(case, "credit-risk"):
        Serving(
            "credit-risk",
            ServingArgs(
                service="credit-risk",
                namespace=space.name,
                image=f"{REGISTRY}/plinth-local/credit-risk@{case.get('digest', DIGEST)}",
                card=readiness.card("credit-risk"),
                model_digest=case.get("digest", DIGEST),
                replicas=case.get("replicas", 2),
                cpu_millicores=250,
                memory_mib=512,
                gateway="gateway",
                gateway_namespace="gateway",
                scraped_from="monitoring",
                domain="plinth.localhost",
                region=REGION,
                token_issuer="https://issuer.example.com",
                token_keys='{"keys": []}',
                features_table="plinth-small-features",
                feature_keys="[]",
                decisions_bucket="plinth-small-decisions",
                review_table="plinth-small-review",
                stop_table="plinth-small-registry",
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
    kubernetes.rbac.v1.Role(
        "operators",
        metadata={"name": "operators", "namespace": space.name},
        rules=[
            {"apiGroups": ["apps"], "resources": ["deployments/scale"], "verbs": ["get", "patch", "update"]}
        ],
    )
    kubernetes.rbac.v1.RoleBinding(
        "operators-binding",
        metadata={"name": "operators", "namespace": space.name},
        role_ref={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "operators"},
        subjects=[{"kind": "Group", "name": "operators", "apiGroup": "rbac.authorization.k8s.io"}],
    )
    kubernetes.core.v1.ConfigMap(
        "settings",
        metadata={"name": "settings", "namespace": space.name},
        data={"LEVEL": "info", **case.get("data", {})},
    )
    for number in range(case.get("many", 0)):
        kubernetes.core.v1.ConfigMap(
            f"batch-{number:03}",
            metadata={"name": f"batch-{number:03}", "namespace": space.name},
            data={"n": str(number)},
        )
