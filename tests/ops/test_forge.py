"""What is posted to a forge, checked by a stand-in that answers as the forges' documentation says."""

import json
from pathlib import Path
from typing import Any

import pytest
from forge_stand_in import COMMIT, standing_in
from typer.testing import CliRunner

from infra.errors import Exit, PlinthError
from infra.local.paths import repo_root
from infra.ops import forge, pull_requests
from infra.ops.cli import app
from infra.preview import markdown

pytestmark = pytest.mark.parts

GOOD = repo_root() / "tests" / "preview" / "expected" / "storage-tags-only.json"
REFUSED = repo_root() / "tests" / "preview" / "expected" / "storage-public-access-opened.json"


def comment(api: str, report: Path, *more: str, token: str = "made-up") -> Any:  # noqa: S107 - made up
    options = ["--stack", "local", "--commit", COMMIT, "--repository", "o/r", "--api", api, *more]
    return CliRunner(env={"PLINTH_FORGE_TOKEN": token, "NO_COLOR": "1"}).invoke(
        app, ["ci", "comment", "--report", str(report), *options]
    )


@pytest.mark.parametrize("kind", ["github", "gitlab"])
def test_a_report_becomes_one_comment_and_a_check(kind: str) -> None:
    with standing_in() as (api, seen):
        done = comment(api, GOOD, "--forge", kind, "--pull", "7")

    assert done.exit_code == 0, done.output
    (posted,) = seen.comments
    assert posted["body"].startswith(markdown.marker("local"))
    assert "plinth:team" in posted["body"]
    (status,) = seen.statuses
    assert status["state"] == "success"
    assert status["commit"] == COMMIT
    assert "plinth/preview (local)" in (status.get("context"), status.get("name"))
    assert seen.tokens == ({"Bearer made-up"} if kind == "github" else {"made-up"})


@pytest.mark.parametrize("kind", ["github", "gitlab"])
def test_the_next_report_takes_the_place_of_the_last(kind: str) -> None:
    with standing_in() as (api, seen):
        comment(api, GOOD, "--forge", kind, "--pull", "7")
        done = comment(api, REFUSED, "--forge", kind, "--pull", "7")

    assert done.exit_code == Exit.REFUSED
    (posted,) = seen.comments
    assert "Refused" in posted["body"]
    assert [status["state"] for status in seen.statuses][-1] in ("failure", "failed")


def test_the_comment_of_another_stack_and_of_a_person_stay_as_they_are() -> None:
    with standing_in() as (api, seen):
        seen.comments += [
            {"id": n, "html_url": "", "body": f"{markdown.marker(stack)} mine", "user": {"type": who}}
            for n, (stack, who) in enumerate([("prod", "Bot"), ("local", "User")], start=1)
        ]
        comment(api, GOOD, "--pull", "7")

    assert [one["body"].endswith(" mine") for one in seen.comments] == [True, True, False]


def test_a_comment_is_found_behind_a_hundred_others() -> None:
    with standing_in() as (api, seen):
        seen.comments += [
            {"id": n, "html_url": "", "body": "x", "user": {"type": "User"}} for n in range(1, 151)
        ]
        comment(api, GOOD, "--pull", "7")
        comment(api, REFUSED, "--pull", "7")

    assert len(seen.comments) == 151


def test_the_change_is_found_by_its_last_commit() -> None:
    with standing_in() as (api, seen):
        assert comment(api, GOOD).exit_code == 0

    assert len(seen.comments) == 1


@pytest.mark.parametrize("text", [None, "", "{", '{"version": 99}', '{"version": 1}', "[]"])
def test_a_missing_or_broken_report_is_said_and_fails(text: str | None, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    if text is not None:
        report.write_text(text, encoding="utf-8")
    with standing_in() as (api, seen):
        done = comment(api, report, "--pull", "7")

    assert done.exit_code == Exit.REFUSED
    assert "Refused" in seen.comments[0]["body"]
    assert "Nothing to change" not in seen.comments[0]["body"]
    assert seen.statuses[0]["state"] == "failure"


def test_a_report_of_another_stack_is_not_taken_for_this_one() -> None:
    with standing_in() as (api, seen):
        options = ["--stack", "prod", "--commit", COMMIT, "--repository", "o/r", "--api", api, "--pull", "7"]
        done = CliRunner(env={"PLINTH_FORGE_TOKEN": "x"}).invoke(
            app, ["ci", "comment", "--report", str(GOOD), *options]
        )

    assert done.exit_code == Exit.REFUSED
    assert "it is about stack 'local', not 'prod'" in seen.statuses[0]["description"]


@pytest.mark.parametrize("code", [401, 403, 404, 500, 503])
def test_a_forge_that_refuses_ends_in_one_message_and_no_success(code: int) -> None:
    with standing_in(POST_=code) as (api, seen):
        done = comment(api, GOOD, "--pull", "7")

    assert isinstance(done.exception, PlinthError)
    assert str(code) in done.exception.what
    assert "made-up" not in str(done.exception)
    assert seen.statuses == []


def test_a_forge_that_takes_the_comment_and_not_the_check_fails() -> None:
    with standing_in(**{"POST_/repos/o/r/statuses": 403}) as (api, _):
        done = comment(api, GOOD, "--pull", "7")

    assert isinstance(done.exception, PlinthError)
    assert "statuses: write" in (done.exception.fix or "")


def test_a_forge_that_is_not_there_ends_in_one_message() -> None:
    done = comment("http://127.0.0.1:9", GOOD, "--pull", "7")

    assert isinstance(done.exception, PlinthError)
    assert "cannot be reached" in done.exception.what


def test_no_token_is_sent_in_the_clear() -> None:
    with pytest.raises(PlinthError, match="is not https"):
        forge.GitHub("http://forge.example.com", "o/r", "token")


def test_without_a_token_nothing_is_tried() -> None:
    done = comment("https://forge.example.com", GOOD, token="")

    assert isinstance(done.exception, PlinthError)
    assert done.exception.where == "PLINTH_FORGE_TOKEN"


def test_markup_in_a_report_of_a_fork_stays_text(tmp_path: Path) -> None:
    document = json.loads(GOOD.read_text(encoding="utf-8"))
    document["changes"][0]["name"] = "</code><img src=x> [click](https://evil.example) @maintainers"
    document["changes"][0]["source"] = "](https://evil.example):1"
    document["accepted"] = True
    document["packs"] = []
    report = tmp_path / "report.json"
    report.write_text(json.dumps(document), encoding="utf-8")
    with standing_in() as (api, seen):
        done = comment(api, report, "--pull", "7", "--links", "https://forge.example.com/")

    body = seen.comments[0]["body"]
    assert done.exit_code == Exit.REFUSED  # nobody judged it, whatever the document claims
    assert "<img" not in body
    assert "](https://evil" not in body
    assert "@maintainers" not in body


def comments(api: str, reports: Path, *more: str) -> Any:
    options = ["--commit", COMMIT, "--repository", "o/r", "--api", api, *more]
    return CliRunner(env={"PLINTH_FORGE_TOKEN": "made-up", "NO_COLOR": "1"}).invoke(
        app, ["ci", "comments", "--reports", str(reports), *options]
    )


@pytest.mark.parametrize("kind", ["github", "gitlab"])
def test_every_stack_gets_its_check_and_the_concerned_ones_a_comment(kind: str, tmp_path: Path) -> None:
    (tmp_path / "preview-local").mkdir()
    (tmp_path / "preview-local" / "report.json").write_bytes(GOOD.read_bytes())
    with standing_in() as (api, seen):
        done = comments(api, tmp_path, "--forge", kind)

    assert done.exit_code == 0, done.output
    assert len(seen.comments) == 1
    assert len(seen.statuses) == len(pull_requests.stacks())
    assert {status["state"] for status in seen.statuses} == {"success"}


def test_a_concerned_stack_without_a_report_fails_whatever_the_others_say(tmp_path: Path) -> None:
    with standing_in() as (api, seen):
        seen.files = ["infra/program.py"]
        (tmp_path / "preview-local").mkdir()
        (tmp_path / "preview-local" / "report.json").write_bytes(GOOD.read_bytes())
        done = comments(api, tmp_path)

    assert done.exit_code == Exit.REFUSED
    states = {status["context"]: status["state"] for status in seen.statuses}
    assert states.pop("plinth/preview (local)") == "success"
    assert set(states.values()) == {"failure"}


def test_waivers_that_hold_are_said() -> None:
    assert CliRunner().invoke(app, ["ci", "waivers", "--json"]).exit_code == 0


@pytest.mark.parametrize(
    ("paths", "wanted"),
    [
        ([], []),
        (["README.md", "tests/x.py", "services/credit_risk/README.md"], []),
        (["stacks/Pulumi.prod.yaml"], ["prod"]),
        (["stacks/Pulumi.prod.yaml", "stacks/Pulumi.dev.yaml", "CHANGELOG.md"], ["dev", "prod"]),
        (["stacks/Pulumi.gone.yaml"], []),
        (["infra/program.py"], ["dev", "local", "prod"]),
        (["requirements.lock"], ["dev", "local", "prod"]),
        (["services/credit_risk/service.py"], ["dev", "local", "prod"]),
        ([".github/workflows/preview.yml"], ["dev", "local", "prod"]),
        (["something/new"], ["dev", "local", "prod"]),
    ],
)
def test_a_change_concerns_the_stacks_that_it_reaches(paths: list[str], wanted: list[str]) -> None:
    assert pull_requests.affected(paths, ["prod", "dev", "local"]) == wanted


def test_no_base_is_said() -> None:
    with pytest.raises(PlinthError, match="There is no base 'nowhere'"):
        pull_requests.changed_files("nowhere")
