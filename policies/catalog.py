"""The catalog of controls: one row each, read from ``controls/`` and checked on the way in."""

from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from policies.core.settings import ENVIRONMENTS

Severity = Literal["low", "medium", "high", "critical"]
Level = Literal["advisory", "mandatory"]
Pack = Literal["security", "compliance", "readiness", "cost"]
LARGEST_NUMBER = 99
"""Controls in the project's list."""


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Standard(_Row):
    """A body of rules, in the edition whose ids the catalog uses."""

    name: str
    version: str
    date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None
    """Date of the edition; None only with a note that says why."""
    note: str | None = None

    @model_validator(mode="after")
    def _dated_or_explained(self) -> Self:
        if self.date is None and not self.note:
            raise ValueError("a standard without a date needs a note that says why")
        return self


class Control(_Row):
    """One control."""

    id: Annotated[str, Field(pattern=r"^[a-z]+(-[a-z]+)+$")]
    number: Annotated[int, Field(ge=1, le=LARGEST_NUMBER)] | None
    """Row in the project's list of controls; None for one of its own."""
    family: str
    """Family whose checks decide it; the name of its file."""
    pack: Pack
    """What it serves: security, proof for others, readiness to be used, or cost."""
    theme: str
    """What it is about, in the words of ``standards.yaml``."""
    title: str
    why: str
    severity: Severity
    types: Annotated[list[str], Field(min_length=1)]
    """Canonical types that it judges or looks at; a star stands for all of a provider."""
    frameworks: Annotated[dict[str, list[str]], Field(min_length=1)]
    """Standard to the ids that the control answers, those of its theme included."""
    own_reading: list[str] = []
    """Standards to which the link is this project's own judgement."""
    fix: str
    waivable: bool = True
    advisory_in: list[str] = []
    """Environments in which a violation does not stop the change."""

    def level(self, environment: str) -> Level:
        """Return whether a violation stops the change in an environment."""
        return "advisory" if environment in self.advisory_in else "mandatory"

    @model_validator(mode="after")
    def _refers_to_what_exists(self) -> Self:
        strange = set(self.advisory_in) - set(ENVIRONMENTS)
        if strange:
            raise ValueError(f"unknown environments: {', '.join(sorted(strange))}")
        if not set(self.own_reading) <= set(self.frameworks):
            raise ValueError("own_reading names a framework that the row does not map to")
        return self


class Catalog(_Row):
    """All controls, and the standards to which they are mapped."""

    standards: dict[str, Standard]
    controls: list[Control]

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        ids = [control.id for control in self.controls]
        if twice := sorted({name for name in ids if ids.count(name) > 1}):
            raise ValueError(f"ids used twice: {', '.join(twice)}")
        for control in self.controls:
            if strange := sorted(set(control.frameworks) - set(self.standards)):
                raise ValueError(f"{control.id} maps to unknown standards: {', '.join(strange)}")
        return self

    def __getitem__(self, control_id: str) -> Control:
        """Return a control by its id.

        Raises:
            KeyError: There is none.
        """
        return self._by_id[control_id]

    @cached_property
    def _by_id(self) -> dict[str, Control]:
        return {control.id: control for control in self.controls}


def raw_catalog(folder: Path = Path(__file__).parent / "controls") -> dict[str, Any]:
    """Return the catalog's content from its files: what a file or a theme says is written into each row.

    Args:
        folder: ``standards.yaml``, and a file for each family.
    """
    common = _yaml(folder / "standards.yaml")
    rows = [
        _row(row, path.stem, document, common["themes"])
        for path in sorted(folder.glob("*.yaml"))
        if path.name != "standards.yaml"
        for document in [_yaml(path)]
        for row in document["controls"]
    ]
    return {"standards": common["standards"], "controls": rows}


def _row(
    row: dict[str, Any], family: str, document: dict[str, Any], themes: dict[str, dict[str, list[str]]]
) -> dict[str, Any]:
    theme = row.get("theme", document.get("theme"))
    if theme not in themes:
        raise ValueError(f"{row.get('id')}: unknown theme {theme!r}")
    own, by_theme = row.get("frameworks", {}), themes[theme]
    return {
        "number": None,
        **row,
        "family": family,
        "pack": row.get("pack", document.get("pack")),
        "theme": theme,
        "frameworks": {**by_theme, **own},
        "own_reading": sorted({*row.get("own_reading", ()), *(set(by_theme) - set(own))}),
    }


def _yaml(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    return document


@cache
def catalog() -> Catalog:
    """Return the catalog, read once.

    Raises:
        ValueError: A row is wrong; the message names it.
    """
    return Catalog.model_validate(raw_catalog())
