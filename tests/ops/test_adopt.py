"""What a cut-off run left behind is taken into the state, and nothing of anybody else's."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.ops import adopt, events
from infra.ops.inventory import Thing

BUCKET = "urn:pulumi:local::plinth::plinth:storage:EncryptedBucket$aws:s3/bucket:Bucket::artifacts"
PARENT = "urn:pulumi:local::plinth::plinth:storage:EncryptedBucket::artifacts"
PROVIDER = "urn:pulumi:local::plinth::pulumi:providers:aws::aws"


def run(message: str, urn: str = BUCKET, type_: str = "aws:s3/bucket:Bucket") -> events.Run:
    new = {"parent": PARENT, "inputs": {"bucket": "plinth-local-artifacts"}, "provider": f"{PROVIDER}::id"}
    return events.read(
        [
            json.dumps(
                {"resourcePreEvent": {"metadata": {"op": "create", "urn": urn, "type": type_, "new": new}}}
            ),
            json.dumps({"diagnosticEvent": {"severity": "error", "urn": urn, "message": message}}),
        ]
    )


def test_a_bucket_that_this_account_owns_already_is_adopted() -> None:
    found = adopt.collisions(run("1 error occurred:\n\t* BucketAlreadyOwnedByYou: yours"))

    file = adopt.import_file(adopt.named(found))

    assert file == {
        "nameTable": {"provider-aws": PROVIDER, "parent-artifacts": PARENT},
        "resources": [
            {
                "type": "aws:s3/bucket:Bucket",
                "name": "artifacts",
                "id": "plinth-local-artifacts",
                "provider": "provider-aws",
                "parent": "parent-artifacts",
            }
        ],
    }


def test_a_bucket_of_another_account_is_never_adopted() -> None:
    assert adopt.collisions(run("BucketAlreadyExists: somebody has it")) == []


def test_other_types_are_not_adopted() -> None:
    assert adopt.collisions(run("AlreadyExistsException", type_="aws:sns/topic:Topic")) == []


KEY = "aws:kms/key:Key"


def key(number: int, data_class: str = "data", environment: str = "local", **more: Any) -> Thing:
    tags = {"plinth:data-class": data_class, "plinth:environment": environment}
    return Thing(kind="kms/key", id=f"key-{number}", name=f"key-{number}", tags=tags, **more)


def begun(data_class: str = "data") -> events.Step:
    inputs = {"tags": {"plinth:data-class": data_class}}
    return events.Step(operation="create", urn=f"urn::{data_class}-key", type=KEY, inputs=inputs)


def test_a_key_that_nobody_wrote_down_is_found_by_its_tags() -> None:
    step = begun()
    things = [
        key(1),
        key(2, "logs"),
        key(3, environment="dev"),
        key(4, detail={"state": "PendingDeletion"}),
        key(5),
    ]

    assert adopt.orphans([step], {"key-5"}, things, "local") == [(step, "key-1")]


def test_where_two_could_be_it_none_is_taken() -> None:
    assert adopt.orphans([begun()], set(), [key(1), key(2)], "local") == []


def test_what_carries_no_tags_is_not_guessed_at() -> None:
    untagged = events.Step(operation="create", urn="urn::k", type=KEY, inputs={})

    assert adopt.orphans([untagged, begun("logs")], set(), [key(1)], "local") == []


GROUP = "aws:ec2/securityGroup:SecurityGroup"


def test_a_group_whose_answer_was_lost_is_found_by_its_name() -> None:
    urn = "urn:pulumi:local::plinth::aws:ec2/securityGroup:SecurityGroup::services"
    failed = run("InvalidGroup.Duplicate: 'plinth-local-services' already exists", urn, GROUP)
    (step,) = adopt.collisions(failed)
    inputs = {"name": "plinth-local-services", "vpcId": "vpc-1"}
    asked = events.Step(operation="create", urn=urn, type=GROUP, inputs=inputs)
    tags = {"plinth:environment": "local"}
    things = [
        Thing(kind="ec2/security-group", id=f"sg-{name}", name="sg", tags=tags, detail={"name": name})
        for name in ("vpc-1 plinth-local-services", "vpc-1 plinth-local-nodes", "vpc-2 plinth-local-services")
    ]

    assert step.urn == urn
    assert adopt.named([step]) == []
    assert adopt.kinds([step]) == {"ec2/security-group"}
    assert adopt.orphans([asked], set(), things, "local") == [(asked, "sg-vpc-1 plinth-local-services")]


def test_an_identity_provider_is_found_by_its_address() -> None:
    kind = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
    urn = f"urn:pulumi:local::plinth::{kind}::workflows"
    (step,) = adopt.collisions(run("CreateOpenIDConnectProvider ... EntityAlreadyExists: Unknown", urn, kind))
    asked = events.Step(operation="create", urn=urn, type=kind, inputs={"url": "https://tokens.example.com"})
    tags = {"plinth:environment": "local"}
    things = [
        Thing(
            kind="iam/oidc-provider",
            id=f"arn:aws:iam::1:oidc-provider/{host}",
            name=host,
            tags=tags,
            detail={"name": f"https://{host}"},
        )
        for host in ("tokens.example.com", "oidc.eks.example.com/id/1")
    ]

    assert step.urn == urn
    assert adopt.kinds([step]) == {"iam/oidc-provider"}
    assert adopt.orphans([asked], set(), things, "local") == [
        (asked, "arn:aws:iam::1:oidc-provider/tokens.example.com")
    ]


def test_what_could_not_be_created_is_remembered_until_a_run_is_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLINTH_HOME", str(tmp_path))
    failed = run("exceeded maximum number of attempts", "urn::data-key", KEY)

    adopt.remember(failed, "local")

    assert adopt.remembered("local") == failed.steps
    assert adopt.remembered("other") == []
    adopt.remember(run("bucket: AccessDenied"), "local")
    assert adopt.remembered("local") == []
