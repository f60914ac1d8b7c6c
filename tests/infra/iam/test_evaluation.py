"""What policies say: as moto's engine where that one is right, on the safe side elsewhere."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.iam.access_control import IAMPolicyStatement, PermissionResult

from infra.iam.conditions import Context
from infra.iam.evaluation import Request, Verdict, decide, permitted

SERVICES = st.sampled_from(["s3", "kms"])
ACTIONS = st.sampled_from(["s3:GetObject", "s3:Get*", "s3:PutObject", "kms:Decrypt", "s3:*"])
RESOURCES = st.sampled_from(["arn:aws:s3:::b/*", "arn:aws:s3:::b/k", "arn:aws:s3:::c/*", "*"])
STATEMENT = st.fixed_dictionaries(
    {
        "Effect": st.sampled_from(["Allow", "Deny"]),
        "Action": st.lists(ACTIONS, min_size=1, max_size=2),
        "Resource": st.lists(RESOURCES, min_size=1, max_size=2),
    }
)
PUT = "s3:PutObject"
OBJECT = "arn:aws:s3:::b/k"


def policy(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def says(document: str, known: Context = Context(), **more: Any) -> tuple[Verdict, str]:  # noqa: B008 - frozen
    found = decide([document], Request(action=PUT, resource=OBJECT, known=known), **more)
    return found.verdict, found.reason


def by_moto(statements: list[Any], action: str, resource: str) -> Verdict:
    results = [IAMPolicyStatement(one).is_action_permitted(action, resource) for one in statements]
    if PermissionResult.DENIED in results:
        return Verdict.DENIED
    return Verdict.ALLOWED if PermissionResult.PERMITTED in results else Verdict.SILENT


@given(
    st.lists(STATEMENT, min_size=1, max_size=4),
    st.sampled_from(["s3:GetObject", "s3:PutObject", "kms:Decrypt"]),
    st.sampled_from([OBJECT, "arn:aws:s3:::c/x", "arn:aws:s3:::d/x"]),
)
def test_effect_action_and_resource_are_judged_as_moto_judges_them(
    statements: list[Any], action: str, resource: str
) -> None:
    found = decide([policy(*statements)], Request(action=action, resource=resource, known=Context()))

    assert found.verdict is by_moto(statements, action, resource)


ALLOW = {"Sid": "Yes", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}
DENY = {"Sid": "No", "Effect": "Deny", "Action": "s3:*", "Resource": "*"}
UNKNOWN = {"Condition": {"StringEquals": {"aws:PrincipalOrgPaths": "x"}}}


def test_a_denial_wins_whatever_the_order() -> None:
    assert says(policy(ALLOW, DENY))[0] is says(policy(DENY, ALLOW))[0] is Verdict.DENIED


def test_what_cannot_be_decided_counts_against_the_request() -> None:
    blind = Context(complete=False)
    assert says(policy(ALLOW, DENY | UNKNOWN), blind) == (
        Verdict.DENIED,
        "statement No, because condition key aws:PrincipalOrgPaths cannot be decided",
    )
    assert says(policy(ALLOW | UNKNOWN), blind)[0] is Verdict.SILENT
    assert says(policy(DENY), blind, principal=lambda _: None)[0] is Verdict.DENIED
    assert says(policy(ALLOW), blind, principal=lambda _: None)[0] is Verdict.SILENT
    assert (
        says(policy(ALLOW, DENY), blind, principal=lambda one: one["Effect"] == "Allow")[0] is Verdict.ALLOWED
    )


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ({"Effect": "Deny", "NotAction": "s3:Get*", "Resource": "*"}, Verdict.DENIED),
        ({"Effect": "Deny", "NotAction": "s3:Put*", "Resource": "*"}, Verdict.SILENT),
        ({"Effect": "Deny", "Action": "S3:putobject", "NotResource": "arn:aws:s3:::c/*"}, Verdict.DENIED),
        ({"Effect": "Deny", "Action": "s3:*", "NotResource": "arn:aws:s3:::b/*"}, Verdict.SILENT),
        ({"Effect": "Allow", "Action": "s3:Put?bject", "Resource": "arn:aws:s3:::b/*"}, Verdict.ALLOWED),
    ],
)
def test_a_statement_may_say_what_it_is_not_about(statement: dict[str, Any], expected: Verdict) -> None:
    assert says(policy(statement))[0] is expected
    assert says(json.dumps({"Statement": statement}))[0] is expected  # one statement needs no list


def test_a_role_does_what_its_policy_and_its_boundary_both_allow() -> None:
    request = Request(action=PUT, resource=OBJECT, known=Context())
    silent = policy(ALLOW | {"Action": "kms:*"})
    assert permitted([policy(ALLOW)], None, request)
    assert permitted([silent, policy(ALLOW)], policy(ALLOW), request)
    assert not permitted([policy(ALLOW)], silent, request)
    assert not permitted([silent], policy(ALLOW), request)
    assert not permitted([policy(ALLOW)], policy(ALLOW, DENY), request)
