"""Bucket policies of the local AWS API, judged with their conditions before a request reaches moto.

moto 5.2.5 takes a condition that does not hold for a refusal, and knows few operators. Here a statement that
denies applies when its condition holds, or when that cannot be decided; the answer then says what could not.
Statements that allow make no difference to an account's own clients here, because IAM is not enforced.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any
from xml.sax.saxutils import escape

from moto.iam import models as iam
from moto.iam.access_control import PermissionResult
from moto.organizations.models import organizations_backends
from moto.s3.models import FakeBucket, s3_backends
from moto.sts.models import sts_backends

from infra.iam.conditions import Context, arn_matches
from infra.iam.evaluation import Decision, Request, Verdict, decide, listed
from infra.local.aws_api import actions, s3_requests
from infra.local.aws_api.s3_requests import S3Request

Reply = tuple[int, dict[str, str], str]

_current: ContextVar[tuple[S3Request, str] | None] = ContextVar("current", default=None)
"""The request that is being handled and the ARN of who asks; for what moto asks in the middle of it."""


def install() -> None:
    """Leave policies to this module; moto goes on asking for each key of a request that deletes several."""

    def get_permission(self: Any, action: str, resource: str) -> PermissionResult:
        asked = _current.get()
        if asked is None or not asked[0].deletes_many:
            return PermissionResult.NEUTRAL
        decision = _decide(self, asked[0], asked[1], action=action, resource=resource)
        return PermissionResult.DENIED if decision.verdict is Verdict.DENIED else PermissionResult.NEUTRAL

    setattr(FakeBucket, "get_permission", get_permission)  # noqa: B010 - as in completions


def answer(method: str, host: str, path: str, headers: Mapping[str, str]) -> Reply | None:
    """Return the refusal of a request that a bucket policy denies; None for every other request.

    Args:
        method: HTTP method, upper case.
        host: Scheme and host.
        path: Path and query.
        headers: Lower-case names.
    """
    _current.set(None)
    request = s3_requests.parse(method, host, path, headers)
    if request is None:
        return None
    bucket = _bucket(request.bucket)
    if bucket is None:
        return None
    who = caller(actions.access_key(path, headers))
    if headers.get("x-amz-expected-bucket-owner", bucket.account_id) != bucket.account_id:
        return _denied(who, request, "the bucket has another owner than the request expects")
    _current.set((request, who))
    if request.deletes_many:
        return None  # judged key by key, see `install`
    resource = f"arn:{bucket.partition}:s3:::{request.bucket}" + (f"/{request.key}" if request.key else "")
    decision = _decide(bucket, request, who, action=request.action, resource=resource)
    if decision.verdict is not Verdict.DENIED:
        return None
    return _denied(who, request, f"explicit deny in a resource-based policy ({decision.reason})")


def _denied(who: str, request: S3Request, why: str) -> Reply:
    text = f"{who} is not authorized to perform {request.action} on {request.bucket}/{request.key}: {why}"
    body = f"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>{escape(text)}</Message></Error>"
    return 403, {"Content-Type": "application/xml"}, body


def caller(key: str) -> str:
    """Return the ARN of the owner of an access key: a role, a user, or the account itself."""
    for partitions in sts_backends.values():
        if (role := _sessions(partitions["aws"]).get(key)) is not None:
            return role
    for identities in iam.iam_backends.values():
        for user in identities["aws"].users.values():
            if any(one.access_key_id == key for one in user.access_keys):
                return str(user.arn)
    return f"arn:aws:iam::{iam.get_account_id_from(key)}:root"


def _sessions(backend: Any) -> dict[str, str]:
    """Return the role of each session's key; moto keeps a list, longer by one with each AssumeRole."""
    made = backend.assumed_roles
    index: dict[str, str] = backend.__dict__.setdefault("_plinth_sessions", {})
    for assumed in made[len(index) :]:
        index.setdefault(assumed.access_key_id, str(assumed.role_arn))
    return index


def _bucket(name: str) -> Any:
    place = s3_backends.bucket_accounts.get(name)
    return None if place is None else s3_backends[place[1]][place[0]].buckets.get(name)


def _decide(bucket: Any, request: S3Request, who: str, *, action: str, resource: str) -> Decision:
    if not bucket.policy:
        return Decision(verdict=Verdict.SILENT)
    policy = bucket.policy.decode() if isinstance(bucket.policy, bytes) else str(bucket.policy)
    known = Context(values={**_of_caller(who, bucket.account_id), **request.values}, complete=False)
    asked = Request(action=action, resource=resource, known=known)
    return decide([policy], asked, principal=lambda statement: _is_about(statement, who))


def _of_caller(who: str, owner: str) -> dict[str, tuple[str, ...]]:
    """Return the condition keys that follow from who asks: a person or a program, over loopback."""
    account, kind = who.split(":")[4], who.split(":")[5].partition("/")[0]
    organization = getattr(organizations_backends[account]["aws"], "org", None)
    return {
        "aws:principalarn": (who,),
        "aws:principalaccount": (account,),
        "aws:principaltype": ({"root": "Account", "role": "AssumedRole", "user": "User"}[kind],),
        "aws:principalorgid": (organization.id,) if organization else (),
        "aws:principalisawsservice": ("false",),
        "aws:principalservicename": (),
        "aws:resourceaccount": (owner,),
        "s3:resourceaccount": (owner,),
        "aws:sourceaccount": (),
        "aws:sourcearn": (),
        "aws:sourceip": ("127.0.0.1",),
        "aws:sourcevpc": (),
        "aws:sourcevpce": (),
        "aws:viaawsservice": ("false",),
    }


def _is_about(statement: Mapping[str, Any], who: str) -> bool | None:
    """Tell whether a statement's principal is who asks; None when that cannot be decided."""
    principal = statement.get("Principal")
    if principal is None:
        return None  # NotPrincipal, or nothing
    if principal == "*":
        return True
    account = who.split(":")[4]
    for one in listed(principal.get("AWS", [])):
        whole_account = one in {account, f"arn:aws:iam::{account}:root"}
        if one == "*" or whole_account or (":" in one and arn_matches(one, who)):
            return True
    # Services do not come in through here; canonical ids and identity providers are not known.
    return None if {"CanonicalUser", "Federated"} & set(principal) else False
