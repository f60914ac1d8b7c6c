"""Small programs of the kind that public examples show give the violations that an expert would list."""

import json
from collections.abc import Callable

import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
import pytest

from infra.ops import planned
from policies.core import PolicySettings
from policies.judgement import Judgement, judge


def _cluster_with_defaults() -> None:
    """Start a cluster as the first page of a tutorial does: a role, a network, a node group."""
    network = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16")
    subnets = [
        aws.ec2.Subnet(
            f"subnet-{number}",
            vpc_id=network.id,
            cidr_block=f"10.0.{number}.0/24",
            map_public_ip_on_launch=True,
        )
        for number in (1, 2)
    ]
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    role = aws.iam.Role("role", assume_role_policy=json.dumps(trust))
    aws.iam.RolePolicyAttachment(
        "admin", role=role.name, policy_arn="arn:aws:iam::aws:policy/AdministratorAccess"
    )
    group = aws.ec2.SecurityGroup(
        "nodes",
        vpc_id=network.id,
        ingress=[{"protocol": "tcp", "from_port": 22, "to_port": 22, "cidr_blocks": ["0.0.0.0/0"]}],
        egress=[{"protocol": "-1", "from_port": 0, "to_port": 0, "cidr_blocks": ["0.0.0.0/0"]}],
    )
    cluster = aws.eks.Cluster(
        "cluster",
        role_arn=role.arn,
        vpc_config={"subnet_ids": [s.id for s in subnets], "security_group_ids": [group.id]},
    )
    aws.eks.NodeGroup(
        "group",
        cluster_name=cluster.name,
        node_role_arn=role.arn,
        subnet_ids=[s.id for s in subnets],
        scaling_config={"desired_size": 2, "max_size": 3, "min_size": 1},
        remote_access={"ec2_ssh_key": "me"},
    )


def _public_bucket() -> None:
    """Serve a web site from a bucket that everybody may read."""
    site = aws.s3.Bucket("site", bucket="my-site", acl="public-read", force_destroy=True)
    aws.s3.BucketPublicAccessBlock("open", bucket=site.id, block_public_acls=False, block_public_policy=False)
    everyone = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": "*",
                "Action": "s3:GetObject",
                "Resource": "arn:aws:s3:::my-site/*",
            }
        ],
    }
    aws.s3.BucketPolicy("readable", bucket=site.id, policy=json.dumps(everyone))


def _node_agent() -> None:
    """Run an agent on each node that looks at everything."""
    kubernetes.apps.v1.DaemonSet(
        "agent",
        metadata={"name": "agent", "namespace": "default"},
        spec={
            "selector": {"match_labels": {"app": "agent"}},
            "template": {
                "metadata": {"labels": {"app": "agent"}},
                "spec": {
                    "host_network": True,
                    "containers": [
                        {
                            "name": "agent",
                            "image": "example/agent:latest",
                            "security_context": {"privileged": True},
                            "volume_mounts": [{"name": "root", "mount_path": "/host"}],
                        }
                    ],
                    "volumes": [{"name": "root", "host_path": {"path": "/"}}],
                },
            },
        },
    )


def _judged(program: Callable[[], None]) -> Judgement:
    return judge(planned.recorded(program, "dev"), PolicySettings(accounts=("123456789012",)))


PODS = {
    "pod-avoids-host",
    "pod-cannot-escalate",
    "pod-drops-capabilities",
    "pod-has-probes",
    "pod-image-is-pinned",
    "pod-is-unprivileged",
    "pod-mounts-no-token",
    "pod-root-is-read-only",
    "pod-runs-as-non-root",
    "pod-states-resources",
    "pod-uses-seccomp",
}
BUCKET = {
    "account-blocks-public-access",
    "data-has-a-class",
    "storage-bucket-aborts-stale-uploads",
    "storage-bucket-blocks-public-access",
    "storage-bucket-disables-acls",
    "storage-bucket-keeps-versions",
    "storage-bucket-logs-access",
    "storage-bucket-policy-is-narrow",
    "storage-bucket-requires-tls",
    "storage-bucket-uses-kms",
}
CLUSTER = {
    "cluster-door-is-shut",
    "cluster-encrypts-secrets",
    "cluster-entry-is-by-role",
    "cluster-is-kept",
    "cluster-logs-everything",
    "cluster-version-is-supported",
    "identity-attaches-no-admin",
    "network-default-group-is-closed",
    "network-doors-are-closed",
    "network-egress-is-narrow",
    "network-flows-are-logged",
    "network-reaches-aws-by-endpoints",
    "network-rules-say-what-for",
    "network-subnet-gives-no-public-address",
    "node-disks-encrypt-by-default",
    "node-group-is-private",
    "threats-are-watched",
}


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        pytest.param(_cluster_with_defaults, CLUSTER, id="an EKS cluster with defaults"),
        pytest.param(_public_bucket, BUCKET, id="a public bucket"),
        pytest.param(_node_agent, {*PODS, "default-namespace-is-unused"}, id="a privileged DaemonSet"),
    ],
)
def test_what_an_expert_would_list_is_found(program: Callable[[], None], expected: set[str]) -> None:
    judgement = _judged(program)

    assert judgement.answer == "refused"
    assert expected - {finding.control for finding in judgement.blocking} == set()
