"""From nothing to a served decision, by `./plinth` and by plain Pulumi, and nothing to do afterwards."""

import json
import subprocess
from typing import Any

import pytest
from clones import Clone
from commands import Done

from infra.errors import Exit

pytestmark = pytest.mark.local


def test_up_from_nothing_ends_with_a_ready_service(one_clone: Clone, first_up: Done) -> None:
    told = first_up.ended(Exit.OK).json
    assert set(told["changes"]) == {"create"}
    assert told["status"]["healthy"]
    assert [(s["name"], s["ready"], s["wanted"]) for s in told["status"]["services"]] == [
        ("credit-risk", 2, 2),
        ("digit-reader", 2, 2),
    ]
    assert one_clone.home.stat().st_mode & 0o077 == 0, "state and keys are this user's alone"


def test_a_decision_names_the_model_that_was_built_and_deployed(settled: Clone) -> None:
    answer = settled.plinth("predict", "--json").ended(Exit.OK).json
    released = json.loads(settled.releases_file.read_text(encoding="utf-8"))["credit-risk"]
    with settled.kubernetes() as api:
        deployment = api.get("/apis/apps/v1/namespaces/serving/deployments/credit-risk").json()
    (container,) = deployment["spec"]["template"]["spec"]["containers"]

    assert answer["decision"] in {"approve", "refer_to_human", "decline"}
    assert 0 < answer["probability_of_default"] < 1
    assert (
        answer["model_digest"]
        == released["model_digest"]
        == deployment["metadata"]["annotations"]["plinth.dev/model-digest"]
    )
    assert container["image"] == released["image"]


@pytest.mark.parametrize(
    ("service", "decision"),
    [
        ("credit-risk", {"decision": "approve", "reasons": ["low_risk"]}),
        ("digit-reader", {"decision": "read", "digit": 3}),
    ],
)
def test_each_service_answers_guarded_explained_and_logged_through_the_gateway(
    settled: Clone, service: str, decision: dict[str, Any]
) -> None:
    at = ("--service", service)
    answer = settled.plinth("predict", *at, "--json").ended(Exit.OK).json
    found = settled.plinth("audit", "search", answer["decision_id"], *at, "--json").ended(Exit.OK).json
    report = settled.plinth("audit", "verify", *at, "--json").ended(Exit.OK).json
    settled.plinth("review", "list", *at).ended(Exit.OK)

    assert {name: answer.get(name) for name in decision} == decision, answer
    assert answer["confidence"]["likelier"] > 0.9
    assert answer["guard"]["verdict"] == "in_distribution"
    assert len(answer["explanation"]) == 4
    assert [row["body"]["id"] for row in found] == [answer["decision_id"]]
    assert found[0]["body"]["explanation"]["terms"], "the record keeps all terms"
    assert (report["findings"], report["records"] > 0) == ([], True)


def test_a_decision_follows_what_was_asked(settled: Clone) -> None:
    example = (settled.root / "services" / "credit_risk" / "example.json").read_text(encoding="utf-8")
    asked = json.loads(example)
    risky = asked | {"checking_account": "overdrawn", "duration_months": 60, "credit_amount_dm": 15000}
    risky |= {"savings": "below_100_dm", "credit_history": "no_credits"}
    first = settled.plinth("predict", "--json").ended(Exit.OK).json
    same = settled.plinth("predict", "--json", "-i", "-", given=example).ended(Exit.OK).json
    other = settled.plinth("predict", "--json", "-i", "-", given=json.dumps(risky))

    assert same["probability_of_default"] == first["probability_of_default"]
    assert other.ended(Exit.OK).json["probability_of_default"] > first["probability_of_default"]


def test_status_and_doctor_find_everything_well(settled: Clone) -> None:
    status = settled.plinth("status", "--json").ended(Exit.OK).json
    findings = settled.plinth("doctor", "--json").ended(Exit.OK).json

    assert status["healthy"]
    assert status["problems"] == []
    assert {part["state"] for part in status["parts"].values()} == {"ready"}
    assert status["resources"] == len(settled.checkpoint()["resources"])
    assert {f["check"]: f["verdict"] for f in findings if f["verdict"] == "problem"} == {}
    # Everything here has this AWS API for its way out: engine, providers, training, services.
    assert [f["seen"] for f in findings if f["check"] == "outside"] == [
        "nothing asked for hosts beyond the local AWS API"
    ]
    settled.plinth("status").ended(Exit.OK, "2 of 2 pods ready")


def test_a_second_up_changes_nothing(settled: Clone) -> None:
    before = settled.resources()
    told = settled.plinth("up", "--json").ended(Exit.OK).json
    seen = settled.plinth("preview", "--json").ended(Exit.OK).json

    assert told["changes"] == {}
    assert (seen["changes"], seen["steps"]) == ({}, [])
    assert {(found["level"], found["policy"]) for found in seen["violations"]} <= {("advisory", "advice")}
    assert settled.resources() == before


def _tree(clone: Clone) -> str:
    """Return everything about the working tree that git would show as changed."""
    done = subprocess.run(
        ["git", "status", "--porcelain=v1", "--untracked-files=all"],
        cwd=clone.root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    diff = subprocess.run(["git", "diff"], cwd=clone.root, capture_output=True, text=True, check=True)
    return done.stdout + diff.stdout


def test_plain_pulumi_does_the_same_and_leaves_the_tree_as_it_was(settled: Clone) -> None:
    tree, before = _tree(settled), settled.resources()
    done = settled.shell(
        'set -e; eval "$(./plinth env)"\n'
        "pulumi preview --json > $PLINTH_HOME/preview.json\n"
        "pulumi up --yes --color never"
    ).ended(Exit.OK)
    preview: dict[str, Any] = json.loads((settled.home / "preview.json").read_text(encoding="utf-8"))

    assert set(preview["changeSummary"]) == {"same"}
    assert "Policies:" in done.out
    assert "plinth@v" in done.out, "the policy pack is named with its version"
    assert "Resources:" in done.out
    assert "unchanged" in done.out
    assert not any(word in done.out for word in ("created", "updated", "deleted", "replaced"))
    assert settled.resources() == before
    assert _tree(settled) == tree
