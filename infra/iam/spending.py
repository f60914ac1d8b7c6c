"""What changes when the budget is spent. Pure."""

from collections.abc import Sequence

from infra.iam.statements import Statement, document

GPU_FAMILIES = ("g*", "p*")
"""Instance families with GPUs, as patterns of EC2's instance types."""


def no_new_gpus() -> str:
    """Return the policy that forbids new GPU capacity; what runs goes on, and can be scaled down."""
    return document(
        Statement(
            sid="NoNewGpuInstances",
            effect="Deny",
            actions=["ec2:RunInstances", "ec2:StartInstances"],
            resources=["arn:aws:ec2:*:*:instance/*"],
            conditions={"StringLike": {"ec2:InstanceType": [f"{family}.*" for family in GPU_FAMILIES]}},
        ),
        Statement(
            sid="NoLargerGpuPools",
            effect="Deny",
            actions=["eks:CreateNodegroup", "eks:UpdateNodegroupConfig"],
            resources=["arn:aws:eks:*:*:cluster/*", "arn:aws:eks:*:*:nodegroup/*/gpu-*/*"],
        ),
    )


def attach_policy(*, policy_arn: str, role_arns: Sequence[str]) -> str:
    """Return what lets AWS Budgets attach one policy to some roles, and take it away again."""
    return document(
        Statement(
            sid="AttachTheOnePolicy",
            actions=["iam:AttachRolePolicy", "iam:DetachRolePolicy"],
            resources=role_arns,
            conditions={"ArnEquals": {"iam:PolicyARN": [policy_arn]}},
        )
    )
