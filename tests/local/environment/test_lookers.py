"""What is changed behind Pulumi's back is named by `verify` and `drift`, and put back by `up --refresh`."""

from typing import Any

import httpx
import pytest
from clones import Clone

from infra.errors import Exit

pytestmark = pytest.mark.local

BUCKET = "plinth-local-artifacts-123456789012-eu-central-1"
MERGE = {"content-type": "application/merge-patch+json"}
ENFORCE, AUDIT = "pod-security.kubernetes.io/enforce", "pod-security.kubernetes.io/audit"


def _meddle(clone: Clone) -> None:
    with clone.aws("s3") as s3, clone.aws("kms") as kms, clone.kubernetes() as api:
        tags = {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"]}
        rows = [{"Key": key, "Value": value} for key, value in (tags | {"plinth:owner": "x"}).items()]
        s3.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": rows})
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})
        key = kms.describe_key(KeyId="alias/plinth-local-data")["KeyMetadata"]["KeyId"]
        kms.disable_key_rotation(KeyId=key)
        serving = "/api/v1/namespaces/serving"
        loosened = api.patch(serving, json={"metadata": {"labels": {ENFORCE: "privileged"}}}, headers=MERGE)
        assert loosened.status_code == httpx.codes.FORBIDDEN
        assert "[namespace-enforces-restricted]" in loosened.text
        for path, body in (
            (serving, {"metadata": {"labels": {AUDIT: "privileged"}}}),
            ("/apis/apps/v1/namespaces/serving/deployments/credit-risk", {"spec": {"replicas": 3}}),
        ):
            api.patch(path, json=body, headers=MERGE).raise_for_status()
        api.delete("/apis/networking.k8s.io/v1/namespaces/gateway/networkpolicies/default-deny")


def _broken(told: Any) -> dict[str, Any]:
    return {row["id"]: row["why"] for row in told["findings"] if row["verdict"] == "broken"}


def test_what_is_changed_outside_is_named_and_put_back(settled: Clone) -> None:
    kept = settled.plinth("verify", "--json").ended(Exit.OK).json
    assert (kept["counts"]["broken"], kept["counts"]["kept"]) == (0, len(kept["findings"]) - 1)
    (unseen,) = (row for row in kept["findings"] if row["verdict"] == "cannot be seen here")
    assert unseen["id"] == "records-and-backups-arrive"
    settled.plinth("drift").ended(Exit.OK, "Everything is as the program left it.")

    _meddle(settled)

    broken = _broken(settled.plinth("verify", "--json").ended(Exit.DIFFERS).json)
    assert set(broken) == {
        "bucket-keeps-versions", "everything-carries-allocation-tags", "key-of-each-class-rotates",
        "namespaces-restricted", "namespaces-deny-by-default",
    }  # fmt: skip
    assert broken["bucket-keeps-versions"] == [f"{BUCKET}: versioning is 'Suspended', promised 'Enabled'"]

    told = settled.plinth("drift", "--json").ended(Exit.DIFFERS).json
    found = {
        (row["name"], one["path"]): (one["was"], one["now"])
        for row in told["resources"]
        for one in row["differences"]
    }
    assert found == {
        ("artifacts", 'tags["plinth:owner"]'): ("you", "x"),
        ("artifacts-versioning", "versioningConfiguration.status"): ("Enabled", "Suspended"),
        ("data-key", "enableKeyRotation"): (True, False),
        ("serving-namespace", f'metadata.labels["{AUDIT}"]'): ("restricted", "privileged"),
        ("credit-risk", "spec.replicas"): (2, 3),
    }
    assert [row["name"] for row in told["resources"] if row["gone"]] == ["gateway-namespace-default-deny"]

    back = settled.plinth("up", "--refresh", "--json").ended(Exit.OK).json
    assert back["changes"] == {"create": 1, "update": 5}
    settled.plinth("drift").ended(Exit.OK, "Everything is as the program left it.")
    assert _broken(settled.plinth("verify", "--json").ended(Exit.OK).json) == {}
