"""What runs on the default branch: prices and waivers are looked at, the copy of the state is renewed."""

import datetime as dt
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from infra.errors import Exit, PlinthError, StateError
from infra.local.paths import repo_root
from infra.ops import costs, published
from infra.ops.cli import app
from infra.settings import Settings
from policies import waivers

PROD = Settings.from_file(repo_root() / "stacks" / "Pulumi.prod.yaml", environ={})


def ran(*words: str) -> Any:
    return CliRunner(env={"NO_COLOR": "1"}).invoke(app, ["ci", *words])


def test_old_prices_fail_the_job_and_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "SHEET_DAYS", -1)

    done = ran("prices", "--json")

    assert done.exit_code == Exit.REFUSED
    assert len(json.loads(done.output)["old"]) > 100


@pytest.mark.parametrize(("age", "said"), [(91, "expired on"), (-5, "does not hold before")])
def test_a_waiver_out_of_its_time_fails_the_job(monkeypatch: pytest.MonkeyPatch, age: int, said: str) -> None:
    begun = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=age)
    one = waivers.Waiver(
        control="key-rotates", type="aws:kms/key:Key", name="data-key", environments=("prod",), owner="data",
        reason="A reason that is long enough.", approved_by="security", not_before=begun,
        expires=begun + dt.timedelta(days=90),
    )  # fmt: skip
    monkeypatch.setattr(waivers, "load", lambda: (one,))

    done = ran("waivers", "--json")

    assert done.exit_code == Exit.REFUSED
    (fault,) = json.loads(done.output)["faults"]
    assert said in fault


class Bucket:
    """S3 with one bucket."""

    class exceptions:  # noqa: N801 - the client's own name for them
        ClientError = ClientError

    def __init__(self, *objects: tuple[str, bytes]) -> None:
        self.objects = dict(objects)

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803 - the API's names
        if Key not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": Bucket}}, "GetObject")
        return {"Body": type("Body", (), {"read": lambda _: self.objects[Key]})()}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str) -> None:  # noqa: N803
        assert Bucket.startswith("plinth-prod-state")
        assert ContentType == "application/json"
        self.objects[Key] = Body


def test_the_copy_lies_where_the_preview_role_may_read_it() -> None:
    account = PROD.aws.account_id
    resource = {
        "urn": "urn:pulumi:prod::plinth::aws:s3/bucket:Bucket::data", "type": "aws:s3/bucket:Bucket",
        "outputs": {"arn": f"arn:aws:iam::{account}:role/x", "password": "hunter2"},
    }  # fmt: skip
    state = {"version": 3, "checkpoint": {"stack": "prod", "latest": {"resources": [resource]}}}
    s3 = Bucket((".pulumi/stacks/plinth/prod.json", json.dumps(state).encode()))

    where = published.publish(PROD, lambda _: s3, local_account_id="123456789012", salt="v1:salt")

    assert where.endswith("/redacted/prod.json")
    copy = s3.objects["redacted/prod.json"].decode()
    assert account not in copy
    assert "hunter2" not in copy
    assert "arn:aws:iam::123456789012:role/x" in copy


def test_a_stack_that_was_never_deployed_has_no_copy() -> None:
    with pytest.raises(StateError, match="has no state to copy yet"):
        published.publish(PROD, lambda _: Bucket(), local_account_id="1", salt="v1:salt")


def test_the_laptops_stack_has_no_bucket() -> None:
    done = ran("publish", "--stack", "local")

    assert isinstance(done.exception, PlinthError)
    assert done.exception.code == Exit.USAGE
