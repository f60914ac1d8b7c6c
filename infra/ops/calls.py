"""What a request to AWS asks of IAM: actions, resources, condition keys. Pure.

Read from the local AWS API's journal and log, which hold what the real engine and its providers sent. Names
of actions come from botocore's own service descriptions; which resource an action is about, and what it
needs besides (tags, roles that are passed, grants on keys), from the service authorization reference.
"""

import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import botocore.session

from infra.iam import deployer
from infra.iam.conditions import Context
from infra.iam.evaluation import Request
from infra.local.aws_api import actions, s3_requests

_PREFIXES = {"monitoring": "cloudwatch", "ddb": "dynamodb", "api.ecr": "ecr", "s3-control": "s3"}
"""Name in the host to the prefix of IAM's actions, where they differ."""
_MODELS = {"access-analyzer": "accessanalyzer"}
_RENAMED = {
    "budgets:CreateBudget": "budgets:ModifyBudget",
    "budgets:CreateNotification": "budgets:ModifyBudget",
    "budgets:CreateSubscriber": "budgets:ModifyBudget",
    "budgets:DescribeBudget": "budgets:ViewBudget",
    "budgets:DescribeNotificationsForBudget": "budgets:ViewBudget",
    "budgets:DescribeSubscribersForNotification": "budgets:ViewBudget",
    "s3:PutPublicAccessBlock": "s3:PutAccountPublicAccessBlock",
    "s3:GetPublicAccessBlock": "s3:GetAccountPublicAccessBlock",
    "securityhub:DescribeHub": "securityhub:DescribeHub",
}
"""Operations whose IAM action has another name."""
_PASSED = {
    ("backup", "IamRoleArn"): "backup.amazonaws.com",
    ("budgets", "ExecutionRoleArn"): "budgets.amazonaws.com",
    ("cloudtrail", "CloudWatchLogsRoleArn"): "cloudtrail.amazonaws.com",
    ("config", "roleARN"): "config.amazonaws.com",
    ("ec2", "DeliverLogsPermissionArn"): "vpc-flow-logs.amazonaws.com",
    ("eks", "nodeRole"): "eks.amazonaws.com",
    ("eks", "roleArn"): "eks.amazonaws.com",
    ("s3", "Role"): "s3.amazonaws.com",
}
"""Parameter that hands a role to a service: whoever sends it must be allowed to pass that role."""
_GRANTING = {"backup": "EncryptionKeyArn", "dynamodb": "KMSMasterKeyId", "ecr": "kmsKey", "eks": "keyArn"}
"""Services that make a grant on the key that a new resource names, in the name of whoever makes it."""
_NAMED: tuple[tuple[str, str, str], ...] = (
    ("access-analyzer", "analyzerName", "analyzer/{}"),
    ("athena", "WorkGroup", "workgroup/{}"),
    ("athena", "Name", "workgroup/{}"),
    ("budgets", "BudgetName", "budget/{}"),
    ("cloudtrail", "TrailName", "trail/{}"),
    ("cloudtrail", "Name", "trail/{}"),
    ("cloudwatch", "AlarmName", "alarm:{}"),
    ("config", "ConfigurationRecorderName", "configuration-recorder/{}/new"),
    ("config", "name", "configuration-recorder/{}/new"),
    ("dynamodb", "TableName", "table/{}"),
    ("glue", "DatabaseName", "table/{}/new"),
    ("glue", "Name", "database/{}"),
    ("ecr", "repositoryName", "repository/{}"),
    ("iam", "RoleName", "role/{}"),
    ("iam", "PolicyName", "policy/{}"),
    ("kms", "AliasName", "{}"),
    ("kms", "KeyId", "key/{}"),
    ("kms", "TargetKeyId", "key/{}"),
    ("logs", "logGroupName", "log-group:{}"),
    ("sns", "Name", "{}"),
    ("sns", "TopicArn", "{}"),
    ("sqs", "QueueName", "{}"),
)
"""Service, parameter and the end of the ARN that its value stands in."""
_NEW = {"guardduty": "detector/new", "kms": "key/new"}
"""What is made by actions that know no resource."""
_GLOBAL = frozenset({"budgets", "ce", "iam"})
"""Services whose ARNs name no region."""
_WITHOUT_RESOURCE = frozenset({*deployer.WITHOUT_RESOURCE, "kms:CreateKey"})
"""Actions that know no resource (service authorization reference)."""
_READ = re.compile(r":(BatchGet|Describe|Get|Head|List|View)")


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One request as it was sent.

    Args:
        method: HTTP method.
        host: Scheme and host.
        path: Path and query.
        headers: Lower-case names.
        body: Whole.
    """

    method: str
    host: str
    path: str
    headers: Mapping[str, str]
    body: bytes


def asked(sent: Sent, *, account: str, boundaries: dict[str, str]) -> Iterator[Request]:
    """Give what IAM is asked before a request is carried out.

    Args:
        sent: The request.
        account: The account.
        boundaries: Role to its boundary, as requests before this one said; this one's is added.
    """
    service, action = action_of(sent)
    fields = _fields(sent, service)
    region = "" if service in _GLOBAL else _region(sent.host)
    tags = {f"aws:requesttag/{key.lower()}": (value,) for key, value in _tags(fields).items()}
    # What this program works on carries its tags: the provider sends them with everything that it makes.
    values: dict[str, tuple[str, ...]] = {**tags}
    if not action.split(":")[1].startswith("Create") or action == "kms:CreateAlias":
        values["aws:resourcetag/plinth:environment"] = (_OWN,)
    if service == "iam":
        values |= _of_role(fields, boundaries)
    resources = _resources(sent, service, action, fields, region=region, account=account)
    for resource in resources:
        yield Request(action=action, resource=resource, known=Context(values=values))
    if tags and (implied := _tagging(service, action)):
        target = (
            resources[0] if resources[0] != "*" else f"arn:aws:{service}:{region}:{account}:{_NEW[service]}"
        )
        known = Context(values={**values, "ec2:createaction": (action.split(":")[1],)})
        yield Request(action=implied, resource=target, known=known)
    yield from _lent(sent, service, action, fields)


def _of_role(fields: Mapping[str, list[str]], boundaries: dict[str, str]) -> dict[str, tuple[str, ...]]:
    """Return what IAM knows of the role that a request is about; note the boundary of a new one."""
    role = fields.get("RoleName", [""])[0]
    values: dict[str, tuple[str, ...]] = {}
    if "PermissionsBoundary" in fields:
        boundaries[role] = fields["PermissionsBoundary"][0]
    if role in boundaries:
        values["iam:permissionsboundary"] = (boundaries[role],)
    if "PolicyArn" in fields:
        values["iam:policyarn"] = (fields["PolicyArn"][0],)
    return values


def _lent(sent: Sent, service: str, action: str, fields: Mapping[str, list[str]]) -> Iterator[Request]:
    """Give what is asked for roles that a request passes, and for keys that a new resource uses."""
    for (owner, name), passed_to in _PASSED.items():
        for value in fields.get(name, []) if owner == service else []:
            to = "pods.eks.amazonaws.com" if "pod-identity" in sent.path else passed_to
            known = Context(values={"iam:passedtoservice": (to,)})
            yield Request(action="iam:PassRole", resource=value, known=known)
    makes = action.split(":")[1].startswith("Create")
    for value in fields.get(_GRANTING.get(service, "-"), []) if makes else []:
        granted = {"kms:grantisforawsresource": ("true",), "aws:resourcetag/plinth:environment": (_OWN,)}
        yield Request(action="kms:CreateGrant", resource=value, known=Context(values=granted))


_OWN = "own"
"""Stands for the environment's own tag until the caller knows its name; see :func:`own`."""


def own(request: Request, environment: str) -> Request:
    """Return a request whose resource carries the tag of an environment, where it carries the own tag."""
    values = {
        key: tuple(environment if value == _OWN else value for value in found)
        for key, found in request.known.values.items()
    }
    return Request(action=request.action, resource=request.resource, known=Context(values=values))


def reads(action: str) -> bool:
    """Tell whether an action only reads."""
    return _READ.search(action) is not None


def action_of(sent: Sent) -> tuple[str, str]:
    """Return the prefix of a service's actions and the action that a request asks for."""
    found = s3_requests.parse(sent.method, sent.host, sent.path, sent.headers)
    if found is not None:
        return "s3", found.action
    labels = urlsplit(sent.host).netloc.split(".")
    if labels[0].isdigit():
        labels = labels[1:]
    host = ".".join(labels[:2]) if labels[0] == "api" else labels[0]
    service = _PREFIXES.get(host, host)
    name = actions.action(sent.path, sent.headers, sent.body) or _operation(
        "s3control" if host == "s3-control" else _MODELS.get(service, service), sent.method, sent.path
    )
    action = f"{service}:{name}"
    return service, _RENAMED.get(action, action)


def _operation(service: str, method: str, path: str) -> str:
    place = urlsplit(path).path.rstrip("/") or "/"  # as sent: an ARN in it has its slashes written otherwise
    for verb, pattern, name in _routes(service):
        if verb == method and pattern.fullmatch(place):
            return name
    return "Unknown"


@functools.cache
def _routes(service: str) -> list[tuple[str, re.Pattern[str], str]]:
    model: Any = botocore.session.get_session().get_service_model(service)
    found = []
    for name in model.operation_names:
        http = model.operation_model(name).http
        pattern = re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(http["requestUri"].split("?")[0].rstrip("/")))
        found.append((http["method"], re.compile(pattern or "/"), name))
    return sorted(found, key=lambda row: row[1].pattern.count("[^/]+"))


def _fields(sent: Sent, service: str) -> dict[str, list[str]]:
    """Return every parameter of a request that is text, by its own name, wherever it stands."""
    found: dict[str, list[str]] = {}
    text = sent.body.decode("utf-8", "replace")
    if service == "s3":
        for name, value in re.findall(r"<(\w+)>([^<]+)</", text):
            found.setdefault(name, []).append(value)
    elif text.startswith("{"):
        _walk(json.loads(text), found)
    else:
        for name, values in parse_qs(text).items():
            found.setdefault(name, []).extend(values)
    return found


def _walk(value: Any, found: dict[str, list[str]]) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(inner, str):
                found.setdefault(name, []).append(inner)
            else:
                _walk(inner, found)
    elif isinstance(value, list):
        for inner in value:
            _walk(inner, found)


def _tags(fields: Mapping[str, list[str]]) -> dict[str, str]:
    """Return the project's own tags that a request carries, in whichever form the service takes them."""
    found = {name: values[0] for name, values in fields.items() if name.startswith("plinth:")}
    for key, value in (("Key", "Value"), ("key", "value"), ("TagKey", "TagValue")):
        found |= dict(zip(fields.get(key, []), fields.get(value, []), strict=False))
    for name, values in fields.items():
        if values[0].startswith("plinth:") and name.endswith(".Key"):
            found[values[0]] = fields.get(name.removesuffix("Key") + "Value", [""])[0]
    return {key: value for key, value in found.items() if key.startswith("plinth:")}


def _tagging(service: str, action: str) -> str | None:
    """Return the action that tags sent with a new resource need besides."""
    if action.split(":")[1].startswith(("Tag", "CreateTags")):
        return None
    if service == "iam":
        kind = action.removeprefix("iam:Create")
        return f"iam:Tag{kind}" if kind != action else None
    if service in {"ce", "config"}:
        return None
    named = {
        "cloudtrail": "cloudtrail:AddTags",
        "ec2": "ec2:CreateTags",
        "s3": "s3:PutBucketTagging",
        "sqs": "sqs:TagQueue",
    }
    return named.get(service, f"{service}:TagResource")


def _region(host: str) -> str:
    found = re.search(r"\.([a-z]{2}(?:-gov)?-[a-z]+-\d)\.", host)
    return found.group(1) if found else ""


def _resources(
    sent: Sent,
    service: str,
    action: str,
    fields: Mapping[str, list[str]],
    *,
    region: str,
    account: str,
) -> list[str]:
    if action in _WITHOUT_RESOURCE or reads(action):
        return ["*"]
    start = f"arn:aws:{service}:{region}:{account}:"
    found = s3_requests.parse(sent.method, sent.host, sent.path, sent.headers)
    if found is not None:
        return [f"arn:aws:s3:::{found.bucket}" + (f"/{found.key}" if found.key else "")]
    if service == "s3" and "/tags/" in sent.path:  # tags of a bucket change by the bucket's ARN
        return [unquote(sent.path.split("/tags/", 1)[1].partition("?")[0])]
    named = [
        value if value.startswith("arn:") else start + ending.format(value)
        for owner, parameter, ending in _NAMED
        if owner == service
        for value in fields.get(parameter, [])[:1]
    ]
    if service == "sqs" and "QueueUrl" in fields:
        return [start + fields["QueueUrl"][0].rsplit("/", 1)[-1]]
    if named:
        return named if action == "kms:CreateAlias" else named[:1]
    return [start + _unnamed(service, urlsplit(sent.path).path.strip("/"), fields)]


def _unnamed(service: str, path: str, fields: Mapping[str, list[str]]) -> str:
    """Return the end of the ARN where no parameter is the resource's name."""
    place = path.split("/")
    groups = [value for value in fields.get("ResourceId.1", []) if value.startswith("sg-")]
    backups = {
        "backup-vaults": f"backup-vault:{place[1] if len(place) > 1 else 'new'}",
        "restore-testing": "restore-testing-plan:new",
    }
    ends = {
        "backup": backups.get(place[0], "backup-plan:new"),
        "ce": "anomaly",
        "ec2": f"security-group/{groups[0]}" if groups else "network/new",
        "eks": f"cluster/{place[1] if len(place) > 1 else fields.get('name', [''])[0]}",
        "iam": f"oidc-provider/{fields.get('Url', [''])[0].removeprefix('https://')}",
        "securityhub": "hub/default",
    }
    return ends.get(service, path or "new")
