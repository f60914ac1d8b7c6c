"""The copy of a state against which pull requests are previewed holds no secret and no account."""

import json

import pytest

from infra.errors import StateError
from infra.ops.redaction import SECRET, redacted

MARK = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
REAL, LOCAL = "777788889999", "123456789012"


def state(**resource: object) -> str:
    one = {
        "urn": "urn:pulumi:prod::plinth::aws:s3/bucket:Bucket::data",
        "type": "aws:s3/bucket:Bucket",
        **resource,
    }
    return json.dumps({"version": 3, "checkpoint": {"stack": "prod", "latest": {"resources": [one]}}})


def copy(text: str) -> str:
    return redacted(text, stack="prod", account_id=REAL, local_account_id=LOCAL, salt="v1:salt")


def test_what_the_engine_marked_is_gone() -> None:
    written = copy(state(inputs={"a": [{"b": {**MARK, "ciphertext": "v1:cipher"}}]}))

    assert "v1:cipher" not in written
    assert json.loads(written)["checkpoint"]["latest"]["resources"][0]["inputs"] == {"a": [{"b": SECRET}]}


def test_the_providers_note_goes_whole_since_one_with_holes_ends_the_preview() -> None:
    note = {"obj": {"ps": {"tags": {**MARK, "ciphertext": "v1:cipher"}}}}
    written = copy(state(outputs={"id": "a", "__pulumi_raw_state_delta": note}))

    assert json.loads(written)["checkpoint"]["latest"]["resources"][0]["outputs"] == {"id": "a"}


def test_what_nobody_marked_is_masked() -> None:
    written = copy(state(outputs={"password": "hunter2", "note": "AKIA" + "ABCDEFGHIJKLMNOP"}))

    assert "hunter2" not in written
    assert "AKIAABCDEF" not in written


def test_additional_secret_outputs_are_gone() -> None:
    written = copy(state(outputs={"plain": "value-of-it"}, additionalSecretOutputs=["plain"]))

    assert "value-of-it" not in written


def test_the_account_does_not_leave() -> None:
    written = copy(state(outputs={"arn": f"arn:aws:iam::{REAL}:role/x"}))

    assert REAL not in written
    assert f"arn:aws:iam::{LOCAL}:role/x" in written


def test_kubernetes_secrets_hold_nothing() -> None:
    written = copy(state(type="kubernetes:core/v1:Secret", inputs={"data": {"x": "aHVudGVyMg=="}}))

    assert "aHVudGVyMg" not in written


def test_everything_else_stays_as_it_is() -> None:
    inputs = {"bucket": "plinth-prod-data", "forceDestroy": False, "tags": {"plinth:owner": "ml"}}
    resource = json.loads(copy(state(inputs=inputs, protect=True)))["checkpoint"]["latest"]["resources"][0]

    assert resource["inputs"] == inputs
    assert resource["protect"] is True


def test_an_export_is_read_as_well() -> None:
    exported = json.dumps({"version": 3, "deployment": {"resources": []}})

    assert json.loads(copy(exported))["checkpoint"]["latest"]["resources"] == []


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"deployment": {}}', '{"deployment": {"resources": 3}}']
)
def test_what_is_no_state_is_refused(text: str) -> None:
    with pytest.raises(StateError, match="no state of a stack"):
        copy(text)


def test_a_secret_in_the_clear_is_refused() -> None:
    with pytest.raises(StateError, match="in the clear"):
        copy(state(inputs={"a": {**MARK, "plaintext": '"hunter2"'}}))
