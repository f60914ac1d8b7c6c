"""What a request asks of IAM: its action, its resource, and what it needs besides."""

import json
from typing import Any

import pytest

from infra.iam.scope import Scope
from infra.ops import calls, deployer
from infra.ops.calls import Sent

ACCOUNT, REGION = "123456789012", "eu-central-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/plinth-prod-x"
TAGS = {"tags": {"plinth:environment": "prod"}}
SCOPE = Scope(
    environment="prod",
    account_id=ACCOUNT,
    region=REGION,
    cluster="plinth-prod",
    buckets={name: f"plinth-prod-{name}" for name in ("state", "data", "artifacts", "features")},
    tables={name: f"plinth-prod-{name}" for name in ("features", "registry", "reviews")},
)


def sent(service: str, what: str, body: Any = None, method: str = "POST") -> Sent:
    """Return a request; a name becomes a target or a form's action, a path stays one."""
    host = f"https://{service}.{REGION}.amazonaws.com" if service != "iam" else "https://iam.amazonaws.com"
    headers, path, content = {}, "/", b""
    if what.startswith("/"):
        path = what
    elif service in {"iam", "ec2", "sns"}:
        content = f"Action={what}&{body or ''}".encode()
        headers["content-type"] = "application/x-www-form-urlencoded"
    else:
        headers["x-amz-target"] = f"X.{what}"
    if isinstance(body, dict):
        content = json.dumps(body).encode()
    return Sent(method=method, host=host, path=path, headers=headers, body=content)


def asked(one: Sent) -> list[tuple[str, str]]:
    questions = calls.asked(one, account=ACCOUNT, boundaries={})
    return [(question.action, question.resource) for question in questions]


def arn(service: str, rest: str, region: str = REGION) -> str:
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{rest}"


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (sent("kms", "CreateKey", {"Description": "x"}), [("kms:CreateKey", "*")]),
        (
            sent("kms", "CreateAlias", {"AliasName": "alias/a", "TargetKeyId": "1"}),
            [("kms:CreateAlias", arn("kms", "alias/a")), ("kms:CreateAlias", arn("kms", "key/1"))],
        ),
        (
            sent("backup", "/backup-vaults/v", {"EncryptionKeyArn": arn("kms", "key/1")}, "PUT"),
            [
                ("backup:CreateBackupVault", arn("backup", "backup-vault:v")),
                ("kms:CreateGrant", arn("kms", "key/1")),
            ],
        ),
        (
            sent("eks", "/clusters/c/pod-identity-associations", {"roleArn": ROLE} | TAGS),
            [
                ("eks:CreatePodIdentityAssociation", arn("eks", "cluster/c")),
                ("eks:TagResource", arn("eks", "cluster/c")),
                ("iam:PassRole", ROLE),
            ],
        ),
        (
            sent("iam", "PutRolePolicy", "RoleName=r&PolicyName=p"),
            [("iam:PutRolePolicy", arn("iam", "role/r", ""))],
        ),
        (
            sent("b.s3", "/?versioning", None, "PUT"),
            [("s3:PutBucketVersioning", "arn:aws:s3:::b")],
        ),
        (
            sent("budgets", "CreateNotification", {"BudgetName": "b"}),
            [("budgets:ModifyBudget", arn("budgets", "budget/b", ""))],
        ),
        (
            sent("api.ecr", "PutLifecyclePolicy", {"repositoryName": "r"}),
            [("ecr:PutLifecyclePolicy", arn("ecr", "repository/r"))],
        ),
        (sent("kms", "GetKeyPolicy", {"KeyId": "1"}), [("kms:GetKeyPolicy", "*")]),
    ],
)
def test_a_request_is_turned_into_questions(one: Sent, expected: list[tuple[str, str]]) -> None:
    assert asked(one) == expected


def test_a_role_s_boundary_is_remembered_from_its_creation() -> None:
    boundaries: dict[str, str] = {}
    made = sent("iam", "CreateRole", f"RoleName=r&PermissionsBoundary={SCOPE.boundary}")
    list(calls.asked(made, account=ACCOUNT, boundaries=boundaries))
    (question,) = calls.asked(
        sent("iam", "PutRolePolicy", "RoleName=r"), account=ACCOUNT, boundaries=boundaries
    )

    assert question.known.of("iam:PermissionsBoundary") == (SCOPE.boundary,)


def test_what_the_deployer_may_not_do_is_told_and_what_is_an_administrator_s_apart() -> None:
    boundary = f"RoleName=plinth-prod-new&PermissionsBoundary={SCOPE.boundary}"
    report = deployer.judge(
        SCOPE,
        iter(
            [
                sent("iam", "CreateRole", boundary),
                sent("iam", "UpdateAssumeRolePolicy", "RoleName=plinth-prod-ml-engineer"),
                sent("iam", "CreatePolicy", "PolicyName=plinth-prod-boundary"),
            ]
        ),
    )

    assert dict(report.refused) == {f"iam:UpdateAssumeRolePolicy on {SCOPE.role('ml-engineer')}": 1}
    assert list(report.administrators) == [f"iam:CreatePolicy on {SCOPE.boundary}"]
    assert report.requests == 3
