"""A pull request as the workflows treat it: previewed without any account, commented, checked."""

import json
import shutil
from pathlib import Path

import pytest
from clones import Clone, edit
from forge_stand_in import COMMIT, standing_in
from workflow_steps import script

from infra.errors import Exit

pytestmark = pytest.mark.local

RUNNER = {
    "STACK": "dev", "LINKS": "https://forge.example.com/fork/r/blob/x/",
    "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "",
    "COMMIT": COMMIT, "HEAD": "fork/r", "RUN": "https://forge.example.com/run/1",
    "GITHUB_REPOSITORY": "o/r", "GITHUB_SERVER_URL": "https://forge.example.com",
    "PLINTH_FORGE_TOKEN": "made-up",
}  # fmt: skip


def test_a_change_is_previewed_and_one_that_exceeds_its_budget_is_refused(
    idle_draft: Clone, tmp_path: Path
) -> None:
    """The first preview has no base, so everything shows as new; then the budget is cut below its cost."""
    preview, comment = script("preview", "preview", "plinth preview"), script(
        "preview-comment", "comment", "ci comments"
    )  # fmt: skip
    reported = tmp_path / "reports" / "preview-dev"

    def previewed(ended: Exit, *sentences: str) -> None:
        idle_draft.shell(f"set -e\n{preview}", RUNNER_TEMP=str(tmp_path), **RUNNER).ended(ended, *sentences)
        shutil.rmtree(reported, ignore_errors=True)
        shutil.copytree(idle_draft.root / "report", reported)
        told = {"GITHUB_API_URL": api, "RUNNER_TEMP": str(tmp_path), **RUNNER}
        idle_draft.shell(f"set -e\n{comment}", **told).ended(ended)

    def check() -> str:
        return [one["state"] for one in seen.statuses if one["context"] == "plinth/preview (dev)"][-1]

    with standing_in() as (api, seen):
        seen.files = ["stacks/Pulumi.dev.yaml"]
        previewed(Exit.OK)
        report = json.loads((reported / "report.json").read_text(encoding="utf-8"))
        assert report["counts"]["create"] > 250
        assert report["errors"] == []
        assert report["packs"] == ["plinth"]
        assert any(change["source"].startswith("infra/") for change in report["changes"])
        assert {path.suffix for path in reported.iterdir()} == {".txt", ".md", ".html", ".svg", ".json"}
        assert check() == "success"

        edit(
            idle_draft.root / "stacks" / "Pulumi.dev.yaml",
            r"monthly_budget_usd: \d+",
            "monthly_budget_usd: 20",
        )
        previewed(Exit.REFUSED, "A month of stack 'dev' would cost", "its budget is 20 USD")
        assert check() == "failure"

    (posted,) = seen.comments
    assert len(posted["body"]) <= 65_536
    assert "the budget is 20 USD" in posted["body"]
    assert {one["state"] for one in seen.statuses if "(dev)" not in one["context"]} == {"success"}
