"""A change needs an accepted preview of this very program, these settings and this state."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra import gate
from infra.errors import Exit, RefusedError
from infra.settings import Settings

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def acceptance(settings: Settings) -> gate.Acceptance:
    return gate.Acceptance(
        stack="local",
        subject=gate.subject(settings),
        state="sha256:before",
        accepted_by="gates",
        accepted_at=NOW.isoformat(),
        changes={"create": 3},
    )


def test_a_fitting_acceptance_is_enough(settings: Settings, acceptance: gate.Acceptance) -> None:
    assert gate.objection(acceptance, settings, now=NOW, state="sha256:before") is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"stack": "prod"}, "of stack 'prod'"),
        ({"subject": "sha256:other"}, "changed after the preview"),
        ({"state": "sha256:other"}, "environment changed"),
        ({"accepted_at": (NOW - timedelta(hours=25)).isoformat()}, "last 24 hours"),
        ({"accepted_at": (NOW + timedelta(minutes=5)).isoformat()}, "last 24 hours"),
    ],
)
def test_each_difference_is_an_objection(
    settings: Settings, acceptance: gate.Acceptance, change: dict[str, Any], told: str
) -> None:
    objection = gate.objection(replace(acceptance, **change), settings, now=NOW, state="sha256:before")

    assert objection is not None
    assert told in objection


def test_no_acceptance_is_refused_with_the_control_and_the_fix(settings: Settings) -> None:
    with pytest.raises(RefusedError) as caught:
        gate.require(None, settings)

    assert "change-needs-accepted-preview" in str(caught.value)
    assert "./plinth preview --stack local --accept-as" in str(caught.value)
    assert caught.value.code == Exit.REFUSED


def test_the_gates_alone_are_not_enough_where_a_person_must_accept(
    raw_settings: dict[str, Any], acceptance: gate.Acceptance
) -> None:
    strict = Settings.parse({**raw_settings, "approval": "person"}, stack="local", environ={})
    of_gates = replace(acceptance, subject=gate.subject(strict))

    assert "a person has to accept it" in (gate.objection(of_gates, strict, now=NOW) or "")
    assert gate.objection(replace(of_gates, accepted_by="Ada"), strict, now=NOW) is None


def test_the_subject_changes_with_program_policies_and_settings(
    settings: Settings, raw_settings: dict[str, Any], tmp_path: Path
) -> None:
    for folder in ("infra/ops", "policies"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "infra" / "program.py").write_text("one", encoding="utf-8")
    (tmp_path / "policies" / "catalog.py").write_text("one", encoding="utf-8")
    before = gate.subject(settings, tmp_path)

    (tmp_path / "infra" / "ops" / "cli.py").write_text("not judged", encoding="utf-8")
    assert gate.subject(settings, tmp_path) == before

    (tmp_path / "policies" / "catalog.py").write_text("two", encoding="utf-8")
    after_policy = gate.subject(settings, tmp_path)
    assert after_policy != before

    raw_settings["owner"] = "somebody else"
    other = Settings.parse(raw_settings, stack="local", environ={})
    assert gate.subject(other, tmp_path) != after_policy


def test_an_acceptance_survives_its_file(acceptance: gate.Acceptance, tmp_path: Path) -> None:
    path = tmp_path / "accepted" / "local.json"
    acceptance.write(path)

    assert gate.Acceptance.read(path) == acceptance


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"stack": "local"}'])
def test_a_damaged_acceptance_counts_as_none(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "local.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")

    assert gate.Acceptance.read(path) is None
