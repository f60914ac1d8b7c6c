"""The report as JSON: everything, for programs. Pure."""

import json
import re
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from infra.preview.levels import Kind, Level, Risk
from infra.preview.masking import mask
from infra.preview.report import Cost, Entry, Judged, Property, Report
from infra.preview.stream import UnreadablePreviewError

VERSION = 1
"""Raised when a key goes or changes its meaning; new keys do not raise it."""

_PLACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]*:[0-9]+")


def document(report: Report) -> dict[str, Any]:
    """Return the report as plain data."""
    return {
        "version": VERSION,
        "stack": report.stack,
        "level": report.level.word,
        "accepted": not report.refusals,
        "refusals": report.refusals,
        "counts": report.counts,
        "unchanged": report.unchanged,
        "changes": [_plain(asdict(entry)) for entry in report.entries],
        "policies": [asdict(one) for one in report.judged],
        "packs": list(report.packs),
        "errors": list(report.errors),
        "warnings": list(report.warnings),
        "contracts": list(report.contracts),
        "notes": list(report.notes),
        "cost": _cost(report),
    }


def render(report: Report) -> str:
    """Return the report as JSON, the same bytes for the same report."""
    return json.dumps(document(report), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _cost(report: Report) -> dict[str, Any] | None:
    if report.cost is None:
        return None
    return {
        "before_usd": float(report.cost.before),
        "after_usd": float(report.cost.after),
        "difference_usd": float(report.cost.difference),
        "budget_usd": report.cost.budget,
        "sheet": report.cost.sheet,
        "unpriced": list(report.cost.unpriced),
        "lines": [
            {
                "resource": name,
                "what": what,
                "before_usd": float(old),
                "after_usd": float(new),
                "price": price,
            }
            for name, what, old, new, price in report.cost.lines
        ],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Level):
        return value.word
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value


def read(text: str) -> Report:
    """Return the report in a JSON document that somebody else may have written.

    Everything is masked once more and nothing is believed but values: whether the change may go on is worked
    out anew from what the document says of errors, policies and cost.

    Raises:
        UnreadablePreviewError: It is no report of this version.
    """
    try:
        raw = json.loads(text)
        if raw["version"] != VERSION:
            raise UnreadablePreviewError(f"the report has version {raw['version']!r}, not {VERSION}.")
        return Report(
            stack=_text(raw["stack"]),
            entries=tuple(_entry(one) for one in raw["changes"]),
            unchanged=int(raw["unchanged"]),
            judged=tuple(
                Judged(
                    policy=_text(one["policy"]),
                    name=_text(one["name"]),
                    message=_text(one["message"]),
                    state=_one_of(one["state"], ("refused", "advice", "waived")),
                )
                for one in raw["policies"]
            ),
            packs=tuple(map(_text, raw["packs"])),
            errors=tuple(map(_text, raw["errors"])),
            warnings=tuple(map(_text, raw["warnings"])),
            contracts=tuple(map(_text, raw["contracts"])),
            notes=tuple(map(_text, raw.get("notes", ()))),
            cost=_read_cost(raw["cost"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
        raise UnreadablePreviewError(f"the report has not the form of one ({error}).") from None


def _entry(one: Any) -> Entry:
    return Entry(
        urn=_text(one["urn"]),
        type=_text(one["type"]),
        name=_text(one["name"]),
        operation=_text(one["operation"]),
        part=_text(one["part"]),
        level=Level[one["level"].upper()],
        risks=tuple(
            Risk(level=Level[risk["level"].upper()], kind=Kind(risk["kind"]), reason=_text(risk["reason"]))
            for risk in one["risks"]
        ),
        properties=tuple(
            Property(
                path=_text(row["path"]),
                old=None if row["old"] is None else _text(row["old"]),
                new=None if row["new"] is None else _text(row["new"]),
                forces=bool(row["forces"]),
            )
            for row in one["properties"]
        ),
        because=tuple(map(_text, one["because"])),
        source=_place(one["source"]),
    )


def _read_cost(raw: Any) -> Cost | None:
    if raw is None:
        return None
    return Cost(
        before=_money(raw["before_usd"]),
        after=_money(raw["after_usd"]),
        budget=int(raw["budget_usd"]),
        lines=tuple(
            (
                _text(line["resource"]),
                _text(line["what"]),
                _money(line["before_usd"]),
                _money(line["after_usd"]),
                _text(line["price"]),
            )
            for line in raw["lines"]
        ),
        sheet=_text(raw["sheet"]),
        unpriced=tuple(map(_text, raw["unpriced"])),
    )


def _money(value: Any) -> Decimal:
    amount = Decimal(str(value))
    if not amount.is_finite():
        raise ValueError("an amount of money is no number")
    return amount


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a text was expected")
    return mask(value)


def _place(value: Any) -> str:
    """Return a place in the code; anything that is none becomes no link."""
    return value if isinstance(value, str) and _PLACE.fullmatch(value) else ""


def _one_of(value: Any, known: tuple[str, ...]) -> str:
    if value not in known:
        raise ValueError(f"{value!r} is none of {', '.join(known)}")
    return str(value)
