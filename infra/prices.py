"""What things cost: the one home of prices, read from ``prices.yaml`` beside it. Pure.

Prices are list prices with a date and a source. They serve checks and estimates; the bill is AWS's.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

HOURS_PER_MONTH = 730
"""Hours of an average month: 365.25 days times 24 hours, by 12; AWS's calculator takes the same."""
REFERENCE_REGION = "us-east-1"
"""Region in which every type has a row; others are reckoned from it where they have none."""
_FILE = Path(__file__).with_name("prices.yaml")


@dataclass(frozen=True, kw_only=True)
class Price:
    """What one unit costs.

    Args:
        service: Service as AWS names it in ARNs, such as ``ec2``.
        region: Region for which it holds.
        type: What is bought, such as ``g5.12xlarge``.
        unit: What the price is for, such as ``hour``.
        usd: US dollars for one unit.
        date: Day on which the source was made or read.
        source: Where it comes from.
        estimated: True when the region has no row and the price was reckoned from ``us-east-1``.
    """

    service: str
    region: str
    type: str
    unit: str
    usd: Decimal
    date: dt.date
    source: str
    estimated: bool = False

    def told(self) -> str:
        """Return the price with what a reader must know of it."""
        about = "about " if self.estimated else ""
        return (
            f"{about}{self.usd.normalize():f} USD per {self.unit} in {self.region}, {self.date.isoformat()}"
        )


class Sheet:
    """All known prices.

    Args:
        document: Content of ``prices.yaml``.

    Raises:
        ValueError: A row is incomplete, names no known source, or says the same thing twice.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        """Read every row."""
        sources = document["sources"]
        self._factors = {
            service: {region: Decimal(str(factor)) for region, factor in by_region.items()}
            for service, by_region in document["factors"].items()
            if service != "source"
        }
        spot = document.get("spot", {})
        self._spot = {family: Decimal(str(share)) for family, share in spot.items() if family != "source"}
        self._spot_source = sources[spot["source"]] if spot else {}
        self._rows: dict[tuple[str, str, str, str], Price] = {}
        for row in document["rows"]:
            service, region, kind, unit, usd, source = row
            key = (service, region, kind, unit)
            if source not in sources:
                raise ValueError(f"price {key} names an unknown source '{source}'")
            if key in self._rows:
                raise ValueError(f"price {key} stands there twice")
            self._rows[key] = Price(
                service=service,
                region=region,
                type=kind,
                unit=unit,
                usd=Decimal(str(usd)),
                date=sources[source]["date"],
                source=" ".join(sources[source]["what"].split()),
            )

    def rows(self) -> list[Price]:
        """Return every price that has a row."""
        return list(self._rows.values())

    def price(self, service: str, region: str, kind: str, *, unit: str) -> Price | None:
        """Return what a unit costs, reckoned from the reference region where the region has no row.

        Returns:
            The price; None when the type has no row at all. In a region without a factor it is the
            reference region's, marked as estimated: few regions are cheaper.
        """
        exact = self._rows.get((service, region, kind, unit))
        if exact is not None:
            return exact
        found = self._rows.get((service, REFERENCE_REGION, kind, unit))
        if found is None:
            return None
        factor = self._factors.get(service, {}).get(region, Decimal(1))
        return Price(
            service=service,
            region=region,
            type=kind,
            unit=unit,
            usd=(found.usd * factor).quantize(Decimal("0.000001")),
            date=found.date,
            source=found.source,
            estimated=True,
        )

    def spot(self, region: str, kind: str) -> Price | None:
        """Return what an hour of spot capacity usually costs; None when type or family are not known."""
        found, share = self.price("ec2", region, kind, unit="hour"), self._spot.get(kind.partition(".")[0])
        if found is None or share is None:
            return None
        return Price(
            service="ec2",
            region=region,
            type=kind,
            unit="spot hour",
            usd=(found.usd * share).quantize(Decimal("0.000001")),
            date=self._spot_source["date"],
            source=f"{share} of the on-demand price: " + " ".join(self._spot_source["what"].split()),
            estimated=True,
        )


@lru_cache(maxsize=1)
def sheet() -> Sheet:
    """Return the prices of ``prices.yaml``."""
    return Sheet(yaml.load(_FILE.read_text(encoding="utf-8"), yaml.CSafeLoader))
