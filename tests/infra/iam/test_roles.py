"""Every role from the outside: a table of who may do what, the refused in the majority.

Evaluated by ``infra.iam.evaluation``, which ``test_evaluation`` compares with moto's IAM engine where that
one is right. Boundary and policy are joined as AWS does: both must allow, neither may deny.
"""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from infra import naming
from infra.iam import pipelines, roles, service_roles, workload_roles
from infra.iam.conditions import context, holds
from infra.iam.evaluation import Request, permitted
from infra.iam.scope import Scope

ACCOUNT, REGION = "123456789012", "eu-central-1"
CLASSES = ("artifacts", "audit", "data", "decisions", "features", "state")
SCOPE = Scope(
    environment="prod",
    account_id=ACCOUNT,
    region=REGION,
    cluster="plinth-prod",
    buckets={name: f"plinth-prod-{name}-x" for name in CLASSES},
    tables={name: f"plinth-prod-{name}" for name in ("features", "registry", "reviews")},
    queues={s: {h: f"plinth-prod-{s}-{h}" for h in naming.QUEUES} for s in ("credit-risk", "other")},
)
DUTIES = {role.duty: role.policy() for role in [*roles.people(SCOPE), *pipelines.pipelines(SCOPE)]}
WORKLOADS = {
    role.name: role.policy() or ""
    for role in [
        workload_roles.autoscaler(SCOPE),
        workload_roles.model_service(SCOPE, "credit-risk", queue=True),
        workload_roles.gpu_training(SCOPE),
    ]
}
POLICIES = DUTIES | WORKLOADS
BOUNDARY = pipelines.boundary(SCOPE)
SSO = f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Ml_0"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"
GPU_GROUP = f"arn:aws:eks:{REGION}:{ACCOUNT}:nodegroup/plinth-prod/gpu-a10g/1"
TEMPLATE = f"arn:aws:ec2:{REGION}:{ACCOUNT}:launch-template/lt-1"
CLUSTER = f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/plinth-prod"
NODE_ROLE = f"arn:aws:iam::{ACCOUNT}:role/plinth-prod-node"
SCALED = SCOPE.arn("autoscaling", "autoScalingGroup:1:autoScalingGroupName/eks-gpu-a10g-1")
SCALED_BY = {"aws:ResourceTag/k8s.io/cluster-autoscaler/plinth-prod": "owned"}
OTHERS = {"aws:ResourceTag/k8s.io/cluster-autoscaler/plinth-dev": "owned"}
OWN_ROLE = f"arn:aws:iam::{ACCOUNT}:role/plinth-prod-new"
TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/plinth-prod"
TO_EKS = {"iam:PassedToService": "eks.amazonaws.com"}
GPU_POOL = {"aws:ResourceTag/plinth:pool": "gpu-a10g"}
BOUNDED = {"iam:PermissionsBoundary": SCOPE.boundary}
OWN = {"aws:ResourceTag/plinth:environment": "prod"}
NEW = {"aws:RequestTag/plinth:environment": "prod"}
EKS_POLICY = "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
Context = Mapping[str, str]
OWN_SWITCH, OTHER_SWITCH = ({"dynamodb:LeadingKeys": f"stop#{s}"} for s in ("credit-risk", "other"))
MODELS = {"dynamodb:LeadingKeys": "credit-risk"}
SETTLED = f"{TABLE}-reviews/index/by-settling"


def of(data_class: str) -> dict[str, str]:
    return {"kms:ResourceAliases": f"alias/plinth-prod-{data_class}"}


def obj(data_class: str, key: str = "x") -> str:
    return f"arn:aws:s3:::plinth-prod-{data_class}-x/{key}"


def bucket(data_class: str) -> str:
    return f"arn:aws:s3:::plinth-prod-{data_class}-x"


def allowed(duty: str, action: str, resource: str, given: Context) -> bool:
    who = {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/plinth-prod-{duty}"}
    request = Request(action=action, resource=resource, known=context({**who, **given}))
    return permitted([POLICIES[duty]], BOUNDARY, request)


ALLOWED: list[tuple[str, str, str, Context]] = [
    ("ml-engineer", "s3:GetObject", obj("data"), {}),
    ("ml-engineer", "s3:PutObject", obj("artifacts"), {}),
    ("ml-engineer", "s3:ListBucket", bucket("features"), {}),
    ("ml-engineer", "kms:Decrypt", KEY, of("data")),
    ("ml-engineer", "dynamodb:PutItem", f"{TABLE}-registry", {}),
    ("ml-engineer", "eks:DescribeCluster", CLUSTER, {}),
    ("operator", "eks:UpdateNodegroupConfig", GPU_GROUP, {}),
    ("operator", "iam:PassRole", NODE_ROLE, TO_EKS),
    ("operator", "ec2:CreateLaunchTemplateVersion", TEMPLATE, GPU_POOL),
    ("operator", "ec2:DescribeInstances", "*", {}),
    ("operator", "logs:FilterLogEvents", SCOPE.arn("logs", "log-group:/plinth/prod/network-flow"), {}),
    ("overseer", "dynamodb:GetItem", f"{TABLE}-registry", OWN_SWITCH),
    ("overseer", "dynamodb:PutItem", f"{TABLE}-registry", OTHER_SWITCH),
    ("overseer", "s3:PutObject", obj("decisions", "credit-risk/1"), {}),
    ("auditor", "s3:GetObject", obj("audit"), {}),
    ("auditor", "s3:GetObject", obj("decisions"), {}),
    ("auditor", "kms:Decrypt", KEY, of("audit")),
    ("auditor", "cloudtrail:GetTrailStatus", "*", {}),
    ("auditor", "iam:GetRole", OWN_ROLE, {}),
    ("break-glass", "kms:CancelKeyDeletion", KEY, of("data")),
    ("break-glass", "eks:CreateAccessEntry", CLUSTER, {}),
    ("break-glass", "s3:PutBucketPolicy", bucket("data"), {}),
    ("ci-preview", "ec2:DescribeVpcs", "*", {}),
    ("ci-preview", "s3:GetObject", f"{bucket('state')}/redacted/prod.json", {}),
    ("ci-deploy", "iam:CreateRole", OWN_ROLE, BOUNDED),
    ("ci-deploy", "s3:PutBucketPolicy", bucket("data"), {}),
    ("ci-deploy", "ecr:PutImage", SCOPE.arn("ecr", "repository/plinth-prod/credit-risk"), {}),
    ("ci-deploy", "ec2:DeleteSubnet", SCOPE.arn("ec2", "subnet/s"), OWN),
    ("ci-deploy", "ec2:CreateVpc", SCOPE.arn("ec2", "vpc/*"), NEW),
    ("ci-deploy", "ec2:CreateTags", SCOPE.arn("ec2", "vpc/v"), NEW | {"ec2:CreateAction": "CreateVpc"}),
    ("ci-deploy", "iam:AttachRolePolicy", OWN_ROLE, BOUNDED | {"iam:PolicyARN": EKS_POLICY}),
    ("ci-deploy", "iam:PassRole", f"{OWN_ROLE}-replication", {"iam:PassedToService": "s3.amazonaws.com"}),
    ("ci-deploy", "kms:CreateKey", "*", NEW),
    ("ci-deploy", "kms:CreateGrant", KEY, OWN | {"kms:GrantIsForAWSResource": "true"}),
    ("ci-deploy", "kms:Decrypt", KEY, of("state")),
    ("ci-deploy", "s3:PutObject", obj("state", ".pulumi/locks/x"), {}),
    ("ci-deploy", "s3:GetObject", obj("state", ".pulumi/stacks/plinth/prod.json"), {}),
    ("ci-deploy", "s3:PutObject", obj("state", "redacted/prod.json"), {}),
    ("ci-deploy", "kms:GenerateDataKey", KEY, of("state")),
    ("serve-credit-risk", "s3:GetObject", obj("artifacts", "models/credit-risk/m.onnx"), {}),
    ("serve-credit-risk", "s3:PutObject", obj("decisions", "credit-risk/1"), {}),
    ("serve-credit-risk", "dynamodb:GetItem", f"{TABLE}-features", {}),
    ("serve-credit-risk", "dynamodb:GetItem", f"{TABLE}-registry", OWN_SWITCH),
    ("serve-credit-risk", "dynamodb:PutItem", f"{TABLE}-reviews", {}),
    ("serve-credit-risk", "dynamodb:Query", SETTLED, {"dynamodb:LeadingKeys": "credit-risk"}),
    ("serve-credit-risk", "sqs:ReceiveMessage", SCOPE.queue("credit-risk", "requests"), {}),
    ("serve-credit-risk", "sqs:SendMessage", SCOPE.queue("credit-risk", "failed"), {}),
    ("serve-credit-risk", "kms:Decrypt", KEY, of("requests")),
    ("gpu-training", "s3:GetObject", obj("data"), {}),
    ("cluster-autoscaler", "autoscaling:SetDesiredCapacity", SCALED, SCALED_BY),
    ("cluster-autoscaler", "autoscaling:DescribeAutoScalingGroups", "*", {}),
    ("cluster-autoscaler", "eks:DescribeNodegroup", GPU_GROUP, {}),
]
REFUSED: list[tuple[str, str, str, Context]] = [
    # The stop switch: the overseer turns it and does nothing else; nobody else turns it.
    *((duty, "dynamodb:PutItem", f"{TABLE}-registry", OWN_SWITCH) for duty in POLICIES if duty != "overseer"),
    *((duty, "dynamodb:DeleteItem", f"{TABLE}-registry", OWN_SWITCH) for duty in POLICIES),
    ("serve-credit-risk", "dynamodb:GetItem", f"{TABLE}-registry", OTHER_SWITCH),
    ("serve-credit-risk", "dynamodb:GetItem", f"{TABLE}-registry", MODELS),
    ("serve-credit-risk", "dynamodb:Query", f"{TABLE}-registry", OWN_SWITCH),
    ("overseer", "dynamodb:PutItem", f"{TABLE}-registry", MODELS),
    ("overseer", "dynamodb:PutItem", f"{TABLE}-registry", {}),
    ("overseer", "dynamodb:Scan", f"{TABLE}-registry", OWN_SWITCH),
    ("overseer", "s3:GetObject", obj("decisions"), {}),
    ("overseer", "eks:DescribeCluster", CLUSTER, {}),
    # The GPU pool: nobody but the operator resizes it, and nobody passes or starts anything else.
    ("ml-engineer", "eks:UpdateNodegroupConfig", GPU_GROUP, {}),
    ("ml-engineer", "iam:PassRole", NODE_ROLE, TO_EKS),
    ("ml-engineer", "ec2:CreateLaunchTemplateVersion", TEMPLATE, GPU_POOL),
    ("ml-engineer", "ec2:RunInstances", SCOPE.arn("ec2", "instance/*"), {}),
    ("auditor", "eks:UpdateNodegroupConfig", GPU_GROUP, {}),
    ("ci-preview", "eks:UpdateNodegroupConfig", GPU_GROUP, {}),
    ("ci-preview", "iam:PassRole", NODE_ROLE, TO_EKS),
    ("gpu-training", "eks:UpdateNodegroupConfig", GPU_GROUP, {}),
    # What scales the pools stays between their ends, and leaves other clusters' groups alone.
    ("cluster-autoscaler", "eks:UpdateNodegroupConfig", GPU_GROUP, {}),
    ("cluster-autoscaler", "autoscaling:UpdateAutoScalingGroup", SCALED, SCALED_BY),
    ("cluster-autoscaler", "autoscaling:SetDesiredCapacity", SCALED, OTHERS),
    ("cluster-autoscaler", "autoscaling:TerminateInstanceInAutoScalingGroup", SCALED, {}),
    ("cluster-autoscaler", "ec2:RunInstances", SCOPE.arn("ec2", "instance/*"), {}),
    ("cluster-autoscaler", "iam:PassRole", NODE_ROLE, TO_EKS),
    ("operator", "iam:PassRole", NODE_ROLE, {"iam:PassedToService": "ec2.amazonaws.com"}),
    ("operator", "iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/plinth-prod-ci-deploy", TO_EKS),
    ("operator", "ec2:CreateLaunchTemplateVersion", TEMPLATE, {"aws:ResourceTag/plinth:pool": "system"}),
    ("operator", "ec2:CreateLaunchTemplateVersion", TEMPLATE, {}),
    ("operator", "ec2:RunInstances", SCOPE.arn("ec2", "instance/*"), {}),
    ("operator", "eks:CreateNodegroup", CLUSTER, {}),
    ("operator", "eks:DeleteNodegroup", GPU_GROUP, {}),
    # Data: each class for those whose duty it is.
    ("operator", "s3:GetObject", obj("data"), {}),
    ("operator", "kms:Decrypt", KEY, of("data")),
    ("ml-engineer", "s3:GetObject", obj("decisions"), {}),
    ("ml-engineer", "s3:PutObject", obj("data"), {}),
    ("ml-engineer", "s3:DeleteObject", obj("artifacts"), {}),
    ("ml-engineer", "kms:Decrypt", KEY, of("decisions")),
    ("ml-engineer", "kms:Decrypt", KEY, {}),
    ("ml-engineer", "dynamodb:GetItem", f"{TABLE}-reviews", {}),
    # What people found: its own settled cases, nothing that waits, nothing of others.
    ("serve-credit-risk", "dynamodb:Query", SETTLED, {"dynamodb:LeadingKeys": "other"}),
    ("serve-credit-risk", "dynamodb:Query", SETTLED, {}),
    ("serve-credit-risk", "dynamodb:Query", f"{TABLE}-reviews/index/by-state", {}),
    ("serve-credit-risk", "dynamodb:GetItem", f"{TABLE}-reviews", {"dynamodb:LeadingKeys": "credit-risk"}),
    ("serve-credit-risk", "dynamodb:UpdateItem", f"{TABLE}-reviews", {}),
    ("auditor", "s3:GetObject", obj("data"), {}),
    ("auditor", "s3:PutObject", obj("audit"), {}),
    ("auditor", "kms:Decrypt", KEY, of("artifacts")),
    ("ci-preview", "s3:GetObject", obj("data"), {}),
    ("ci-preview", "s3:GetObject", obj("state"), {}),
    ("ci-preview", "s3:PutObject", obj("state"), {}),
    ("ci-preview", "kms:Decrypt", KEY, of("data")),
    ("ci-deploy", "s3:GetObject", obj("data"), {}),
    ("ci-deploy", "kms:Decrypt", KEY, of("data")),
    ("ci-deploy", "dynamodb:GetItem", f"{TABLE}-features", {}),
    ("serve-credit-risk", "s3:GetObject", obj("artifacts", "models/other/m.onnx"), {}),
    ("serve-credit-risk", "s3:GetObject", obj("decisions", "credit-risk/1"), {}),
    ("serve-credit-risk", "s3:PutObject", obj("artifacts", "models/credit-risk/m.onnx"), {}),
    ("serve-credit-risk", "dynamodb:Scan", f"{TABLE}-features", {}),
    ("serve-credit-risk", "sqs:ReceiveMessage", SCOPE.queue("other", "requests"), {}),
    ("serve-credit-risk", "sqs:SendMessage", SCOPE.queue("credit-risk", "requests"), {}),
    ("serve-credit-risk", "sqs:DeleteQueue", SCOPE.queue("credit-risk", "requests"), {}),
    ("serve-credit-risk", "kms:Decrypt", KEY, of("decisions")),
    ("gpu-training", "s3:PutObject", obj("data"), {}),
    ("gpu-training", "s3:GetObject", obj("decisions"), {}),
    # Permissions: no way up, no way out of the boundary, no keys.
    ("ci-deploy", "iam:CreateRole", OWN_ROLE, {}),
    ("ci-deploy", "iam:CreateRole", f"arn:aws:iam::{ACCOUNT}:role/other", BOUNDED),
    ("ci-deploy", "iam:PutRolePolicy", OWN_ROLE, {"iam:PermissionsBoundary": "arn:aws:iam::aws:policy/X"}),
    ("ci-deploy", "iam:DeleteRolePermissionsBoundary", OWN_ROLE, BOUNDED),
    ("ci-deploy", "iam:CreatePolicyVersion", SCOPE.boundary, {}),
    ("ci-deploy", "iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/x", {}),
    ("ci-deploy", "iam:PassRole", OWN_ROLE, {"iam:PassedToService": "lambda.amazonaws.com"}),
    (
        "ci-deploy",
        "ec2:DeleteSubnet",
        SCOPE.arn("ec2", "subnet/s"),
        {"aws:ResourceTag/plinth:environment": "dev"},
    ),
    ("ci-deploy", "ec2:DeleteSubnet", SCOPE.arn("ec2", "subnet/s", region="us-east-1"), OWN),
    *(
        ("ci-deploy", "iam:UpdateAssumeRolePolicy", role, {**BOUNDED, **OWN})
        for role in (OWN_ROLE, SCOPE.role("ml-engineer"), SCOPE.role("ci-deploy"), SCOPE.role("break-glass"))
    ),
    *(
        ("ci-deploy", action, SCOPE.role("ml-engineer"), {**BOUNDED, **TO_EKS})
        for action in ("iam:DeleteRole", "iam:PassRole", "sts:AssumeRole")
    ),
    *(
        ("ci-deploy", action, SCOPE.role("ci-deploy"), {**BOUNDED, "iam:PolicyARN": EKS_POLICY})
        for action in ("iam:AttachRolePolicy", "iam:DetachRolePolicy", "iam:PutRolePolicy", "iam:DeleteRole")
    ),
    ("ci-deploy", "iam:AttachRolePolicy", OWN_ROLE, BOUNDED | {"iam:PolicyARN": ADMINISTRATOR}),
    ("ci-deploy", "iam:AttachRolePolicy", OWN_ROLE, {"iam:PolicyARN": EKS_POLICY}),
    ("ci-deploy", "iam:PutRolePermissionsBoundary", OWN_ROLE, BOUNDED),
    ("ci-deploy", "iam:CreatePolicyVersion", SCOPE.arn("iam", "policy/plinth-prod-x", region=""), {}),
    ("ci-deploy", "iam:SetDefaultPolicyVersion", SCOPE.boundary, {}),
    ("ci-deploy", "iam:CreateOpenIDConnectProvider", SCOPE.arn("iam", "oidc-provider/x", region=""), {}),
    ("ci-deploy", "iam:PassRole", OWN_ROLE, {"iam:PassedToService": "ec2.amazonaws.com"}),
    ("ci-deploy", "kms:CreateGrant", KEY, OWN),
    ("ci-deploy", "kms:PutKeyPolicy", KEY, {}),
    ("ci-deploy", "kms:ScheduleKeyDeletion", KEY, OWN),
    ("ci-deploy", "ec2:CreateTags", SCOPE.arn("ec2", "subnet/other"), NEW),
    ("ci-deploy", "ec2:RunInstances", SCOPE.arn("ec2", "instance/*"), NEW),
    ("ci-deploy", "s3:DeleteBucket", bucket("data"), {}),
    ("ci-deploy", "cloudtrail:StopLogging", SCOPE.arn("cloudtrail", "trail/plinth-prod-audit"), {}),
    ("ci-preview", "iam:CreateRole", OWN_ROLE, BOUNDED),
    ("break-glass", "iam:CreateAccessKey", f"arn:aws:iam::{ACCOUNT}:user/x", {}),
    ("break-glass", "iam:PutRolePolicy", OWN_ROLE, {}),
    ("break-glass", "iam:DeleteRolePermissionsBoundary", OWN_ROLE, BOUNDED),
    ("operator", "iam:PutRolePolicy", OWN_ROLE, BOUNDED),
    ("auditor", "iam:PutRolePolicy", OWN_ROLE, BOUNDED),
    # The record: nobody stops or changes it, in an emergency either.
    ("break-glass", "s3:DeleteObject", obj("decisions"), {}),
    ("break-glass", "s3:PutBucketPolicy", bucket("audit"), {}),
    ("break-glass", "cloudtrail:StopLogging", SCOPE.arn("cloudtrail", "trail/x"), {}),
    ("auditor", "cloudtrail:StopLogging", SCOPE.arn("cloudtrail", "trail/x"), {}),
    ("operator", "logs:DeleteLogGroup", SCOPE.arn("logs", "log-group:/plinth/prod/network-flow"), {}),
    ("operator", "eks:UpdateClusterConfig", CLUSTER, {}),
    ("break-glass", "kms:ScheduleKeyDeletion", KEY, of("data")),
]


def test_the_table_is_large_and_mostly_refuses() -> None:
    assert len(ALLOWED) + len(REFUSED) >= 60
    assert len(REFUSED) > len(ALLOWED)
    assert {row[0] for row in ALLOWED} == {row[0] for row in REFUSED} == set(POLICIES)


@pytest.mark.parametrize(("duty", "action", "resource", "context"), ALLOWED)
def test_a_duty_can_be_done(duty: str, action: str, resource: str, context: Context) -> None:
    assert allowed(duty, action, resource, context)


@pytest.mark.parametrize(("duty", "action", "resource", "context"), REFUSED)
def test_more_than_the_duty_is_refused(duty: str, action: str, resource: str, context: Context) -> None:
    assert not allowed(duty, action, resource, context)


@pytest.mark.parametrize("name", [*POLICIES, "boundary"])
def test_no_statement_allows_everything_on_everything(name: str) -> None:
    policy = BOUNDARY if name == "boundary" else POLICIES[name]
    for statement in json.loads(policy)["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        if statement["Effect"] == "Allow" and statement["Resource"] == "*":
            # On what has no resource, a star may only end the name of something that reads.
            assert [a for a in actions if "*" in a and not reads(a)] == []


def reads(action: str) -> bool:
    return action.split(":")[1].startswith(("Describe", "Get", "List", "View"))


def statement_of(trust: str) -> dict[str, Any]:
    (only,) = json.loads(trust)["Statement"]
    return dict(only)


def assumes(trust: str, given: Context) -> bool:
    """Say whether the trust's conditions hold; whom they are asked of is in its principal."""
    return holds(statement_of(trust).get("Condition", {}), context(given))


HOST = pipelines.WORKFLOW_HOST
WORKFLOW = service_roles.workflow_trust(
    provider_arn=SCOPE.arn("iam", f"oidc-provider/{HOST}", region=""),
    host=HOST,
    repository="own/repo",
    subjects=["environment:prod"],
)


@pytest.mark.parametrize(
    ("subject", "audience", "expected"),
    [
        ("repo:own/repo:environment:prod", "sts.amazonaws.com", True),
        ("repo:own/repo:environment:dev", "sts.amazonaws.com", False),
        ("repo:own/repo:pull_request", "sts.amazonaws.com", False),
        ("repo:own/repo:ref:refs/heads/main", "sts.amazonaws.com", False),
        ("repo:own/fork:environment:prod", "sts.amazonaws.com", False),
        ("repo:other/repo:environment:prod", "sts.amazonaws.com", False),
        ("repo:own/repo:environment:prod", "someone.else", False),
        (None, "sts.amazonaws.com", False),
        ("repo:own/repo:environment:prod", None, False),
    ],
)
def test_only_one_repository_s_one_environment_deploys(
    *, subject: str | None, audience: str | None, expected: bool
) -> None:
    context = {
        key: value
        for key, value in ((f"{HOST}:sub", subject), (f"{HOST}:aud", audience))
        if value is not None
    }

    assert assumes(WORKFLOW, context) is expected
    assert "Federated" in statement_of(WORKFLOW)["Principal"]
    assert "Resource" not in statement_of(WORKFLOW)


@pytest.mark.parametrize(
    ("mfa", "context", "expected"),
    [
        (False, {"aws:PrincipalArn": SSO}, True),
        (False, {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:user/somebody"}, False),
        (False, {"aws:PrincipalArn": NODE_ROLE}, False),
        (False, {}, False),
        (True, {"aws:PrincipalArn": SSO}, False),
        (True, {"aws:PrincipalArn": SSO, "aws:MultiFactorAuthPresent": "false"}, False),
        (True, {"aws:PrincipalArn": SSO, "aws:MultiFactorAuthPresent": "true"}, True),
    ],
)
def test_people_come_in_by_single_sign_on_and_in_an_emergency_with_a_second_factor(
    *, mfa: bool, context: Context, expected: bool
) -> None:
    trust = service_roles.people_trust(
        account_id=ACCOUNT, sso_path="aws-reserved/sso.amazonaws.com/*", mfa=mfa
    )

    assert assumes(trust, context) is expected


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ({"aws:SourceAccount": ACCOUNT, "aws:SourceArn": CLUSTER}, True),
        ({"aws:SourceAccount": "999999999999", "aws:SourceArn": CLUSTER}, False),
        ({"aws:SourceAccount": ACCOUNT, "aws:SourceArn": f"{CLUSTER}-2"}, False),
        ({}, False),
    ],
)
def test_a_workload_s_role_is_for_pods_of_this_cluster(*, context: Context, expected: bool) -> None:
    assert assumes(workload_roles.workload_trust(SCOPE), context) is expected


def test_inline_policies_fit_into_a_role() -> None:
    sizes = {name: len("".join(policy.split())) for name, policy in POLICIES.items()}

    assert max(sizes.values()) <= 10_240, sizes
    assert len("".join(BOUNDARY.split())) <= 6_144
