"""What GPU pools need of EC2's quotas: counted, compared with what others leave, refused by number."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.errors import Exit, RefusedError
from infra.gpu_instances import INSTANCES
from infra.ops import preflight
from infra.ops.preflight import quota
from infra.ops.preflight.quota import G_SPOT, P5_SPOT, P_SPOT, Account, G, Limit, P, Running
from infra.settings_foundation import PoolSettings

KINDS = st.sampled_from(sorted(INSTANCES))


def pool(*kinds: str, **of: Any) -> PoolSettings:
    return PoolSettings(instance_types=list(kinds), **of)


def account(limit: int = 0, running: Sequence[Running] = (), asked: int | None = None) -> Account:
    every = (G, G_SPOT, P, P5_SPOT, P_SPOT)
    return Account(limits={one.code: Limit(vcpus=limit, asked=asked) for one in every}, running=running)


def report(rows: list[quota.Row], nowhere: list[str] | None = None) -> preflight.Report:
    return preflight.Report(
        stack="dev", account="111122223333", region="eu-central-1", rows=rows, gaps={}, nowhere=nowhere or []
    )


@pytest.mark.parametrize(
    ("kind", "spot", "expected"),
    [
        ("g5.12xlarge", False, G),
        ("gr6.4xlarge", False, G),
        ("vt1.3xlarge", True, G_SPOT),
        ("p4d.24xlarge", False, P),
        ("p5.48xlarge", False, P),
        ("p4d.24xlarge", True, P_SPOT),
        ("p5en.48xlarge", True, P5_SPOT),
        ("m7i.large", False, None),
    ],
)
def test_each_family_counts_under_its_quota(kind: str, expected: quota.Quota | None, *, spot: bool) -> None:
    assert quota.quota_of(kind, spot=spot) == expected


@given(kind=KINDS, nodes=st.integers(1, 100), capacity=st.sampled_from(["ON_DEMAND", "SPOT"]))
def test_a_pool_needs_the_cpus_of_all_its_nodes_at_its_largest(kind: str, nodes: int, capacity: str) -> None:
    (demand,) = quota.demands({"aa": pool(kind, max_nodes=nodes, capacity=capacity)})

    assert demand.vcpus == INSTANCES[kind].vcpus * nodes
    assert demand.quota == quota.quota_of(kind, spot=capacity == "SPOT")


def test_a_pool_of_several_types_charges_each_quota_with_the_largest_of_its_types() -> None:
    found = quota.demands({"aa": pool("g5.48xlarge", "p4d.24xlarge", "g4dn.xlarge", max_nodes=2)})

    assert {demand.quota: demand.vcpus for demand in found} == {G: 384, P: 192}


@given(limit=st.integers(0, 5000), others=st.integers(0, 50), nodes=st.integers(1, 50), own=st.integers(0, 9))
def test_what_is_missing_is_what_others_and_pools_need_beyond_the_limit(
    limit: int, others: int, nodes: int, own: int
) -> None:
    ours = [Running(kind="g5.12xlarge", vcpus=48, spot=False, pool="gpu-aa")] * own
    theirs = [Running(kind="g4dn.xlarge", vcpus=4, spot=False)] * others
    noise = [
        Running(kind="g5.12xlarge", vcpus=48, spot=True),
        Running(kind="p5.48xlarge", vcpus=192, spot=False),
    ]
    wanted = quota.demands({"aa": pool("g5.12xlarge", max_nodes=nodes)})

    (row,) = quota.judge(wanted, account(limit, [*ours, *theirs, *noise]), region="eu-central-1")

    assert row.others == others * 4, "own instances are in the demand already; other quotas are not this one"
    assert row.missing == max(0, others * 4 + nodes * 48 - limit)
    assert (row.missing == 0) == (row.wanted <= limit)
    assert bool(row.command) == bool(row.missing)
    # With what the command asks for, nothing is missing any more.
    (granted,) = quota.judge(wanted, account(row.wanted, [*ours, *theirs, *noise]), region="eu-central-1")
    assert granted.missing == 0


def test_the_refusal_says_the_number_and_the_command() -> None:
    rows = quota.judge(
        quota.demands({"aa": pool("g5.12xlarge", max_nodes=3), "bb": pool("g5.xlarge", max_nodes=2)}),
        account(64, [Running(kind="g6.xlarge", vcpus=4, spot=False)]),
        region="eu-central-1",
    )

    with pytest.raises(RefusedError) as caught:
        preflight.require(report(rows))

    text = str(caught.value)
    assert caught.value.code == Exit.REFUSED
    assert (
        "92 vCPUs are missing in quota 'Running On-Demand G and VT instances' (L-DB2E81BA): "
        "it has 64, 4 are used by others, the pools take 152 at their largest (aa 144, bb 8)"
    ) in text
    assert (
        "aws service-quotas request-service-quota-increase --service-code ec2 --quota-code L-DB2E81BA "
        "--desired-value 156 --region eu-central-1"
    ) in text
    assert "stacks/Pulumi.dev.yaml" in text


def test_what_was_asked_for_is_not_asked_for_again() -> None:
    wanted = quota.demands({"aa": pool("g5.12xlarge", max_nodes=1)})
    (waiting,) = quota.judge(wanted, account(0, asked=48), region="eu-central-1")
    (too_little,) = quota.judge(wanted, account(0, asked=47), region="eu-central-1")

    assert waiting.missing == 48
    assert waiting.command == ""
    assert "--desired-value 48" in too_little.command
    with pytest.raises(RefusedError, match="a request for 48 is waiting"):
        preflight.require(report([waiting]))


def test_enough_is_not_refused() -> None:
    wanted = quota.demands({"aa": pool("g5.12xlarge", max_nodes=1)})

    preflight.require(report(quota.judge(wanted, account(48), region="eu-central-1")))


ZONES = ("eu-central-1a", "eu-central-1b")


@pytest.mark.parametrize(
    ("offered", "gaps", "nowhere"),
    [
        ({"g5.xlarge": ZONES, "g6.xlarge": ZONES}, {}, []),
        ({"g5.xlarge": ZONES[:1], "g6.xlarge": ZONES}, {"aa": {"g5.xlarge": ["eu-central-1b"]}}, []),
        ({"g6.xlarge": ZONES[:1]}, {"aa": {"g5.xlarge": list(ZONES), "g6.xlarge": ["eu-central-1b"]}}, []),
        ({}, {"aa": {"g5.xlarge": list(ZONES), "g6.xlarge": list(ZONES)}}, ["aa"]),
    ],
)
def test_a_pool_that_no_zone_offers_is_refused_and_gaps_are_told(
    offered: Mapping[str, Sequence[str]], gaps: dict[str, Any], nowhere: list[str]
) -> None:
    has = Account(limits={}, zones={kind: frozenset(zones) for kind, zones in offered.items()})
    pools = {"aa": pool("g5.xlarge", "g6.xlarge")}

    assert quota.unoffered(pools, has, ZONES) == gaps
    assert quota.nowhere(pools, has, ZONES) == nowhere
    if nowhere:
        with pytest.raises(RefusedError, match="no zone of the network offers any type of pool 'aa'"):
            preflight.require(report([], nowhere))


def test_a_report_is_data() -> None:
    rows = quota.judge(
        quota.demands({"aa": pool("g5.12xlarge", max_nodes=1)}), account(0), region="eu-central-1"
    )
    found = report(rows).as_json()

    assert found["ok"] is False
    assert found["quotas"][0]["missing_vcpus"] == 48
    assert found["quotas"][0]["command"] == rows[0].command
