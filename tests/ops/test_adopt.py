"""What a cut-off run left behind is taken into the state, and nothing of anybody else's."""

import json

from infra.ops import adopt, events

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

    file = adopt.import_file(found)

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
    assert adopt.collisions(run("AlreadyExistsException", type_="aws:iam/policy:Policy")) == []
