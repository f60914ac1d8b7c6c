"""Which AWS actions mean what, for the controls of identities: data from the service authorisation reference.

Patterns are compared as IAM does: without regard to case, ``*`` for anything.
"""

import re
from functools import lru_cache

READING_VERBS = (
    "Describe",
    "List",
    "Get",
    "View",
    "BatchGet",
    "Search",
    "Select",
    "Lookup",
    "Simulate",
    "Generate",
    "Check",
)
"""Beginnings of actions that read how things are set up; many of them take no resource."""

READING_DATA = (
    "athena:GetQueryResults*",
    "codecommit:Get*",
    "dynamodb:BatchGetItem",
    "dynamodb:GetItem",
    "dynamodb:GetRecords",
    "ecr:BatchGetImage",
    "ecr:GetDownloadUrlForLayer",
    "kinesis:GetRecords",
    "lambda:GetFunction",
    "logs:GetLogEvents",
    "logs:GetLogRecord",
    "logs:GetQueryResults",
    "s3:GetObject",
    "s3:GetObjectVersion",
    "secretsmanager:BatchGetSecretValue",
    "secretsmanager:GetSecretValue",
    "ssm:GetParameter",
    "ssm:GetParameters",
    "ssm:GetParametersByPath",
    "sts:GetFederationToken",
    "sts:GetSessionToken",
)
"""Actions that begin like those, but hand out data or credentials."""

WITHOUT_RESOURCE = (
    "aws-portal:*",
    "budgets:*",
    "ce:*",
    "cloudwatch:PutMetricData",
    "config:PutDeliveryChannel",
    "config:PutEvaluations",
    "ec2:CreateVpc",
    "ec2:EnableEbsEncryptionByDefault",
    "ecr:GetAuthorizationToken",
    "guardduty:CreateDetector",
    "kms:CreateKey",
    "logs:CreateLogDelivery",
    "logs:PutResourcePolicy",
    "s3:PutAccountPublicAccessBlock",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
)
"""Actions that cannot be tied to a resource, or only to one that does not exist yet."""

ESCALATION = (
    "iam:AddUserToGroup",
    "iam:AttachGroupPolicy",
    "iam:AttachRolePolicy",
    "iam:AttachUserPolicy",
    "iam:CreateAccessKey",
    "iam:CreateLoginProfile",
    "iam:CreatePolicyVersion",
    "iam:DeleteRolePermissionsBoundary",
    "iam:PassRole",
    "iam:PutGroupPolicy",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
    "iam:PutUserPolicy",
    "iam:SetDefaultPolicyVersion",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateLoginProfile",
    "lambda:UpdateFunctionCode",
    "sts:AssumeRole",
)
"""Actions by which an identity can give itself, or something that it controls, more than it has."""

CREDENTIALS = (
    "secretsmanager:GetSecretValue",
    "ssm:GetParameter",
    "ssm:GetParameters",
    "ssm:GetParametersByPath",
)
"""Actions that hand out credentials."""

EXFILTRATION = ("s3:GetObject", "dynamodb:Scan", "dynamodb:ExportTableToPointInTime", "rds:CopyDBSnapshot")
"""Actions that carry data out in bulk."""

WRITING = (
    "s3:PutObject",
    "s3:DeleteObject",
    "dynamodb:PutItem",
    "dynamodb:DeleteItem",
    "ecr:PutImage",
    "sqs:SendMessage",
)
"""Actions that change what others rely on."""

DECRYPTING = ("kms:Decrypt", "kms:ReEncryptFrom")
"""Actions that turn a key into what it protects."""

ADMIN_POLICIES = ("AdministratorAccess", "IAMFullAccess", "PowerUserAccess")
"""AWS's own policies that make an administrator of whoever holds them."""


@lru_cache(maxsize=4096)
def covers(pattern: str, action: str) -> bool:
    """Whether a pattern of actions means an action."""
    return _compiled(pattern).fullmatch(action) is not None


@lru_cache(maxsize=4096)
def allows_any(pattern: str, actions: tuple[str, ...]) -> bool:
    """Whether a pattern means any of several actions; a pattern among them is met by one as wide."""
    return any(covers(pattern, action.replace("*", "x")) or covers(action, pattern) for action in actions)


@lru_cache(maxsize=4096)
def only_reads_setup(pattern: str) -> bool:
    """Whether a pattern means nothing but reading how things are set up."""
    verb = pattern.partition(":")[2]
    return verb.startswith(READING_VERBS) and not allows_any(pattern, READING_DATA)


@lru_cache(maxsize=4096)
def takes_no_resource(pattern: str) -> bool:
    """Whether an action cannot be tied to a resource."""
    return any(covers(known, pattern) for known in WITHOUT_RESOURCE)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    escaped = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(escaped, re.IGNORECASE)
