"""The local AWS API has the quotas of GPU instances, and the preflight reads them with boto3."""

from typing import Any

import pytest
import yaml

from infra.errors import RefusedError
from infra.local.paths import repo_root
from infra.ops import account, preflight
from infra.ops.preflight import quota, reading
from infra.settings import Settings

pytestmark = pytest.mark.parts


def test_a_quota_has_a_value_of_the_account_or_the_default_and_grows_when_asked(aws: Any) -> None:
    aws.start()
    quotas = aws.client("service-quotas")

    assert reading.limit(quotas, quota.G.code).vcpus == 128
    assert reading.limit(quotas, quota.P.code).vcpus == 0
    with pytest.raises(quotas.exceptions.NoSuchResourceException):
        quotas.get_service_quota(ServiceCode="ec2", QuotaCode=quota.P.code)

    asked = quotas.request_service_quota_increase(
        ServiceCode="ec2", QuotaCode=quota.P.code, DesiredValue=192
    )["RequestedQuota"]

    assert asked["DesiredValue"] == 192
    assert reading.limit(quotas, quota.P.code) == quota.Limit(vcpus=192, asked=None)
    aws.restart()
    assert reading.limit(quotas, quota.P.code).vcpus == 192, "the journal brings it back"


def test_other_quotas_stay_moto_s_and_unknown_ones_are_not_invented(shared: Any) -> None:
    quotas = shared.client("service-quotas")

    assert quotas.list_aws_default_service_quotas(ServiceCode="vpc")["Quotas"]
    with pytest.raises(quotas.exceptions.NoSuchResourceException):
        reading.limit(quotas, "L-00000000")


def test_running_instances_and_offered_types_are_read(shared: Any) -> None:
    ec2 = shared.client("ec2")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]

    def start(kind: str, **tags: str) -> None:
        named = [{"Key": key.replace("_", ":", 1), "Value": value} for key, value in tags.items()]
        ec2.run_instances(
            ImageId=image,
            InstanceType=kind,
            MinCount=1,
            MaxCount=1,
            TagSpecifications=[{"ResourceType": "instance", "Tags": named}] if named else [],
        )

    start("g5.xlarge")
    start("m7i.large")
    start("g5.12xlarge", **{"eks_cluster-name": "plinth-local", "plinth_pool": "gpu-a10g"})
    start("g5.12xlarge", **{"eks_cluster-name": "another", "plinth_pool": "gpu-a10g"})

    found = sorted(
        reading.running(ec2, cluster="plinth-local", pools=["gpu-a10g"]), key=lambda r: (r.kind, r.pool)
    )
    zones = reading.zones(ec2, ["g5.12xlarge", "z9.xlarge"])

    assert [(one.kind, one.vcpus, one.pool) for one in found] == [
        ("g5.12xlarge", 48, ""),
        ("g5.12xlarge", 48, "gpu-a10g"),
        ("g5.xlarge", 4, ""),
    ]
    assert zones["g5.12xlarge"] == {f"eu-central-1{letter}" for letter in "abc"}
    assert zones["z9.xlarge"] == frozenset()


def test_a_stack_s_account_is_looked_at_and_a_too_small_quota_is_refused_by_number(
    shared: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = account.Account(
        account_id="123456789012",
        region="eu-west-1",  # not the other tests' region, in which instances run
        emulated=True,
        proxy=shared.url,
        authority=str(shared.folder / "aws-ca.crt"),
    )
    monkeypatch.setattr(account.Account, "of", lambda _: local)
    raw = yaml.safe_load((repo_root() / "stacks" / "Pulumi.local.yaml").read_text(encoding="utf-8"))["config"]
    values = {key.removeprefix("plinth:"): value for key, value in raw.items()}
    values["aws"]["region"], values["recovery"] = "eu-west-1", {}

    def report(nodes: int) -> preflight.Report:
        values["gpu"]["pools"]["a10g"] |= {"max_nodes": nodes, "hours_per_month": 10}
        return preflight.look(Settings.parse(values, stack="local", environ={}))

    fits, too_much = report(2), report(5)

    assert fits.ok
    preflight.require(fits)
    with pytest.raises(RefusedError, match="112 vCPUs are missing in quota 'Running On-Demand G and VT"):
        preflight.require(too_much)
    (row,) = too_much.rows
    words = row.command.split()
    local.client("service-quotas").request_service_quota_increase(
        ServiceCode=words[words.index("--service-code") + 1],
        QuotaCode=words[words.index("--quota-code") + 1],
        DesiredValue=float(words[words.index("--desired-value") + 1]),
    )
    assert report(5).ok, "what the command asks for is enough"
