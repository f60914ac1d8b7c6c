"""Down and up again: what was stopped is gone, what was kept comes back."""

import socket
from typing import Any

import pytest
from clones import Clone

from infra.errors import Exit

pytestmark = pytest.mark.faults


def _kept(clone: Clone) -> dict[str, Any]:
    """Return what must be the same after a pause: keys, objects, objects of the cluster, state."""
    with clone.aws("kms") as kms, clone.aws("s3") as s3, clone.kubernetes() as api:
        versions = s3.list_object_versions(Bucket="kept")["Versions"]
        return {
            "keys": sorted(key["KeyId"] for key in kms.list_keys()["Keys"]),
            "objects": [(v["Key"], v["VersionId"], v["ETag"], v["IsLatest"]) for v in versions],
            "content": s3.get_object(Bucket="kept", Key="model")["Body"].read(),
            "deployment": api.get("/apis/apps/v1/namespaces/serving/deployments/credit-risk").json()[
                "metadata"
            ]["uid"],
            "state": clone.resources(),
        }


def test_down_stops_everything_and_up_brings_it_back_as_it_was(settled: Clone) -> None:
    with settled.aws("s3") as s3:
        s3.create_bucket(Bucket="kept", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
        for body in (b"first", b"second"):
            s3.put_object(Bucket="kept", Key="model", Body=body)
    before = _kept(settled)
    digest = settled.plinth("predict", "--json").ended(Exit.OK).json["model_digest"]
    ports = [part["port"] for part in settled.platform()["parts"].values() if part["port"]]

    settled.plinth("down").ended(Exit.OK, "Stopped. ./plinth up brings it back as it was")

    assert settled.processes() == []
    for port in ports:
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
    settled.plinth("status").ended(Exit.FAILED, "the local platform is down: ./plinth up")
    settled.plinth("predict").ended(Exit.FAILED, "./plinth up")
    settled.plinth("down").ended(Exit.OK)

    told = settled.plinth("up", "--json").ended(Exit.OK).json

    assert told["changes"] == {}
    assert told["status"]["healthy"]
    assert _kept(settled) == before
    assert before["content"] == b"second"
    assert settled.plinth("predict", "--json").ended(Exit.OK).json["model_digest"] == digest
