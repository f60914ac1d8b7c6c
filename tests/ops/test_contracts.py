"""Nothing runs without a contract that holds; the clone's own key counts on emulated stacks only."""

import json
import re
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from typer.testing import CliRunner

from infra.errors import RefusedError, SettingsError
from infra.local.paths import repo_root
from infra.operations import contracts as operations_contracts
from infra.ops import changes, contracts, environment, lifecycle, promotion
from infra.ops.cli import app
from infra.ops.console import Steps
from infra.ops.events import Run, Violation
from infra.settings import Release, Settings
from infra.settings_foundation import GpuSettings
from services.lifecycle.registry import Registry, Version
from services.lifecycle.stores import FolderItems, FolderObjects
from services.readiness import dsse, signers

DIGEST = "sha256:" + "b" * 64
AUC = {"auc": 0.8, "brier": 0.17, "cost": 0.5}
CHECKS = {
    "slices": {"worst_auc": 0.6},
    "stress": {"invalid_share": 0.0, "batch_difference": 0.0},
    "robustness": {"decisions_changed_share": 0.0},
}
AGE = {
    "young": {"rows": 100, "approval_rate": 0.2, "approval_rate_of_good": 0.2},
    "old": {"rows": 100, "approval_rate": 0.3, "approval_rate_of_good": 0.3},
}


@pytest.fixture(autouse=True)
def a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PLINTH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(autouse=True)
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one service, so that a test may write signatures."""
    root = tmp_path / "root"
    (root / "services" / "credit_risk").mkdir(parents=True)
    for name in ("contract.yaml", "runbook.md"):
        text = (repo_root() / "services" / "credit_risk" / name).read_text()
        (root / "services" / "credit_risk" / name).write_text(text)
    monkeypatch.setattr(contracts, "repo_root", lambda: root)
    return root / "services"


@pytest.fixture(autouse=True)
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the report out: it needs what a real engine writes, and is judged by tests of its own."""
    monkeypatch.setattr(changes.reports, "of", lambda *_: None)
    monkeypatch.setattr(changes.reports, "require_budget", lambda _: None)


def settings(**changes) -> Settings:
    local = Settings.from_file(repo_root() / "stacks" / "Pulumi.local.yaml", environ={})
    release = Release(image=f"a@{DIGEST}", model_digest=DIGEST)
    update = {
        "services": {"credit-risk": local.services["credit-risk"]},
        "releases": {"credit-risk": release},
    }
    return local.model_copy(update=update | changes)


def built(home: Path, *, auc: float = 0.8) -> None:
    record = home / "build/credit-risk/bento/src/services/credit_risk/model/record.json"
    record.parent.mkdir(parents=True)
    parts = {"holdout": AUC | {"auc": auc}, "cross_validation": AUC, **CHECKS}
    content = {"model_digest": DIGEST, "metrics": parts, "groups": {"cross_validation": {"age": AGE}}}
    record.write_text(json.dumps(content))


def judged(environment: str = "local") -> None:
    now = contracts.datetime.now(contracts.UTC)
    contracts.leave_evidence(environment, contracts.policy_verdicts(Run(), subject="sha256:1", now=now))


def ready(stack: Settings, run: Run) -> changes.Ready:
    engine = SimpleNamespace(run=lambda *_, **__: run)
    return changes.Ready(settings=stack, engine=engine, state="s", behind=False)  # type: ignore[arg-type]


def test_a_preview_is_signed_by_the_clone_and_accepted_where_the_stack_says_so(a_home, services) -> None:
    built(a_home)

    changes.preview(ready(settings(), Run(exit_code=0)), Steps())

    assert environment.acceptance_file("local").exists()
    standing = contracts.standing("credit-risk", settings())
    assert (standing.holds, standing.signed_for) == (True, "development")
    assert (a_home / "keys/development.pem").stat().st_mode & 0o077 == 0
    assert not (services / "credit_risk" / "signatures").exists()


def test_a_preview_is_refused_and_not_accepted_without_the_owners(a_home) -> None:
    built(a_home)
    stack = settings(contracts="signed", gpu=GpuSettings())  # without pools, nobody asks for quotas

    for command in (changes.preview, lambda *args: changes.up(*args, adopt_existing=False)):
        with pytest.raises(RefusedError, match="nobody signed it"):
            command(ready(stack, Run(exit_code=0)), Steps())

    assert not environment.acceptance_file("local").exists()


def test_a_broken_limit_is_refused_even_in_development(a_home) -> None:
    built(a_home, auc=0.6)

    with pytest.raises(RefusedError) as caught:
        changes.preview(ready(settings(), Run(exit_code=0)), Steps())

    assert "broken limit: holdout.auc is 0.6 ratio, at least 0.7 is allowed" in str(caught.value)
    assert "evidence 'validation' says that it failed" in str(caught.value)


def test_a_service_without_a_contract_is_refused(a_home, services) -> None:
    built(a_home)
    (services / "credit_risk" / "contract.yaml").unlink()

    with pytest.raises(RefusedError, match="has no readable contract"):
        contracts.require(settings())


def test_two_owners_sign_the_same_statement(a_home, services, tmp_path) -> None:
    built(a_home)
    judged()
    stack = settings(contracts="signed")
    rows = []
    for name, role in (("Ada", "ml"), ("Bob", "operations")):
        key = dsse.make_key(tmp_path / f"{name}.pem")
        rows.append({"name": name, "roles": [role], "key": dsse.public_text(key.public_key())})
    (services / signers.SIGNERS_FILE).write_text(yaml.safe_dump({"signers": rows}))

    first = contracts.sign("credit-risk", stack, tmp_path / "Ada.pem")
    second = contracts.sign("credit-risk", stack, tmp_path / "Bob.pem")

    assert first.objections == ("the operations owner has not signed",)
    assert second.holds
    assert contracts.require(stack) == []
    contract = services / "credit_risk" / "contract.yaml"
    contract.write_text(contract.read_text() + "# a word\n")
    assert any("edited after it was signed" in line for line in contracts.objections(stack))


def signed(tmp_path: Path, services: Path, owners: str = "Ada Bob", *, revoked: bool = False) -> None:
    """Let owners sign; Bob's key may be revoked afterwards."""
    rows = []
    for name, role in (("Ada", "ml"), ("Bob", "operations")):
        key = dsse.make_key(tmp_path / f"{name}.pem")
        rows.append({"name": name, "roles": [role], "key": dsse.public_text(key.public_key())})
    (services / signers.SIGNERS_FILE).write_text(yaml.safe_dump({"signers": rows}))
    for name in owners.split():
        contracts.sign("credit-risk", settings(contracts="signed"), tmp_path / f"{name}.pem")
    if revoked:
        rows[1]["revoked"] = {"since": date(2026, 11, 1), "why": "laptop lost"}
        (services / signers.SIGNERS_FILE).write_text(yaml.safe_dump({"signers": rows}))


def broken_contract(case: str, a_home: Path, services: Path, tmp_path: Path) -> Settings:
    """Return a stack of which exactly one thing is wrong."""
    contract = services / "credit_risk" / "contract.yaml"
    if case == "expired":
        contract.write_text(re.sub(r"expires: \S+", "expires: 2026-01-01", contract.read_text()))
    built(a_home, auc=0.6 if case == "broken limit" else 0.8)
    judged()
    owners = {"unsigned": "", "half-signed": "Ada"}.get(case, "Ada Bob")
    signed(tmp_path, services, owners, revoked=case == "revoked key")
    if case == "edited":
        contract.write_text(contract.read_text().replace("within_seconds: 60", "within_seconds: 600"))
    if case == "wrong model digest":
        return settings(contracts="signed", gpu=GpuSettings(), releases={"credit-risk": OTHER})
    return settings(contracts="signed", gpu=GpuSettings())


OTHER = Release(image=f"a@{DIGEST}", model_digest="sha256:" + "c" * 64)
BROKEN = {
    "unsigned": "nobody signed it",
    "half-signed": "the operations owner has not signed",
    "expired": "expired on 2026-01-01",
    "edited": "the contract was edited after it was signed",
    "wrong model digest": "it was signed for another model",
    "broken limit": "broken limit: holdout.auc is 0.6 ratio, at least 0.7 is allowed",
    "revoked key": "the key of Bob was revoked on 2026-11-01: laptop lost",
}


@pytest.mark.parametrize("case", ["nothing", *BROKEN])
def test_every_gate_refuses_a_contract_that_does_not_hold_with_the_reason(
    case, a_home, services, tmp_path, monkeypatch
) -> None:
    """Preview, promotion to another stack and in the registry, and the exporter's alert: one answer."""
    stack = broken_contract(case, a_home, services, tmp_path)
    found = promotion.Promotion(
        source="local", target="prod", moves=(("plinth:releases", None, {}),), stays=(), text="", diff="-"
    )
    monkeypatch.setattr(promotion.Settings, "from_file", lambda *_, **__: stack)
    version = Version(
        model="credit-risk",
        version="000002",
        digest=stack.releases["credit-risk"].model_digest,
        manifest_digest=DIGEST,
        stage="canary",
        figures={},
        lineage={},
        history=[{"stage": "registered", "by": "Ada", "why": "", "at": "2026-11-01T00:00:00+00:00"}],
    )
    gates = {
        "preview": lambda: changes.preview(ready(stack, Run(exit_code=0)), Steps()),
        "promotion": lambda: promotion.require_contracts(found, Path("Pulumi.local.yaml")),
        "registry": lambda: lifecycle.require_contract(version, stack),
    }

    said = {}
    for name, gate in gates.items():
        try:
            gate()
        except RefusedError as error:
            said[name] = str(error)
    (sample,) = operations_contracts.validity(stack, {"credit-risk": version.digest})

    if case == "nothing":
        assert said == {}
        assert sample.value == 1
        return
    assert {name: BROKEN[case] in text for name, text in said.items()} == dict.fromkeys(gates, True), said
    assert (sample.name, sample.value) == ("plinth_contract_valid", 0)
    assert not environment.acceptance_file("local").exists()


def test_what_was_in_production_comes_back_whatever_the_contract_says(monkeypatch, tmp_path) -> None:
    asked = []
    monkeypatch.setattr(lifecycle, "require_contract", lambda *_: asked.append("asked"))
    items = FolderItems(tmp_path / "t", partition="model", sort="version")
    registry = Registry(FolderObjects(tmp_path / "o"), items)
    monkeypatch.setattr(lifecycle, "stores", lambda *_: SimpleNamespace(registry=registry))
    for number, stage in enumerate(["previous", "production", "canary"], 1):
        one = Version(
            model="credit-risk", version=f"{number:06d}", digest=f"d{number}", manifest_digest="m",
            stage=stage, figures={}, lineage={}, history=[],
        )  # fmt: skip
        items.put(one.item())

    lifecycle.move("credit-risk", settings(), "folder", name="000001", stage="production", why="rollback")
    assert asked == []
    lifecycle.move("credit-risk", settings(), "folder", name="000003", stage="production", why="promoted")
    assert asked == ["asked"]


def test_a_key_on_no_list_signs_nothing(a_home, services, tmp_path) -> None:
    built(a_home)
    judged()
    dsse.make_key(tmp_path / "eve.pem")

    with pytest.raises(RefusedError, match="on no list"):
        contracts.sign("credit-risk", settings(contracts="signed"), tmp_path / "eve.pem")
    assert not (services / "credit_risk" / "signatures").exists()


def test_a_violated_policy_is_evidence_against() -> None:
    now = contracts.datetime.now(contracts.UTC)
    run = Run(violations=[Violation(policy="storage", level="mandatory", urn="u", message="m")])

    found = contracts.policy_verdicts(run, subject="sha256:1", now=now)

    assert not found.passed
    assert found.figures["policies.mandatory_violations"] == 1


def test_a_stack_on_aws_cannot_ask_for_less_than_both_owners() -> None:
    raw = yaml.safe_load((repo_root() / "stacks" / "Pulumi.dev.yaml").read_text())["config"]
    values = {key.removeprefix("plinth:"): value for key, value in raw.items()} | {"contracts": "development"}

    with pytest.raises(SettingsError, match="needs the signatures of both owners"):
        Settings.parse(values, stack="dev", environ={})


def test_the_commands_say_what_is_in_the_way() -> None:
    runner = CliRunner()

    verified = runner.invoke(app, ["contract", "verify", "credit-risk", "--stack", "prod"])
    told = runner.invoke(app, ["contract", "status", "--stack", "prod", "--json"])
    checked = runner.invoke(app, ["contract", "check"])

    assert verified.exit_code == 4
    assert not json.loads(told.stdout)[0]["holds"]
    assert checked.exit_code == 0
