"""What a batch of data looks like beside what was seen before: gaps, oddities, groups. Pure."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from services.lifecycle.datasets import DataSpec
from services.readiness.contract import DataLimits

FENCE = 3.0
"""Distances between the quartiles beyond which a number is far out (Tukey's outer fence)."""


def figures(
    spec: DataSpec,
    batch: pd.DataFrame,
    accepted: pd.DataFrame,
    reference: pd.DataFrame | None,
    *,
    quarantined: int,
) -> dict[str, float]:
    """Return what is measured on a batch, by the names that the contract's limits use.

    Args:
        spec: The data set's schema.
        batch: All rows, as delivered.
        accepted: The rows that keep the schema.
        reference: Rows of earlier batches; None for the first one, which is compared with itself.
        quarantined: Rows that break the schema.
    """
    rows = max(len(batch), 1)
    before = accepted if reference is None else reference
    result = {
        "rows": float(len(batch)),
        "quarantined_share": quarantined / rows,
        "missing_share": _missing(spec, batch),
        "duplicate_share": float(batch.duplicated().mean()) if len(batch) else 0.0,
        "anomalous_share": float(_anomalous(spec, accepted, before).mean()) if len(accepted) else 0.0,
    }
    result |= _groups(spec, accepted, before)
    return {name: round(value, 6) for name, value in result.items()}


def breaches(measured: Mapping[str, float], limits: DataLimits) -> list[str]:
    """Return which limits of the contract a batch breaks, in words."""
    found = []
    if measured["rows"] < limits.smallest_batch:
        found.append(f"rows is {measured['rows']:g}, at least {limits.smallest_batch} are needed")
    for name, value in measured.items():
        limit = getattr(limits, f"{name.split('.')[0]}_at_most", None)
        if limit is not None and not value <= limit:
            found.append(f"{name} is {value:g}, at most {limit:g} is allowed")
    return found


def _missing(spec: DataSpec, batch: pd.DataFrame) -> float:
    """Return the largest share of missing values in a column that may not have any."""
    needed = [column.name for column in spec.columns if not column.optional]
    return float(batch[needed].isna().mean().max()) if len(batch) and needed else 0.0


def _anomalous(spec: DataSpec, rows: pd.DataFrame, before: pd.DataFrame) -> "pd.Series[bool]":
    far = pd.Series(data=False, index=rows.index)
    for name in spec.numbers():
        known = pd.to_numeric(before[name]).dropna()
        low, high = np.quantile(known, [0.25, 0.75]) if len(known) else (0.0, 0.0)
        if high > low:  # a column of mostly one value has no spread to be far from
            reach = FENCE * (high - low)
            far |= ~pd.to_numeric(rows[name]).fillna(low).between(low - reach, high + reach)
    for column in spec.columns:
        if column.allowed:
            far |= rows[column.name].notna() & ~rows[column.name].isin(set(before[column.name]))
    return far


def _groups(spec: DataSpec, rows: pd.DataFrame, before: pd.DataFrame) -> dict[str, float]:
    result = {}
    for attribute in spec.groups:
        mine, theirs = spec.group_of(attribute, rows), spec.group_of(attribute, before)
        if not len(mine) or not len(theirs):
            continue  # nobody says to which group the rows belong
        change = (
            mine.value_counts(normalize=True)
            .subtract(theirs.value_counts(normalize=True), fill_value=0.0)
            .abs()
        )
        result[f"group_share_change.{attribute}"] = float(change.max())
        rates = (rows.loc[mine.index, spec.label] == spec.positive).groupby(mine).mean()
        result[f"label_rate_gap.{attribute}"] = float(rates.max() - rates.min())
    return result
