"""The steps of the workflows do what their names say, run here line by line against a stand-in for the forge.

The steps that need an engine are run in ``tests/local``.
"""

from pathlib import Path

import pytest
from forge_stand_in import COMMIT, standing_in
from workflow_steps import gitlab, read, run, script

from infra.errors import Exit
from infra.local.paths import repo_root
from infra.ops import pull_requests

pytestmark = pytest.mark.parts

EXPECTED = repo_root() / "tests" / "preview" / "expected"
GOOD, REFUSED = EXPECTED / "storage-tags-only.json", EXPECTED / "storage-public-access-opened.json"


def runner(tmp_path: Path, api: str) -> dict[str, str]:
    return {
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_REPOSITORY": "o/r",
        "GITHUB_API_URL": api,
        "GITHUB_SERVER_URL": "https://forge.example.com",
        "PLINTH_FORGE_TOKEN": "made-up",
    }


def reports(tmp_path: Path, **of: Path) -> Path:
    folder = tmp_path / "reports"
    for stack, report in of.items():
        (folder / f"preview-{stack}").mkdir(parents=True)
        (folder / f"preview-{stack}" / "report.json").write_bytes(report.read_bytes())
    return folder


@pytest.mark.parametrize(("report", "state"), [(GOOD, "success"), (REFUSED, "failure")])
def test_the_comment_job_posts_the_report_and_the_check(tmp_path: Path, report: Path, state: str) -> None:
    reports(tmp_path, local=report)
    lines = script("preview-comment", "comment", "ci comments")
    with standing_in() as (api, seen):
        known = {"COMMIT": COMMIT, "HEAD": "fork/r", "RUN": "https://forge.example.com/run/1"}
        done = run(lines, runner(tmp_path, api) | known)

    assert done.returncode == (Exit.OK if state == "success" else Exit.REFUSED), done.stderr
    (comment,) = seen.comments
    assert comment["body"].startswith("<!-- plinth-preview: local -->")
    assert "](https://forge.example.com/run/1)" in comment["body"]
    told = {status["context"]: status for status in seen.statuses}
    assert len(told) == len(pull_requests.stacks())
    assert told["plinth/preview (local)"]["state"] == state
    assert told["plinth/preview (local)"]["target_url"] == "https://forge.example.com/run/1"


@pytest.mark.parametrize("code", [403, 500])
def test_a_forge_that_refuses_fails_the_comment_job_with_one_message(tmp_path: Path, code: int) -> None:
    reports(tmp_path, local=GOOD)
    lines = script("preview-comment", "comment", "ci comments")
    with standing_in(POST_=code) as (api, seen):
        done = run(lines, runner(tmp_path, api) | {"COMMIT": COMMIT, "HEAD": "o/r", "RUN": ""})

    assert done.returncode == Exit.FAILED
    assert done.stderr.count("The forge") == 1
    assert str(code) in done.stderr
    assert "made-up" not in done.stdout + done.stderr
    assert seen.statuses == []


def test_the_job_of_affected_stacks_says_them(tmp_path: Path) -> None:
    lines = script("preview", "affected", "ci affected")

    done = run(lines, runner(tmp_path, "") | {"BASE": "HEAD"})

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "output").read_text(encoding="utf-8") == "stacks=[]\n"


def test_without_a_base_no_stack_is_left_out(tmp_path: Path) -> None:
    done = run(script("preview", "affected", "ci affected"), runner(tmp_path, "") | {"BASE": "nowhere"})

    assert done.returncode == Exit.SETTINGS
    assert "There is no base 'nowhere'" in done.stderr
    assert not (tmp_path / "output").exists(), "an empty list would skip every preview"


def test_on_gitlab_a_preview_without_a_base_fails_instead_of_being_skipped(tmp_path: Path) -> None:
    lines = gitlab("preview").replace("affected.txt", str(tmp_path / "affected.txt"))

    done = run(lines, {"CI_MERGE_REQUEST_DIFF_BASE_SHA": "nowhere", "STACK": "dev"}, pipefail=True)

    assert done.returncode == Exit.SETTINGS


def test_on_gitlab_a_stack_that_is_not_concerned_is_skipped(tmp_path: Path) -> None:
    lines = gitlab("preview").replace("affected.txt", str(tmp_path / "affected.txt"))

    done = run(lines, {"CI_MERGE_REQUEST_DIFF_BASE_SHA": "HEAD", "STACK": "dev"}, pipefail=True)

    assert done.returncode == 0, done.stderr


def test_on_gitlab_the_comment_job_runs_the_default_branch_and_posts(tmp_path: Path) -> None:
    reports(tmp_path, local=GOOD)
    lines = gitlab("comment").partition("cd ")[2].partition("\n")[2]  # the worktree is made by git alone
    with standing_in() as (api, seen):
        known = {
            "CI_API_V4_URL": api, "CI_PROJECT_ID": "7", "CI_PIPELINE_URL": "https://gitlab.example.com/p/1",
            "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": COMMIT, "CI_COMMIT_SHA": COMMIT,
            "CI_PROJECT_DIR": str(tmp_path), "CI_PROJECT_URL": "https://gitlab.example.com/o/r",
        }  # fmt: skip
        done = run(lines, runner(tmp_path, api) | known, pipefail=True)

    assert done.returncode == 0, done.stderr
    assert len(seen.comments) == 1
    assert {status["state"] for status in seen.statuses} == {"success"}


@pytest.mark.parametrize("step", ["ci prices", "ci waivers"])
def test_the_nightly_look_passes_today(step: str) -> None:
    done = run(script("drift", "look", step), {})

    assert done.returncode == 0, done.stderr


def test_the_nightly_look_fails_for_a_stack_that_is_not_there() -> None:
    done = run(script("drift", "look", "plinth cost"), {"STACK": "nowhere"})

    assert done.returncode == Exit.SETTINGS
    assert "There is no stack 'nowhere'" in done.stderr


def test_the_look_goes_on_after_a_finding_and_ends_red() -> None:
    steps = read("drift")["jobs"]["look"]["steps"]
    runs = {step["run"]: step.get("if") for step in steps if "run" in step}

    assert [condition for run, condition in runs.items() if "ci " in run] == ["${{ !cancelled() }}"] * 2
    assert all("continue-on-error" not in step for step in steps)


def test_the_copy_of_the_state_is_renewed_after_every_deploy_that_began() -> None:
    steps = read("deploy")["jobs"]["deploy"]["steps"]
    (number,) = [i for i, step in enumerate(steps) if "ci publish" in step.get("run", "")]

    assert "pulumi up" in steps[number - 1]["run"]
    assert steps[number - 1]["id"] == "up"
    assert steps[number]["if"] == "${{ !cancelled() && steps.up.outcome != 'skipped' }}"
