"""A proposed change is a commit on a branch of its own, pushed, and one open change on the forge."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from forge_stand_in import standing_in
from typer.testing import CliRunner

from infra.errors import Exit, PlinthError, RefusedError
from infra.local.paths import repo_root
from infra.ops import contracts, drift_proposal, drift_settings, emulated, promotion, proposals
from infra.ops.cli import app
from infra.ops.drift import MASKED, Difference, Drift
from infra.ops.forge import Forge, GitHub, GitLab

pytestmark = pytest.mark.parts

LOCAL = repo_root() / "stacks" / "Pulumi.local.yaml"


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a clone with the project's stack files, whose origin is a bare repository beside it."""
    root, origin = tmp_path / "clone", tmp_path / "origin.git"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(origin))
    git(tmp_path, "init", "-q", "-b", "main", str(root))
    (root / "stacks").mkdir()
    for file in (repo_root() / "stacks").glob("Pulumi.*.yaml"):
        (root / "stacks" / file.name).write_bytes(file.read_bytes())
    for words in (
        ["config", "user.email", "test@example.com"], ["config", "user.name", "test"], ["add", "-A"],
        ["commit", "-q", "-m", "start"], ["remote", "add", "origin", str(origin)],
        ["push", "-q", "origin", "main"],
    ):  # fmt: skip
        git(root, *words)
    return root


def proposal(branch: str = "plinth/x", text: str = "new\n") -> proposals.Proposal:
    files = {"stacks/Pulumi.dev.yaml": text}
    return proposals.Proposal(branch=branch, title="A title", body="Words.", message="why", files=files)


def forge(kind: str, api: str) -> Forge:
    return GitHub(api, "o/r", "made-up") if kind == "github" else GitLab(api, "o/r", "made-up")


@pytest.mark.parametrize("kind", ["github", "gitlab"])
def test_a_change_is_opened_once_and_renewed_afterwards(clone: Path, kind: str) -> None:
    with standing_in() as (api, seen):
        first = proposals.open_change(proposal(), forge(kind, api), root=clone)
        again = proposals.open_change(
            replace(proposal(text="newer\n"), title="Another"), forge(kind, api), root=clone
        )

    assert first == again == "https://forge/changes/1"
    (one,) = seen.proposed
    assert one["title"] == "Another"
    assert (one.get("base") or one.get("target_branch")) == "main"
    assert (one.get("head") or one.get("source_branch")) == "plinth/x"
    origin = clone.parent / "origin.git"
    assert git(origin, "show", "plinth/x:stacks/Pulumi.dev.yaml") == "newer"
    assert git(origin, "diff", "--name-only", "main", "plinth/x") == "stacks/Pulumi.dev.yaml"
    assert git(origin, "rev-list", "--count", "main..plinth/x") == "1"
    assert git(clone, "status", "--porcelain") == ""
    assert git(clone, "branch", "--list") == "* main"


def test_a_proposal_that_changes_no_file_is_a_commit_all_the_same(clone: Path) -> None:
    with standing_in() as (api, seen):
        proposals.open_change(replace(proposal(), files={}), forge("github", api), root=clone)

    assert git(clone.parent / "origin.git", "diff", "--name-only", "main", "plinth/x") == ""
    assert len(seen.proposed) == 1


def test_a_branch_of_somebody_else_is_never_written_over(clone: Path) -> None:
    git(clone, "push", "-q", "origin", "main:refs/heads/theirs")
    git(clone, "commit", "-q", "--allow-empty", "-m", "theirs")
    git(clone, "push", "-q", "origin", "HEAD:refs/heads/theirs")
    git(clone, "reset", "-q", "--hard", "HEAD~1")
    with standing_in() as (api, seen), pytest.raises(PlinthError, match="git push failed"):
        proposals.open_change(proposal("theirs"), forge("github", api), root=clone)

    assert seen.proposed == []
    assert git(clone.parent / "origin.git", "log", "-1", "--format=%s", "theirs") == "theirs"


@pytest.mark.parametrize("kind", ["github", "gitlab"])
@pytest.mark.parametrize("code", [403, 500])
def test_a_forge_that_refuses_is_one_message(clone: Path, kind: str, code: int) -> None:
    with standing_in(POST_=code) as (api, seen), pytest.raises(PlinthError, match=str(code)) as caught:
        proposals.open_change(proposal(), forge(kind, api), root=clone)

    assert "made-up" not in str(caught.value)
    assert seen.proposed == []


def test_an_address_with_a_token_in_it_is_told_without(clone: Path) -> None:
    with standing_in() as (api, _), pytest.raises(PlinthError) as caught:
        proposals.open_change(
            proposal(), forge("github", api), root=clone, remote="http://x:hunter2@127.0.0.1:9/o/r.git"
        )

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "-x", "a..b", "a b", "x/", "x.lock", "$(id)"])
def test_what_is_no_name_of_a_branch_is_refused(clone: Path, name: str) -> None:
    with pytest.raises(PlinthError, match="is no name of a branch"):
        proposals.branch(proposal(name), clone)


def test_a_promotion_is_opened_with_what_moves_and_what_stays(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proposals, "repo_root", lambda: clone)
    monkeypatch.setattr(emulated, "repo_root", lambda: clone)
    staging, digest = clone / "stacks" / "Pulumi.staging.yaml", "sha256:" + "1" * 64
    document = yaml.safe_load(staging.read_text(encoding="utf-8"))
    document["config"]["plinth:releases"] = {
        "credit-risk": {"image": f"registry/credit-risk@{digest}", "model_digest": digest}
    }
    staging.write_text(yaml.safe_dump(document), encoding="utf-8")
    words = ["promote", "--from", "staging", "--to", "prod", "--open", "--repository", "o/r", "--api"]
    runner = CliRunner(env={"PLINTH_FORGE_TOKEN": "made-up", "NO_COLOR": "1"})
    with standing_in() as (api, seen):
        unsigned = runner.invoke(app, [*words, api])
        # What signatures hold for is tried in test_contracts.py; here the contract counts as signed.
        monkeypatch.setattr(contracts, "objections", lambda _settings: [])
        done = runner.invoke(app, [*words, api])

    assert isinstance(unsigned.exception, RefusedError)
    assert "nobody signed it" in unsigned.exception.what
    assert done.exit_code == 0, done.output
    (one,) = seen.proposed
    assert one["title"] == "Promote staging to prod"
    assert digest in one["body"]
    moved, stays = one["body"].split("<details>")
    assert "plinth:releases.credit-risk" in moved
    assert "plinth:network.cidr" in stays
    assert "plinth:network.cidr" not in moved
    changed = git(clone.parent / "origin.git", "diff", "--name-only", "main", one["head"])
    assert changed == "stacks/Pulumi.prod.yaml"


def test_without_a_repository_nothing_is_opened() -> None:
    done = CliRunner().invoke(app, ["promote", "--open"])

    assert isinstance(done.exception, PlinthError)
    assert done.exception.code == Exit.USAGE


def changed(kind: str, name: str, path: str, was: object, now: object) -> Drift:
    difference = Difference(path=path, was=was, now=now)
    return Drift(urn=f"urn::{name}", type=kind, name=name, id="x", gone=False, differences=(difference,))


SCALED = changed("kubernetes:apps/v1:Deployment", "credit-risk", "spec.replicas", 2, 3)
OPENED = changed(
    "kubernetes:core/v1:Namespace",
    "serving-namespace",
    'metadata.labels["pod-security.kubernetes.io/enforce"]',
    "restricted",
    "privileged",
)
GONE = Drift(urn="urn::deny", type="kubernetes:x/v1:NetworkPolicy", name="deny", id="x", gone=True)


def test_what_a_setting_says_is_kept_by_merging_and_the_rest_is_listed() -> None:
    made = drift_proposal.of(LOCAL, [SCALED, OPENED, GONE])

    (path,) = made.files
    before = yaml.safe_load(LOCAL.read_text(encoding="utf-8"))
    after = yaml.safe_load(made.files[path])
    assert after["config"]["plinth:services"]["credit-risk"].pop("replicas") == 3
    assert after == before
    kept, rest = made.body.split("**No setting says this:**")
    assert "plinth:services.credit-risk.replicas" in kept
    assert "credit-risk-budget" in kept, "what the setting changes as well"
    assert "privileged" in rest
    assert "**is gone**" in rest
    assert "spec.replicas" not in rest
    assert made.title == "Drift in local: 3 resources changed outside the program"
    assert made.branch == "plinth/drift-local"


def test_values_of_others_are_masked_and_stay_text() -> None:
    evil = "[x](https://evil.example) <img src=x> @everyone"
    key = "AKIA" + "ABCDEFGHIJKLMNOP"
    body = drift_proposal.body(
        "local",
        [
            changed("aws:x/y:Z", evil, "tags.note", key, evil),
            changed("aws:x/y:Z", "z", "dbPassword", "hunter2", "hunter3"),
        ],
        [],
    )

    assert key not in body
    assert "hunter" not in body
    assert "](https://evil" not in body
    assert "<img" not in body
    assert "@everyone" not in body


def test_a_comment_beside_a_setting_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The local stack's GPU pools carry one, so the setting is not written, and the change is listed."""
    pool = changed("aws:eks/nodeGroup:NodeGroup", "a10g", "scalingConfig.maxSize", 2, 3)
    found = drift_settings.Setting(
        path=("gpu", "pools", "a10g", "max_nodes"), was=2, now=3, resource="a10g", at="scalingConfig.maxSize",
        others=(),
    )  # fmt: skip
    monkeypatch.setattr(drift_settings, "search", lambda *_: [found])

    made = drift_proposal.of(LOCAL, [pool])

    assert (
        "#" in LOCAL.read_text(encoding="utf-8").partition("plinth:gpu:")[2].partition("plinth:services")[0]
    )
    assert made.files == {}
    assert "scalingConfig.maxSize" in made.body.split("**No setting says this:**")[1]


@pytest.mark.parametrize(
    ("was", "now"), [(2, None), (2, MASKED), (7, 3)], ids=["gone", "secret", "not the program's"]
)
def test_what_cannot_be_a_setting_is_not_searched(was: object, now: object) -> None:
    raw = {"services": {"credit-risk": {"replicas": 2}}}
    base = {("kubernetes:apps/v1:Deployment", "credit-risk"): {"spec": {"replicas": 2}}}
    drift = changed("kubernetes:apps/v1:Deployment", "credit-risk", "spec.replicas", was, now)

    assert drift_settings.candidates(raw, base, drift, drift.differences[0]) == []


def test_a_setting_is_a_candidate_by_value_kind_and_a_common_word() -> None:
    raw = {
        "network": {"zones": 2}, "services": {"credit-risk": {"replicas": 2, "name": "2"}},
        "environment": "local",
    }  # fmt: skip
    base = {(SCALED.type, SCALED.name): {"spec": {"replicas": 2}}}

    found = drift_settings.candidates(raw, base, SCALED, SCALED.differences[0])

    assert found == [("services", "credit-risk", "replicas")]
    assert ("services", "credit-risk", "name") in dict(drift_settings.leaves(raw))


def test_a_promotion_of_nothing_says_so_in_its_table() -> None:
    found = promotion.plan(LOCAL, LOCAL)

    assert (found.diff, found.moves) == ("", ())
