"""Promotion moves what was tried and leaves what belongs to an environment."""

import subprocess
from pathlib import Path

import pytest
import yaml

from infra.errors import PlinthError, SettingsError
from infra.local.paths import repo_root
from infra.ops import promotion, proposals

pytestmark = pytest.mark.parts

STACKS = repo_root() / "stacks"
MODEL = "sha256:" + "1" * 64


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Return copies of staging and prod, in a git repository."""
    (tmp_path / "stacks").mkdir()
    for name in ("staging", "prod"):
        text = (STACKS / f"Pulumi.{name}.yaml").read_text(encoding="utf-8")
        (tmp_path / "stacks" / f"Pulumi.{name}.yaml").write_text(text, encoding="utf-8")
    for command in (
        ["init", "-q", "-b", "main"],
        ["config", "user.email", "test@example.com"],
        ["config", "user.name", "test"],
        ["add", "-A"],
        ["commit", "-q", "-m", "start"],
    ):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return tmp_path / "stacks" / "Pulumi.staging.yaml", tmp_path / "stacks" / "Pulumi.prod.yaml"


def tried(path: Path, **more: object) -> None:
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    document["config"] |= {f"plinth:{key}": value for key, value in more.items()}
    path.write_text(yaml.safe_dump(document), encoding="utf-8")


def test_the_committed_stacks_show_what_differs_and_move_versions_only() -> None:
    found = promotion.plan(STACKS / "Pulumi.staging.yaml", STACKS / "Pulumi.prod.yaml")

    assert {key for key, _, _ in found.stays} >= {"plinth:aws.account_id", "plinth:network.cidr"}
    assert all(key.startswith((*promotion.MOVES, "plinth:services.")) for key, _, _ in found.moves)


def test_versions_and_models_move_and_sizes_stay(files: tuple[Path, Path]) -> None:
    source, target = files
    release = {"credit-risk": {"image": f"registry/credit-risk@{MODEL}", "model_digest": MODEL}}
    tried(source, cluster={"version": "1.35", "system_nodes": 3}, releases=release)

    found = promotion.plan(source, target)

    moved = {key for key, _, _ in found.moves}
    assert "plinth:cluster.version" in moved
    assert any(key.startswith("plinth:releases") for key in moved)
    assert "plinth:cluster.system_nodes" in {key for key, _, _ in found.stays}
    after = yaml.safe_load(found.text)["config"]
    assert after["plinth:cluster"] == {"version": "1.35"}
    assert after["plinth:releases"] == release
    before = yaml.safe_load(target.read_text(encoding="utf-8"))["config"]
    assert {key: after[key] for key in before} == before


def test_every_other_line_stays_as_somebody_wrote_it(files: tuple[Path, Path]) -> None:
    source, target = files
    tried(source, cluster={"version": "1.35"})

    found = promotion.plan(source, target)

    before = target.read_text(encoding="utf-8").splitlines()
    assert [line for line in found.text.splitlines() if line in before] == before
    assert "+  plinth:cluster:" in found.diff


def test_what_is_the_same_gives_no_change(files: tuple[Path, Path]) -> None:
    _, target = files

    assert promotion.plan(target, target).diff == ""


def test_a_promotion_that_would_not_load_is_refused_with_every_mistake(files: tuple[Path, Path]) -> None:
    source, target = files
    tried(source, cluster={"version": "0.1"})

    with pytest.raises(SettingsError, match="version"):
        promotion.plan(source, target)


def test_comments_in_a_block_are_never_lost_silently(files: tuple[Path, Path]) -> None:
    source, target = files
    tried(source, cluster={"version": "1.35"})
    text = (
        target.read_text(encoding="utf-8") + "  plinth:cluster:\n    # after the audit\n    version: '1.36'\n"
    )
    target.write_text(text, encoding="utf-8")

    with pytest.raises(PlinthError, match="holds comments"):
        promotion.plan(source, target)


def test_it_is_opened_as_a_commit_that_leaves_the_working_tree_alone(files: tuple[Path, Path]) -> None:
    source, target = files
    tried(source, cluster={"version": "1.35"})
    found = promotion.plan(source, target)
    root = target.parents[1]

    commit = proposals.branch(promotion.proposal(found, "promote-prod"), root)

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=root, check=True, capture_output=True, text=True
        ).stdout

    assert git("rev-parse", "promote-prod").strip() == commit
    assert git("show", f"{commit}:stacks/Pulumi.prod.yaml").strip() == found.text.strip()
    assert git("diff", "--name-only", "main", "promote-prod").split() == ["stacks/Pulumi.prod.yaml"]
    assert git("branch", "--show-current").strip() == "main"
    assert "1.35" not in target.read_text(encoding="utf-8")
    with pytest.raises(PlinthError, match="There is a branch"):
        proposals.branch(promotion.proposal(found, "promote-prod"), root)


def test_its_patch_applies(files: tuple[Path, Path]) -> None:
    source, target = files
    tried(source, cluster={"version": "1.35"})
    found = promotion.plan(source, target)

    subprocess.run(
        ["git", "apply", "-"],
        cwd=target.parents[1],
        input=found.diff,
        text=True,
        check=True,
        capture_output=True,
    )

    assert target.read_text(encoding="utf-8") == found.text
