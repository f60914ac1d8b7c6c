"""What a month costs: each resource times the dated price sheet and the stated usage.

An estimate at list prices, without tax and discounts. Every number is quantity times price, and says
which row of ``infra/prices.yaml`` and which amount of ``infra/usage.yaml`` it comes from.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from infra.preview.values import at, holds_unknown
from infra.prices import HOURS_PER_MONTH, Price, Sheet, sheet

USAGE_FILE = Path(__file__).resolve().parents[1] / "usage.yaml"
CENT = Decimal("0.01")


@dataclass(frozen=True, kw_only=True)
class Item:
    """A resource as far as its price needs it."""

    type: str
    name: str
    part: str
    inputs: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Line:
    """One thing that is paid for.

    Args:
        part: Outermost component that it belongs to.
        name: Resource.
        what: What is paid.
        quantity: How much of it in a month.
        price: What one unit costs; None when the sheet has no row, which is said and not hidden.
        because: Where the quantity comes from.
    """

    part: str
    name: str
    what: str
    quantity: Decimal
    price: Price | None
    because: str

    @property
    def usd(self) -> Decimal:
        """Return US dollars for a month."""
        return (self.quantity * self.price.usd).quantize(CENT) if self.price else Decimal(0)


@dataclass(frozen=True, kw_only=True)
class Usage:
    """The stated usage of one environment."""

    amounts: Mapping[str, tuple[Decimal, str]]
    share: Decimal
    share_reason: str
    fixed: frozenset[str] = frozenset({"burst-node-hours", "balancer-units"})

    def of(self, name: str) -> tuple[Decimal, str]:
        """Return an amount with its reason."""
        amount, why = self.amounts[name]
        if name in self.fixed:
            return amount, f"{name} {amount:f}: {why}"
        return amount * self.share, f"{name} {amount:f} x {self.share:f}: {why}"


@lru_cache(maxsize=8)
def usage(environment: str, path: Path = USAGE_FILE) -> Usage:
    """Return the usage of an environment; one that is not named is reckoned as production."""
    document = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    share = document["share"].get(environment, document["share"]["prod"])
    return Usage(
        amounts={
            name: (Decimal(str(row["amount"])), row["why"]) for name, row in document["amounts"].items()
        },
        share=Decimal(str(share["part"])),
        share_reason=share["why"],
    )


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where something is bought, and what is known around it."""

    region: str
    usage: Usage
    prices: Sheet
    disks: Mapping[str, Decimal]

    def line(
        self, item: Item, what: str, bought: tuple[str, str, str], *, quantity: Decimal, because: str
    ) -> Line:
        """Return a line, priced from the sheet: ``bought`` is service, type and unit of its row."""
        service, kind, unit = bought
        price = self.prices.price(service, self.region, kind, unit=unit)
        return Line(
            part=item.part, name=item.name, what=what, quantity=quantity, price=price, because=because
        )

    def used(self, item: Item, what: str, bought: tuple[str, str, str], amount: str) -> Line:
        """Return a line whose quantity is a stated usage."""
        quantity, because = self.usage.of(amount)
        return self.line(item, what, bought, quantity=quantity, because=because)


def estimate(
    items: Iterable[Item], *, region: str, environment: str, prices: Sheet | None = None
) -> list[Line]:
    """Return what a month of some resources costs, by part and resource.

    Args:
        items: The resources.
        region: Region whose prices hold; copies in the recovery region are reckoned at the same prices.
        environment: Whose usage holds.
        prices: The sheet; the project's when left out.
    """
    known = list(items)
    place = Place(
        region=region,
        usage=usage(environment),
        prices=prices or sheet(),
        disks={
            item.part: Decimal(str(size))
            for item in known
            if item.type == "aws:ec2/launchTemplate:LaunchTemplate"
            and isinstance(size := at(item.inputs, "blockDeviceMappings.ebs.volumeSize"), int | float)
        },
    )
    lines = [line for item in known for line in _RULES.get(item.type, _free)(item, place)]
    return sorted(lines, key=lambda line: (line.part, line.name, line.what))


def total(lines: Iterable[Line]) -> Decimal:
    """Return the sum in US dollars for a month."""
    return sum((line.usd for line in lines), Decimal(0))


def unpriced(lines: Iterable[Line]) -> list[Line]:
    """Return the lines for which the sheet has no row: the sum is too low by these."""
    return [line for line in lines if line.price is None and line.quantity]


def by_part(lines: Iterable[Line]) -> dict[str, Decimal]:
    """Return part to US dollars for a month, the dearest first."""
    sums: dict[str, Decimal] = {}
    for line in lines:
        sums[line.part] = sums.get(line.part, Decimal(0)) + line.usd
    return dict(sorted(sums.items(), key=lambda pair: (-pair[1], pair[0])))


Rule = Callable[[Item, Place], Iterator[Line]]


def _free(_: Item, __: Place) -> Iterator[Line]:
    return iter(())


def _hours(what: str, service: str, kind: str) -> Rule:
    def rule(item: Item, place: Place) -> Iterator[Line]:
        bought = (service, kind, "hour")
        yield place.line(
            item, what, bought, quantity=Decimal(HOURS_PER_MONTH), because="all hours of a month"
        )

    return rule


def _uses(*rows: tuple[str, str, str, str, str]) -> Rule:
    def rule(item: Item, place: Place) -> Iterator[Line]:
        for what, service, kind, unit, amount in rows:
            yield place.used(item, what, (service, kind, unit), amount)

    return rule


def _key(item: Item, place: Place) -> Iterator[Line]:
    yield place.line(item, "key", ("kms", "key", "month"), quantity=Decimal(1), because="one key")
    yield place.used(item, "requests", ("kms", "requests", "10,000 requests"), "key-requests")


def _endpoint(item: Item, place: Place) -> Iterator[Line]:
    if item.inputs.get("vpcEndpointType") != "Interface":
        return
    subnets = item.inputs.get("subnetIds")
    count = len(subnets) if isinstance(subnets, list) and subnets else 1
    yield place.line(
        item,
        "endpoint in each zone",
        ("vpc", "interface-endpoint", "hour"),
        quantity=Decimal(HOURS_PER_MONTH * count),
        because=f"{count} zones, all hours of a month",
    )
    yield place.used(item, "data through it", ("vpc", "interface-endpoint", "GB"), "endpoint-gb")


def _nat(item: Item, place: Place) -> Iterator[Line]:
    yield from _hours("NAT gateway", "vpc", "nat-gateway")(item, place)
    yield place.used(item, "data through it", ("vpc", "nat-gateway", "GB"), "nat-gb")


def _balancer(item: Item, place: Place) -> Iterator[Line]:
    yield from _hours("load balancer that the gateway controller makes", "elb", "network")(item, place)
    yield place.used(item, "capacity", ("elb", "network", "capacity-unit hour"), "balancer-units")


def _nodes(item: Item, place: Place) -> Iterator[Line]:
    scaling = item.inputs.get("scalingConfig") or {}
    smallest, largest = (_number(scaling.get(key)) for key in ("minSize", "maxSize"))
    types = item.inputs.get("instanceTypes") or []
    kind = str(types[0]) if types and not holds_unknown(types[0]) else "unknown"
    spot = item.inputs.get("capacityType") == "SPOT"
    price = (
        place.prices.spot(place.region, kind)
        if spot
        else place.prices.price("ec2", place.region, kind, unit="hour")
    )
    hours = smallest * HOURS_PER_MONTH
    because = f"{smallest:f} nodes always"
    if largest > smallest:
        extra, why = place.usage.of("burst-node-hours")
        hours += extra
        because += f"; may grow to {largest:f}: {why}"
    what = f"{kind}{' (spot)' if spot else ''}"
    yield Line(part=item.part, name=item.name, what=what, quantity=hours, price=price, because=because)
    disk = place.disks.get(item.part)
    if disk:
        quantity = (disk * hours / HOURS_PER_MONTH).quantize(CENT)
        yield place.line(
            item,
            "disks of nodes",
            ("ebs", "gp3", "GB-month"),
            quantity=quantity,
            because=f"{disk:f} GB for each node hour above",
        )


def _guard(item: Item, place: Place) -> Iterator[Line]:
    rows = {
        "EKS_AUDIT_LOGS": ("eks-audit", "million events"),
        "S3_DATA_EVENTS": ("s3-events", "million events"),
        "RUNTIME_MONITORING": ("runtime", "vCPU-month"),
        "EBS_MALWARE_PROTECTION": ("malware", "GB"),
    }
    if str(item.inputs.get("name")) in rows:
        kind, unit = rows[str(item.inputs["name"])]
        what = str(item.inputs["name"]).lower().replace("_", " ")
        yield place.used(item, what, ("guardduty", kind, unit), "guard-feature")


def _number(value: Any) -> Decimal:
    return (
        Decimal(str(value)).normalize()
        if isinstance(value, int | float) and not isinstance(value, bool)
        else Decimal(0)
    )


_RULES: Mapping[str, Rule] = {
    "aws:eks/cluster:Cluster": _hours("control plane, standard support", "eks", "cluster"),
    "aws:eks/nodeGroup:NodeGroup": _nodes,
    "aws:ec2/vpcEndpoint:VpcEndpoint": _endpoint,
    "aws:ec2/natGateway:NatGateway": _nat,
    "aws:kms/key:Key": _key,
    "aws:s3/bucket:Bucket": _uses(
        ("storage", "s3", "standard", "GB-month", "bucket-gb"),
        ("writes", "s3", "requests-put", "1,000 requests", "bucket-writes"),
    ),
    "aws:s3/bucketReplicationConfig:BucketReplicationConfig": _uses(
        ("copies", "s3", "replication", "GB", "copy-gb")
    ),
    "aws:dynamodb/table:Table": _uses(
        ("storage", "dynamodb", "storage", "GB-month", "table-gb"),
        ("winding back", "dynamodb", "point-in-time", "GB-month", "table-gb"),
        ("reads", "dynamodb", "reads", "million requests", "table-reads"),
        ("writes", "dynamodb", "writes", "million requests", "table-writes"),
    ),
    "aws:cloudwatch/logGroup:LogGroup": _uses(
        ("taking in", "logs", "ingestion", "GB", "log-gb"),
        ("keeping", "logs", "storage", "GB-month", "log-gb"),
    ),
    "aws:cloudtrail/trail:Trail": _uses(
        ("data events", "cloudtrail", "data-events", "100,000 events", "trail-events")
    ),
    "aws:cfg/recorder:Recorder": _uses(("recorded items", "config", "items", "item", "config-items")),
    "aws:guardduty/detector:Detector": _uses(
        ("management events", "guardduty", "management-events", "million events", "guard-events")
    ),
    "aws:guardduty/detectorFeature:DetectorFeature": _guard,
    "aws:securityhub/account:Account": _uses(("checks", "securityhub", "checks", "check", "posture-checks")),
    "aws:backup/selection:Selection": _uses(
        ("backups", "backup", "warm", "GB-month", "backup-gb"), ("copies", "backup", "copy", "GB", "copy-gb")
    ),
    "aws:ecr/repository:Repository": _uses(("images", "ecr", "storage", "GB-month", "image-gb")),
    "aws:sns/topic:Topic": _uses(("messages", "sns", "requests", "million requests", "messages")),
    "aws:sqs/queue:Queue": _uses(("requests", "sqs", "requests", "million requests", "queue-requests")),
    "aws:athena/workgroup:Workgroup": _uses(("queries", "athena", "scanned", "TB", "scanned-tb")),
    "kubernetes:gateway.networking.k8s.io/v1:Gateway": _balancer,
}
"""Type to what is paid for it; every other type in use costs nothing by itself."""
