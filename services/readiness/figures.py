"""The figures of a training record under the names that limits use. Pure."""

import math
from collections.abc import Mapping
from typing import Any

UNKNOWN = "unknown"
"""Group of rows that carry no protected attribute; nothing can be said about it."""


def of_record(record: Mapping[str, Any], *, smallest_group: int = 1) -> dict[str, float]:
    """Return every number under ``metrics``, and how far groups fare apart.

    Numbers get dotted names: ``holdout.auc``. For each part, protected attribute and rate in
    ``groups``, ``fairness.<part>.<attribute>.<rate>_ratio`` is the smallest group's rate divided by
    the largest; groups with fewer rows than ``smallest_group`` say too little and are left out.
    """
    return {
        **_flat(record.get("metrics", {}), ""),
        **fairness(record.get("groups", {}), smallest_group=smallest_group),
    }


def fairness(groups: Mapping[str, Any], *, smallest_group: int) -> dict[str, float]:
    """Return the ratio between the worst and the best group, for every rate that all groups have."""
    ratios = {}
    for part, attributes in groups.items():
        for attribute, by_name in attributes.items():
            judged = [
                one for name, one in by_name.items() if name != UNKNOWN and one["rows"] >= smallest_group
            ]
            if len(judged) < 2:  # noqa: PLR2004 - a ratio takes two
                continue
            for rate in sorted({key for one in judged for key in one if "_rate" in key}):
                values = [one.get(rate) for one in judged]
                numbers = [float(value) for value in values if isinstance(value, int | float)]
                if len(numbers) == len(judged) and max(numbers) > 0:
                    name = f"fairness.{part}.{attribute}.{rate}_ratio"
                    ratios[name] = round(min(numbers) / max(numbers), 6)
    return ratios


def _flat(value: Any, prefix: str) -> dict[str, float]:
    if isinstance(value, bool) or value is None:
        return {}
    if isinstance(value, int | float):
        return {prefix: float(value)} if math.isfinite(value) else {prefix: math.nan}
    if isinstance(value, Mapping):
        flat: dict[str, float] = {}
        for key, inner in value.items():
            flat |= _flat(inner, f"{prefix}.{key}" if prefix else str(key))
        return flat
    return {}
