"""Recorded previews of the real engine and the reports that a reviewer reads."""

import json

import expected
import pytest

from infra.errors import RefusedError
from infra.ops import reports
from infra.preview import data, markdown, page, picture, report, stream, text
from infra.preview.levels import Level
from infra.preview.report import Judged, Report

NAMES = expected.names()


def test_there_are_forty_recordings() -> None:
    assert len(NAMES) >= 40


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_gives_the_report_beside_it(name: str) -> None:
    """When a change is wanted: .venv/bin/python tests/preview/expected.py, and look at the difference."""
    for path, content in expected.forms(name).items():
        assert path.read_text(encoding="utf-8") == content, path.name


@pytest.mark.parametrize("name", NAMES)
def test_the_same_input_gives_the_same_bytes_in_every_form(name: str) -> None:
    one, other = expected.made(name), expected.made(name)

    for render in (text.render, markdown.render, page.render, data.render, picture.draw):
        assert render(one) == render(other)


@pytest.mark.parametrize("name", NAMES)
def test_the_dangerous_stands_first(name: str) -> None:
    levels = [entry.level for entry in expected.made(name).entries]

    assert levels == sorted(levels, reverse=True)


@pytest.mark.parametrize(
    ("name", "level", "words"),
    [
        ("storage-nothing", Level.NONE, []),
        ("storage-new-bucket", Level.NONE, []),
        ("storage-longer-log-retention", Level.NONE, []),
        ("storage-tags-only", Level.NONE, []),
        ("storage-delete-log-group", Level.CRITICAL, ["data loss"]),
        ("storage-delete-bucket", Level.HIGH, ["access", "safeguard", "stays in the account"]),
        ("storage-delete-table-that-is-protected", Level.CRITICAL, ["protected resource"]),
        ("storage-public-access-opened", Level.CRITICAL, ["exposure"]),
        ("storage-policy-for-everyone", Level.CRITICAL, ["anyone can now s3:GetObject"]),
        ("storage-weaker-encryption", Level.HIGH, ["encryption"]),
        ("storage-versioning-suspended", Level.HIGH, ["retention"]),
        ("storage-shorter-log-retention", Level.HIGH, ["goes from 400 to 30"]),
        ("storage-shorter-object-lock", Level.HIGH, ["an administrator can remove records", "400 to 30"]),
        ("storage-bucket-may-be-emptied", Level.HIGH, ["data loss"]),
        ("storage-table-unprotected", Level.HIGH, ["deleted by one call", "cannot be wound back"]),
        ("storage-rename-bucket", Level.HIGH, ["looks like 'data' under a new name"]),
        ("identity-nothing", Level.NONE, []),
        ("identity-narrowed", Level.NONE, []),
        ("identity-administrator", Level.CRITICAL, ["can now do everything on everything"]),
        ("identity-wildcard", Level.CRITICAL, ["can now s3:* on everything"]),
        ("identity-notaction", Level.CRITICAL, ["everything but iam:*"]),
        ("identity-pass-any-role", Level.CRITICAL, ["can now iam:PassRole on everything"]),
        ("identity-condition-dropped", Level.HIGH, ["before only under a stricter condition"]),
        (
            "identity-trust-another-account",
            Level.HIGH,
            ["every identity of account 999999999999 can now become"],
        ),
        ("identity-trust-everyone", Level.CRITICAL, ["anyone can now become role 'engineer'"]),
        ("identity-trust-without-mfa", Level.HIGH, ["before only under a stricter condition"]),
        ("identity-boundary-gone", Level.CRITICAL, ["its permission boundary is gone"]),
        ("identity-managed-policy", Level.CRITICAL, ["AdministratorAccess"]),
        ("identity-unknown-policy", Level.MEDIUM, ["known only after the change"]),
        ("identity-topic-policy-gone", Level.LOW, ["can no longer sns:Publish"]),
        ("compute-open-to-the-world", Level.CRITICAL, ["0.0.0.0/0 can reach it on port 22"]),
        ("compute-network-replaced", Level.HIGH, ["downtime"]),
        ("compute-gpu-pool-grows", Level.NONE, ["scalingConfig.maxSize: 2 → 16"]),
        ("identity-secret-changed", Level.NONE, ["endpoint: changes; its value is secret"]),
        ("cluster-nothing", Level.NONE, []),
        ("cluster-nothing-against-a-redacted-state", Level.NONE, ["Nothing to change."]),
        ("cluster-fewer-replicas", Level.HIGH, ["downtime", "2 pods become 1", "spec.replicas: 2 → 1"]),
        ("cluster-service-gone", Level.HIGH, ["downtime"]),
        ("cluster-namespace-gone", Level.CRITICAL, ["data loss"]),
        ("cluster-right-widened", Level.CRITICAL, ["can now * everything in its namespace"]),
        ("cluster-right-for-all", Level.CRITICAL, ["that is everybody"]),
    ],
)
def test_a_reviewer_is_told_what_a_change_risks(name: str, level: Level, words: list[str]) -> None:
    made = expected.made(name)

    assert made.level is level
    assert [word for word in words if word not in text.render(made)] == []


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("storage-program-fails", "the preview failed"),
        ("storage-provider-refuses", "the preview failed"),
        ("storage-replace-table", "the preview failed"),
        ("storage-key-without-rotation", "violation"),
        ("storage-waiver-expired", "violation"),
        ("cluster-api-server-refuses", "the preview failed"),
        ("cluster-right-widened", "violation"),
        ("storage-public-access-opened", "violation"),
    ],
)
def test_what_must_not_go_on_is_refused(name: str, why: str) -> None:
    assert why in " ".join(expected.made(name).refusals)


def test_a_waived_violation_is_shown_with_its_reason_and_does_not_stop_the_change() -> None:
    made = expected.made("storage-waived-key-without-rotation")

    assert made.refusals == []
    (waived,) = [one for one in made.judged if one.state == "waived"]
    assert "by security, owner data-platform" in waived.message
    assert "### Waived" in markdown.render(made)
    assert "policy, waived: " in text.render(made)


def test_a_mandatory_message_that_quotes_a_waiver_is_a_refusal() -> None:
    lines = (expected.RECORDED / "storage-key-without-rotation.jsonl").read_text("utf-8")
    forged = lines.replace("enableKeyRotation must be true", "(waived until 2099-01-01 by x, owner y: z)")

    made = report.build(stream.read(forged.splitlines()), expected.context(()))
    assert forged != lines
    assert any("mandatory" in reason for reason in made.refusals)


@pytest.mark.parametrize("name", ["cluster-secret-in-plain-text", "identity-secret-changed"])
def test_secrets_of_the_recorded_programs_show_nowhere(name: str) -> None:
    made = expected.made(name)
    for render in (text.render, markdown.render, page.render, data.render, picture.draw):
        assert "made-up" not in render(made)
    assert len(made.entries) == 1


def test_what_the_engine_recorded_of_secrets_holds_none_that_the_program_marked() -> None:
    for name in NAMES:
        assert "made-up-token" not in (expected.RECORDED / f"{name}.jsonl").read_text("utf-8"), name


def test_a_new_model_points_at_its_contract() -> None:
    (told,) = expected.made("cluster-new-model").contracts

    assert told == (
        "credit-risk (services/credit_risk/contract.yaml): its image or model changes, so its contract has "
        "to be signed for the new digest"
    )


def test_a_gpu_pool_that_grows_costs_more() -> None:
    cost = expected.made("compute-gpu-pool-grows").cost

    assert cost is not None
    assert cost.difference > 2000  # three more g5.xlarge nodes, always


def test_an_environment_beyond_its_budget_is_refused() -> None:
    made = expected.made("compute-gpu-pool-other-type")  # a p5.48xlarge costs tens of thousands a month

    assert any("budget" in reason for reason in made.refusals)
    assert json.loads(data.render(made))["accepted"] is False


def test_a_preview_beyond_its_budget_is_refused_by_the_command_too() -> None:
    reports.require_budget(expected.made("storage-tags-only"))
    with pytest.raises(RefusedError, match=r"would cost [\d,.]+ USD, and its budget is 3,000 USD"):
        reports.require_budget(expected.made("compute-gpu-pool-other-type"))


def many(times: int) -> Report:
    """Return a report of many resources: a recorded one, over and over, under other names."""
    from dataclasses import replace  # noqa: PLC0415 - used here only

    base = expected.made("storage-all-at-once")
    entries = [
        replace(entry, name=f"{entry.name}-{number}", part=f"{entry.part}-{number}")
        for number in range(times)
        for entry in base.entries
    ]
    return replace(base, entries=tuple(sorted(entries, key=lambda e: (-e.level, e.part, e.name))))


def test_a_comment_of_five_hundred_changes_fits_and_begins_with_the_dangerous() -> None:
    made = many(46)
    comment = markdown.render(made, limit=markdown.GITHUB_LIMIT, full="https://forge.example.com/report")

    assert len(made.entries) >= 500
    assert len(comment) <= markdown.GITHUB_LIMIT
    assert comment.startswith(markdown.marker("local"))
    assert "more changes did not fit here" in comment
    assert comment.count("**critical") >= 46
    assert comment.index("**critical") < comment.index("**high")
    assert "](https://forge.example.com/report)" in comment


@pytest.mark.parametrize("limit", [2_000, 5_000, 20_000])
def test_a_comment_never_exceeds_its_limit(limit: int) -> None:
    assert len(markdown.render(many(46), limit=limit, full="https://forge.example.com/r")) <= limit


def test_advice_never_takes_the_room_of_what_changes() -> None:
    from dataclasses import replace  # noqa: PLC0415 - used here only

    said = Judged(policy="x", name="y", message=f"Title.\ny: {'long ' * 100}\n  found: z", state="advice")
    made = replace(many(46), judged=(said,) * 60)

    comment = markdown.render(made, limit=markdown.GITHUB_LIMIT, full="https://forge.example.com/r")
    assert len(comment) <= markdown.GITHUB_LIMIT
    assert comment.count("**critical") >= 46
    assert "Advice of the policies: 60, in the full report." in comment


def test_markup_in_names_stays_text() -> None:
    from dataclasses import replace  # noqa: PLC0415 - used here only

    base = expected.made("storage-tags-only")
    evil = "</code><script>alert(1)</script> [x](https://evil.example) @everyone #1 | `x` ![i](http://x)"
    made = replace(base, entries=(replace(base.entries[0], name=evil, source=f"{evil}:1"),))

    written = markdown.render(made, links="https://forge.example.com/")
    assert "<script" not in written
    assert "](https://evil" not in written.replace("](https://forge.example.com/", "")
    assert "@everyone" not in written
    assert "<script>alert" not in page.render(made)
    assert "<script" not in picture.draw(made)
