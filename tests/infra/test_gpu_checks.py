"""GPU pools: known types, GPUs divided as they can be, a price that fits into the budget."""

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import moto
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import gpu_checks
from infra.errors import SettingsError
from infra.gpu_instances import INSTANCES, MIG_PROFILES, SHARED, WHOLE, offer
from infra.prices import sheet
from infra.settings import Settings
from infra.settings_foundation import GpuSettings, PoolSettings
from infra.settings_operations import CostSettings


def pools(**of: Any) -> GpuSettings:
    return GpuSettings(pools={"aa": PoolSettings(**of)}, quota=0)


def said(raw: dict[str, Any], gpu: dict[str, Any], **cost: Any) -> str:
    raw["gpu"], raw["cost"] = gpu, {"monthly_budget_usd": 1_000_000, **cost}
    with pytest.raises(SettingsError) as caught:
        Settings.parse(raw, stack="local", environ={})
    return str(caught.value)


def test_the_table_of_instances_is_what_ec2_says() -> None:
    path = Path(moto.__file__).parent / "ec2" / "resources" / "instance_types.json.gz"
    described = json.loads(gzip.decompress(path.read_bytes()))
    for kind, instance in INSTANCES.items():
        (gpu,) = described[kind]["GpuInfo"]["Gpus"]

        assert instance.vcpus == described[kind]["VCpuInfo"]["DefaultVCpus"], kind
        assert (instance.gpus, instance.model.split()[0]) == (gpu["Count"], gpu["Name"]), kind
        assert described[kind]["ProcessorInfo"]["SupportedArchitectures"] == ["x86_64"], kind


def test_every_known_type_has_a_price() -> None:
    assert [k for k in INSTANCES if sheet().price("ec2", "us-east-1", k, unit="hour") is None] == []


@pytest.mark.parametrize(
    ("kind", "slices", "profile", "resource", "units"),
    [
        ("g5.12xlarge", 1, "", WHOLE, 4),
        ("g5.12xlarge", 3, "", SHARED, 12),
        ("p4d.24xlarge", 1, "1g.5gb", "nvidia.com/mig-1g.5gb", 56),
        ("p5.48xlarge", 1, "7g.80gb", "nvidia.com/mig-7g.80gb", 8),
    ],
)
def test_how_gpus_are_divided_decides_what_pods_ask_for(
    kind: str, slices: int, profile: str, resource: str, units: int
) -> None:
    found = offer(kind, time_slices=slices, mig_profile=profile)

    assert (found.resource, found.units) == (resource, units)


@given(
    kind=st.sampled_from(sorted(INSTANCES)),
    nodes=st.integers(1, 100),
    slices=st.integers(1, 16),
)
def test_pools_offer_their_gpus_times_slices_times_nodes(kind: str, nodes: int, slices: int) -> None:
    found = gpu_checks.offers(pools(instance_types=[kind], max_nodes=nodes, time_slices=slices))

    assert list(found.values()) == [INSTANCES[kind].gpus * nodes * slices]
    assert set(found) == {SHARED if slices > 1 else WHOLE}


@given(
    kind=st.sampled_from(sorted(INSTANCES)),
    profile=st.sampled_from(sorted({name for of in MIG_PROFILES.values() for name in of})),
    slices=st.integers(1, 4),
)
def test_a_profile_is_accepted_exactly_where_the_gpu_has_it_and_alone(
    kind: str, profile: str, slices: int
) -> None:
    wanted = pools(instance_types=[kind], mig_profile=profile, time_slices=slices)
    known = profile in MIG_PROFILES.get(INSTANCES[kind].model, {})

    assert (not list(gpu_checks.pools(wanted))) == (known and slices == 1)


@given(
    kind=st.sampled_from(sorted(INSTANCES)),
    nodes=st.integers(1, 100),
    hours=st.integers(1, 730),
    budget=st.integers(1, 10_000_000),
)
def test_a_pool_is_refused_exactly_when_it_costs_more_than_the_budget(
    kind: str, nodes: int, hours: int, budget: int
) -> None:
    wanted = pools(instance_types=[kind], max_nodes=nodes, hours_per_month=hours)
    price = sheet().price("ec2", "eu-central-1", kind, unit="hour")
    assert price is not None

    found = list(
        gpu_checks.cost(
            wanted, CostSettings(monthly_budget_usd=budget, stop_percent=0), region="eu-central-1"
        )
    )

    assert bool(found) == (price.usd * nodes * hours > budget)
    assert all(line.startswith("plinth:gpu.pools.aa.max_nodes: ") for line in found)


def test_the_refusal_says_key_value_reason_and_what_would_fit(raw_settings: dict[str, Any]) -> None:
    text = said(raw_settings, {"pools": {"aa": {"instance_types": ["g5.12xlarge"]}}}, monthly_budget_usd=1000)

    assert "1 mistake in the settings" in text
    assert (
        "plinth:gpu.pools.aa.max_nodes: 2 is not allowed: "
        "2 x g5.12xlarge for 730 hours are 10356 USD a month "
        "(7.09282 USD per hour in eu-central-1, 2026-11-21), more than cost.monthly_budget_usd (1000); "
        "hours_per_month: 70 would fit, or a budget of 10356"
    ) in text
    assert Decimal("7.09282") * 2 * 70 <= 1000


def test_pools_that_fit_one_by_one_may_not_fit_together(raw_settings: dict[str, Any]) -> None:
    pool = {"instance_types": ["g5.12xlarge"], "hours_per_month": 60}

    text = said(raw_settings, {"pools": {"aa": pool, "bb": pool}}, monthly_budget_usd=1000)

    assert 'plinth:gpu.pools: ["aa", "bb"] is not allowed: cost 1704 USD a month together' in text


@pytest.mark.parametrize(
    ("pool", "key", "reason"),
    [
        ({"mig_profile": "1g.5gb", "time_slices": 2}, "mig_profile", "choose one of the two"),
        ({"mig_profile": "1g.5gb", "instance_types": ["g5.xlarge"]}, "mig_profile", "A10G has no MIG"),
        ({"mig_profile": "1g.6gb"}, "mig_profile", "not of A100; it has 1g.5gb, 1g.10gb"),
        ({"mig_profile": "large"}, "mig_profile", "String should match pattern"),
        ({"time_slices": 0}, "time_slices", "greater than or equal to 1"),
        ({"time_slices": 17}, "time_slices", "less than or equal to 16"),
        ({"instance_types": ["p9.large"]}, "instance_types", "not a known GPU type"),
    ],
)
def test_gpus_divided_as_they_cannot_be_are_refused(
    raw_settings: dict[str, Any], pool: dict[str, Any], key: str, reason: str
) -> None:
    text = said(raw_settings, {"pools": {"aa": {"instance_types": ["p4d.24xlarge"], **pool}}, "quota": 0})

    assert f"plinth:gpu.pools.aa.{key}" in text
    assert reason in text


def test_images_are_pinned_or_refused(raw_settings: dict[str, Any]) -> None:
    text = said(raw_settings, {"device_plugin_image": "nvcr.io/nvidia/k8s-device-plugin:v0.17.2"})

    assert "plinth:gpu.device_plugin_image" in text
