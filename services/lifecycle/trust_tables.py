"""The figures of a service's guards as tables in its README, and what the README says of them.

``./plinth bench trust --write`` puts the tables between their marks; a test measures again and compares. A
README is read by people, so a table has one decimal; two machines differ by less than that.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

START, END = "<!-- measured: {} -->", "<!-- end -->"
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def tables(figures: Mapping[str, Any]) -> dict[str, str]:
    """Return each table that a service's figures fill, by its name."""
    found = {"guard": _guard(figures["guard"]), "conformal": _conformal(figures["conformal"])}
    if "fairness" in figures:
        found["fairness"] = _fairness(figures["fairness"])
    return found


def _guard(guard: Mapping[str, Any]) -> str:
    rows = {"ordinary (false alarms)": guard["false_alarms"], **guard["found"]}
    return _table(
        ("rows", "flagged at the 1 % level", "at the 5 % level"),
        (
            (name.replace("_", " "), _percent(one["at_1_percent"]), _percent(one["at_5_percent"]))
            for name, one in rows.items()
        ),
    )


def _conformal(conformal: Mapping[str, Any]) -> str:
    first = next(iter(conformal.values()))
    return _table(
        ("coverage wanted", *(name.replace("_", " ") for name in first)),
        (
            (f"{name.removeprefix('at_').removesuffix('_percent')} %", *map(_percent, one.values()))
            for name, one in conformal.items()
        ),
    )


def _fairness(fairness: Mapping[str, Any]) -> str:
    names = ("default rate", "approval rate", "approval rate of good")
    rows = [
        (f"{attribute.replace('_', ' ')}: {group}", f"{one['rows']:g}", *_shares(one))
        for attribute, found in fairness.items()
        for group, one in found["groups"].items()
    ]
    gaps = [
        (f"{attribute.replace('_', ' ')}: lowest over highest", "", "", *_ratios(found["gaps"]))
        for attribute, found in fairness.items()
    ]
    return _table(("group", "rows", *names), [*rows, *gaps])


def _shares(one: Mapping[str, float]) -> Iterator[str]:
    return (_percent(one[name]) for name in ("default_rate", "approval_rate", "approval_rate_of_good"))


def _ratios(gaps: Mapping[str, float]) -> Iterator[str]:
    return (f"{value:.2f}" for value in gaps.values())


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %"


def _table(head: tuple[str, ...], rows: Any) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write(readme: Path, figures: Mapping[str, Any]) -> None:
    """Put the tables into a README, each between its marks.

    Raises:
        ValueError: The README has no place for a table.
    """
    text = readme.read_text(encoding="utf-8")
    for name, table in tables(figures).items():
        start, stop = _place(text, name)
        text = f"{text[:start]}\n\n{table}\n\n{text[stop:]}"
    readme.write_text(text, encoding="utf-8")


def differences(text: str, figures: Mapping[str, Any], *, points: float) -> list[str]:
    """Return where a README says something else than figures do.

    Args:
        text: The README.
        figures: What was measured.
        points: Numbers may differ by so much: machines add in another order.
    """
    found = []
    for name, table in tables(figures).items():
        start, stop = _place(text, name)
        said, measured = text[start:stop].strip().splitlines(), table.splitlines()
        if len(said) != len(measured):
            found.append(f"{name}: {len(said)} lines, measured {len(measured)}")
            continue
        for one, other in zip(said, measured, strict=True):
            alike = _NUMBER.sub("#", one) == _NUMBER.sub("#", other)
            pairs = zip(_NUMBER.findall(one), _NUMBER.findall(other), strict=False)
            if not alike or any(abs(float(a) - float(b)) > points for a, b in pairs):
                found.append(f"{name}: {one!r}, measured {other!r}")
    return found


def _place(text: str, name: str) -> tuple[int, int]:
    mark = START.format(name)
    start = text.index(mark) + len(mark)
    return start, text.index(END, start)
