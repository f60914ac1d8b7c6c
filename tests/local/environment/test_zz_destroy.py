"""The end of the environment: nothing is left but what retention holds, asked of both APIs.

Named so that it comes last: what comes after it would have to bring the environment up again.
"""

from typing import Any

import pytest
from clones import Clone

from infra.errors import Exit

pytestmark = [
    pytest.mark.local,
    # Two teardowns of everything, and the `up` before them where this file runs alone.
    pytest.mark.timeout(2400),
]
LONG = 1200
"""Seconds for a teardown: the provider waits minutes for each queue to be gone, and machines are busy."""

DECISIONS = "plinth-local-decisions-123456789012-eu-central-1"
COPY = "plinth-local-decisions-replica-123456789012-eu-west-1"
"""Records are copied as they are written, and the copies are locked for as long."""
FROM_THE_START = {"default", "kube-node-lease", "kube-public", "kube-system"}
PLANTED = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
KEYS = 19
"""Keys of the local stack, of both regions."""


def _unexplained(told: Any) -> list[tuple[str, str]]:
    return [(row["kind"], row["name"]) for row in told["left"] if not row["by_retention"]]


def test_a_destroyed_environment_leaves_what_retention_holds_and_nothing_else(settled: Clone) -> None:
    with settled.aws("s3") as s3, settled.aws("sqs") as sqs, settled.kubernetes() as api:
        s3.put_object(Bucket=DECISIONS, Key="decision", Body=b"a record that nobody may remove")
        queue = sqs.create_queue(QueueName="planted")["QueueUrl"]
        api.post(PLANTED, json={"metadata": {"name": "planted"}}).raise_for_status()

        settled.plinth("destroy").ended(Exit.REFUSED, "Nobody said yes: nothing was touched")
        told = settled.plinth("destroy", "--yes", "--json", patience=LONG).ended(Exit.DIFFERS).json

        assert told["errors"] == []
        assert told["unseen"] == {}
        assert "dynamodb/table plinth-local-model-registry" in told["lifted"]
        assert _unexplained(told) == [("sqs/queue", "planted"), ("kubernetes/clusterrole", "planted")]

        sqs.delete_queue(QueueUrl=queue)
        api.delete(f"{PLANTED}/planted").raise_for_status()
        done = settled.plinth("destroy", "--yes", "--json", patience=LONG).ended(Exit.OK).json

        assert _unexplained(done) == []
        left = {(row["kind"], row["name"].split(" ")[0]): row for row in done["left"]}
        waiting = [row for row in done["left"] if row["why"] == "waits for its deletion"]
        assert left["s3/bucket", DECISIONS]["why"].startswith("Object Lock holds")
        assert left["kms/key", "decisions"]["why"] == "decrypts what is kept"
        assert left["kms/key", "decisions"]["until"] == left["s3/bucket", DECISIONS]["until"] != ""
        assert left["s3/bucket", COPY]["by_retention"]
        assert left["kms/key", "decisions-replica"]["why"] == "decrypts what is kept"
        assert len(waiting) == KEYS - 2
        assert all(row["until"] for row in waiting)
        assert len(done["left"]) == KEYS + 2 + 1, "and the account's public access block, for the buckets"
        names = {space["metadata"]["name"] for space in api.get("/api/v1/namespaces").json()["items"]}
        buckets = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
        records = {version["Key"] for version in s3.list_object_versions(Bucket=DECISIONS)["Versions"]}
        lock = s3.get_object_lock_configuration(Bucket=DECISIONS)["ObjectLockConfiguration"]["Rule"]
        closed = s3.get_public_access_block(Bucket=DECISIONS)["PublicAccessBlockConfiguration"]
        policy = s3.get_bucket_policy(Bucket=DECISIONS)["Policy"]

    assert set(buckets) == {DECISIONS, COPY}
    assert "decision" in records
    assert lock["DefaultRetention"]["Mode"] == "COMPLIANCE"
    assert set(closed.values()) == {True}
    assert "aws:SecureTransport" in policy, "what stays keeps its guards"
    assert names == FROM_THE_START
    with settled.aws("iam") as iam, settled.aws("ec2") as ec2, settled.aws("eks") as eks:
        assert iam.list_roles()["Roles"] == []
        assert [vpc for vpc in ec2.describe_vpcs()["Vpcs"] if not vpc["IsDefault"]] == []
        assert eks.list_clusters()["clusters"] == []
