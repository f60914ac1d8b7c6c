"""A client that lost an answer asks again, and gets that answer instead of "exists already"."""

from typing import Any

import pytest

pytestmark = pytest.mark.parts

HEADER = "amz-sdk-invocation-id"


def _invocations(client: Any, number: str) -> None:
    """Send every request of a client as the same invocation."""
    client.meta.events.register(
        "before-send", lambda request, **_: request.headers.__setitem__(HEADER, number)
    )


def test_the_same_invocation_is_done_once_and_answered_twice(shared: Any) -> None:
    client = shared.client("iam")
    _invocations(client, "1b4e28ba-2fa1-11d2-883f-0016d3cca427")
    made = [
        client.create_role(RoleName="twice", AssumeRolePolicyDocument="{}")["Role"]["RoleId"]
        for _ in range(2)
    ]

    assert made[0] == made[1]
    assert len([r for r in client.list_roles()["Roles"] if r["RoleName"] == "twice"]) == 1


def test_another_invocation_of_the_same_is_refused(shared: Any) -> None:
    client = shared.client("iam")
    _invocations(client, "first")
    client.create_role(RoleName="once", AssumeRolePolicyDocument="{}")
    other = shared.client("iam")
    _invocations(other, "second")

    try:
        other.create_role(RoleName="once", AssumeRolePolicyDocument="{}")
    except other.exceptions.EntityAlreadyExistsException:
        return
    raise AssertionError("the role was made a second time")
