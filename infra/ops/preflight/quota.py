"""What GPU pools need of an account's quotas and zones, compared with what it has. Pure.

EC2 counts virtual CPUs: one quota for all G and VT instances of an account and region, one for P, and others
for spot. The codes are those of Service Quotas; SkyPilot's catalog and other public lists agree on each of
them (read 2026-11-21), and for P6 on spot one list only.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from infra.gpu_instances import INSTANCES
from infra.settings_foundation import PoolSettings


@dataclass(frozen=True, order=True)
class Quota:
    """One quota of EC2.

    Args:
        code: Its code in Service Quotas.
        name: Its name there.
    """

    code: str
    name: str


G = Quota("L-DB2E81BA", "Running On-Demand G and VT instances")
P = Quota("L-417A185B", "Running On-Demand P instances")
G_SPOT = Quota("L-3819A6DF", "All G and VT Spot Instance Requests")
P_SPOT = Quota("L-7212CCBC", "All P4, P3 and P2 Spot Instance Requests")
P5_SPOT = Quota("L-C4BD4855", "All P5 Spot Instance Requests")


def quota_of(kind: str, *, spot: bool) -> Quota | None:
    """Return the quota under which an instance counts; None when it is neither G, VT nor P."""
    family = kind.partition(".")[0]
    if family.startswith(("g", "vt")):
        return G_SPOT if spot else G
    if not family.startswith("p"):
        return None
    if not spot:
        return P
    return P5_SPOT if family.startswith(("p5", "p6")) else P_SPOT


@dataclass(frozen=True, kw_only=True)
class Running:
    """An instance that runs in the account now.

    Args:
        kind: Its type.
        vcpus: Its virtual CPUs.
        spot: Whether it is a spot instance.
        pool: GPU pool of this stack to which it belongs; empty when it is somebody else's.
    """

    kind: str
    vcpus: int
    spot: bool
    pool: str = ""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What an account has of a quota.

    Args:
        vcpus: The quota's value.
        asked: A larger value that was asked for and is not yet granted; None when there is no request.
    """

    vcpus: int
    asked: int | None = None


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What the pools of a stack need of one quota at their largest.

    Args:
        quota: The quota.
        pools: Pool to its virtual CPUs.
    """

    quota: Quota
    pools: Mapping[str, int]

    @property
    def vcpus(self) -> int:
        """Virtual CPUs of all pools together."""
        return sum(self.pools.values())


@dataclass(frozen=True, kw_only=True)
class Account:
    """What was read of an account.

    Args:
        limits: Quota code to what the account has.
        running: Instances that count under one of the quotas.
        zones: Instance type to the zones in which it is offered.
    """

    limits: Mapping[str, Limit]
    running: Sequence[Running] = ()
    zones: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A quota, judged.

    Args:
        quota: The quota.
        limit: What the account has, in virtual CPUs.
        others: What runs beside the pools of this stack.
        needed: What the pools take at their largest.
        pools: Pool to its share of that.
        asked: A value that was asked for and is not yet granted.
        region: Region of all this.
    """

    quota: Quota
    limit: int
    others: int
    needed: int
    pools: Mapping[str, int]
    asked: int | None
    region: str

    @property
    def wanted(self) -> int:
        """The value that would do."""
        return self.others + self.needed

    @property
    def missing(self) -> int:
        """Virtual CPUs that are missing; 0 when there are enough."""
        return max(0, self.wanted - self.limit)

    @property
    def command(self) -> str:
        """The command that asks for what is missing; empty when nothing is, or it has been asked for."""
        if not self.missing or (self.asked or 0) >= self.wanted:
            return ""
        return (
            "aws service-quotas request-service-quota-increase --service-code ec2 "
            f"--quota-code {self.quota.code} --desired-value {self.wanted} --region {self.region}"
        )


def demands(pools: Mapping[str, PoolSettings]) -> list[Demand]:
    """Return what pools need at their largest, by quota.

    A pool with several types takes whichever it gets, so each quota is charged with the largest of its types.
    """
    found: dict[Quota, dict[str, int]] = {}
    for name, pool in sorted(pools.items()):
        for kind in pool.instance_types:
            quota = quota_of(kind, spot=pool.capacity == "SPOT")
            if quota is not None:
                shares = found.setdefault(quota, {})
                shares[name] = max(shares.get(name, 0), INSTANCES[kind].vcpus * pool.max_nodes)
    return [Demand(quota=quota, pools=shares) for quota, shares in sorted(found.items())]


def judge(wanted: Iterable[Demand], account: Account, *, region: str) -> list[Row]:
    """Compare what is needed with what the account has; what others run stays theirs."""
    rows = []
    for demand in wanted:
        limit = account.limits[demand.quota.code]
        others = sum(
            one.vcpus
            for one in account.running
            if not one.pool and quota_of(one.kind, spot=one.spot) == demand.quota
        )
        rows.append(
            Row(
                quota=demand.quota,
                limit=limit.vcpus,
                others=others,
                needed=demand.vcpus,
                pools=demand.pools,
                asked=limit.asked,
                region=region,
            )
        )
    return rows


def unoffered(
    pools: Mapping[str, PoolSettings], account: Account, zones: Sequence[str]
) -> dict[str, dict[str, list[str]]]:
    """Return pool to type to the zones of the network that do not have it; empty when all have all."""
    found: dict[str, dict[str, list[str]]] = {}
    for name, pool in sorted(pools.items()):
        for kind in pool.instance_types:
            gaps = [zone for zone in zones if zone not in account.zones.get(kind, frozenset())]
            if gaps:
                found.setdefault(name, {})[kind] = gaps
    return found


def nowhere(pools: Mapping[str, PoolSettings], account: Account, zones: Sequence[str]) -> list[str]:
    """Return the pools of which no type is offered in any zone of the network, so that they cannot start."""
    gaps = unoffered(pools, account, zones)
    return [
        name
        for name, pool in sorted(pools.items())
        if all(len(gaps.get(name, {}).get(kind, [])) == len(zones) for kind in pool.instance_types)
    ]
