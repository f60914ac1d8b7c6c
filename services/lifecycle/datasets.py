"""What a data set looks like: its columns, its version, and which rows break them.

A schema is written down once, as columns. From it come the pandera schema that judges rows, and a
digest: ``schema_versions.json`` beside the service says which digest each version has, so a schema
that changes without a new version is refused before any data is read.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from services.readiness.digests import json_digest
from services.readiness.errors import DataError

VERSIONS_FILE = "schema_versions.json"
WHOLE_NUMBER = r"[0-9]{1,9}"


@dataclass(frozen=True, kw_only=True)
class RawColumn:
    """One column as it is delivered: text.

    Args:
        name: As in the file's header.
        allowed: Every value that it may have; empty for a whole number.
        low: Smallest number.
        high: Largest number.
        optional: Whether it may be missing (empty).
    """

    name: str
    allowed: tuple[str, ...] = ()
    low: int = 0
    high: int = 0
    optional: bool = False


@dataclass(frozen=True, kw_only=True)
class DataSpec:
    """A data set's schema.

    Args:
        name: As the contract names the data set.
        version: Counts up; every change of the columns needs the next one.
        columns: All columns; others are refused.
        label: Column with the truth.
        positive: Its value for the second class.
        groups: Protected attribute -> column that tells its groups.
        cuts: For a numeric protected column: largest number of the lower group.
    """

    name: str
    version: int
    columns: tuple[RawColumn, ...]
    label: str
    positive: str
    groups: Mapping[str, str]
    cuts: Mapping[str, int]

    def digest(self) -> str:
        """Return the digest of everything but the version."""
        content = asdict(self)
        del content["version"]
        return json_digest(content)

    def schema(self) -> pa.DataFrameSchema:
        """Return the pandera schema: every column is text, judged value by value."""
        return pa.DataFrameSchema(
            {column.name: _pandera(column) for column in self.columns}, strict=True, name=self.name
        )

    def numbers(self) -> list[str]:
        """Return the names of the numeric columns."""
        return [column.name for column in self.columns if not column.allowed]

    def group_of(self, attribute: str, frame: pd.DataFrame) -> "pd.Series[Any]":
        """Return the group of each row for a protected attribute; rows that do not say are left out."""
        column = self.groups[attribute]
        known = frame[column].dropna()
        if column not in self.cuts:
            return known
        lower = pd.to_numeric(known) <= self.cuts[column]
        return lower.map({True: f"up_to_{self.cuts[column]}", False: f"over_{self.cuts[column]}"})


def check_version(spec: DataSpec, folder: Path) -> None:
    """Check that the schema is the one that its version stands for.

    Raises:
        DataError: It was changed without a new version, or the new version is not written down.
    """
    path = folder / VERSIONS_FILE
    known = _versions(path)
    stated = known.get(str(spec.version))
    if stated == spec.digest():
        return
    if stated is not None:
        raise DataError(
            f"The schema of {spec.name} was changed, but it still says version {spec.version}.",
            where=str(path),
            fix=f"give it version {max(map(int, known)) + 1}, then ./plinth data accept-schema",
        )
    if known and spec.version != max(map(int, known)) + 1:
        raise DataError(
            f"Version {spec.version} of {spec.name} does not follow version {max(map(int, known))}.",
            where=str(path),
            fix=f"give it version {max(map(int, known)) + 1}",
        )
    raise DataError(
        f"Version {spec.version} of the schema of {spec.name} is not written down.",
        where=str(path),
        fix="./plinth data accept-schema SERVICE, and have the change reviewed",
    )


def accept_version(spec: DataSpec, folder: Path) -> bool:
    """Write a new version down; what stands for an old one never changes. Return whether it was new.

    Raises:
        DataError: The version stands for another schema already.
    """
    path = folder / VERSIONS_FILE
    known = _versions(path)
    if known.get(str(spec.version), spec.digest()) != spec.digest():
        check_version(spec, folder)
    new = str(spec.version) not in known
    known[str(spec.version)] = spec.digest()
    path.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return new


def broken_rows(spec: DataSpec, frame: pd.DataFrame) -> dict[int, list[str]]:
    """Return the rows that break the schema: position -> reasons, without the values.

    Raises:
        DataError: Columns are missing or unknown, so that it is not this schema's data at all.
    """
    wanted, given = {column.name for column in spec.columns}, list(frame.columns)
    problems = [f"column {name} is missing" for name in sorted(wanted - set(given))]
    problems += [f"column {name} is not known" for name in sorted(set(given) - wanted)]
    problems += [f"column {name} comes twice" for name in sorted({n for n in given if given.count(n) > 1})]
    if problems:
        raise DataError(
            f"The data are not of schema version {spec.version} of {spec.name}: " + "; ".join(problems) + ".",
            fix="a changed schema needs a new version; correct the delivery, or make one",
        )
    try:
        spec.schema().validate(frame, lazy=True)
    except SchemaErrors as error:
        return _reasons(error.failure_cases)
    return {}


def _reasons(cases: pd.DataFrame) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for case in cases.to_dict("records"):
        where, check = case["index"], str(case["check"])
        reason = f"{case['column']}: {'is missing' if check == 'not_nullable' else check}"
        found.setdefault(int(where), []).append(reason)
    return {row: sorted(set(reasons)) for row, reasons in sorted(found.items())}


def _pandera(column: RawColumn) -> pa.Column:
    if column.allowed:
        check = pa.Check.isin(list(column.allowed), error="is none of the allowed values")
        return pa.Column(nullable=column.optional, checks=[check])
    low, high = column.low, column.high

    # Not `in_range`: pandera takes checks of its own by their function's name.
    def is_number_within(values: "pd.Series[Any]") -> "pd.Series[bool]":
        numbers = pd.to_numeric(values.where(values.str.fullmatch(WHOLE_NUMBER)), errors="coerce")
        return numbers.between(low, high)

    check = pa.Check(is_number_within, error=f"is no whole number from {low} to {high}")
    return pa.Column(nullable=column.optional, checks=[check])


def _versions(path: Path) -> dict[str, str]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
