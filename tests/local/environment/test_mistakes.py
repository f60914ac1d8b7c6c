"""Bad input: one clear message, the right exit code, nothing started, nothing lost, never a traceback."""

import json
from pathlib import Path

import pytest
from clones import Clone, edit

from infra.errors import Exit

pytestmark = pytest.mark.faults

FIVE_MISTAKES = """\
config:
  plinth:owner: you
  plinth:cost_centre: none
  plinth:approval: perhaps
  plinth:colour: blue
  plinth:aws:
    account_id: "12345"
    region: Frankfurt
    emulated: true
  plinth:gateway:
    domain: plinth.localhost
  plinth:services:
    credit-risk:
      replicas: 1
"""


@pytest.mark.parametrize("command", ["up", "preview", "env"])
def test_five_mistakes_of_a_stack_file_are_told_at_once_and_nothing_is_started(
    idle_draft: Clone, command: str
) -> None:
    (idle_draft.root / "stacks" / "Pulumi.local.yaml").write_text(FIVE_MISTAKES, encoding="utf-8")
    done = idle_draft.plinth(command).ended(
        Exit.SETTINGS,
        "5 mistakes in the settings of stack 'local':",
        'plinth:approval: "perhaps" is not allowed',
        "'gates' or 'person'",
        'plinth:colour: unknown key (value "blue"); known keys are approval, audit, aws,',
        'plinth:aws.account_id: "12345" is not allowed',
        'plinth:aws.region: "Frankfurt" is not allowed',
        "plinth:services.credit-risk.replicas: 1 is not allowed",
        "where: stacks/Pulumi.local.yaml",
    )
    assert done.err.count("\n  - ") == 5
    assert idle_draft.processes() == []
    assert not (idle_draft.home / "local").exists()


@pytest.mark.parametrize(
    ("words", "code", "sentences"),
    [
        (
            ("up", "--stack", "nowhere"),
            Exit.SETTINGS,
            ("There is no stack 'nowhere'.", "Use one of: dev,"),
        ),
        (("preview", "-s", "../x"), Exit.SETTINGS, ("There is no stack '../x'.", "Use one of: dev,")),
        (
            ("status", "-s", "nowhere"),
            Exit.SETTINGS,
            ("There is no stack 'nowhere'.", "Use one of: dev,"),
        ),
        (
            ("predict", "-s", "nowhere"),
            Exit.SETTINGS,
            ("There is no stack 'nowhere'.", "Use one of: dev,"),
        ),
        (("status",), Exit.FAILED, ("the local platform is down: ./plinth up",)),
        (("predict",), Exit.FAILED, ("Service 'credit-risk' is not deployed", "./plinth up")),
        (("env",), Exit.PLATFORM, ("The local platform is not up", "./plinth up")),
        (("logs", "aws"), Exit.FAILED, ("There is no log of 'aws'.", "./plinth up")),
        (("down",), Exit.OK, ("Stopped.",)),
        (("down", "--purge"), Exit.OK, ("Stopped and removed",)),
        (("fly",), Exit.USAGE, ("No such command 'fly'",)),
        (("up", "--fast"), Exit.USAGE, ("No such option",)),
        (("logs", "aws", "-n", "0"), Exit.USAGE, ("Invalid value",)),
        (("toolchain", "build", "--report", "xml"), Exit.USAGE, ("There is no report 'xml'.",)),
        (("test", "everything"), Exit.USAGE, ("There is no tier 'everything'.",)),
    ],
)
def test_a_command_that_cannot_work_says_why_and_starts_nothing(
    idle_draft: Clone, words: tuple[str, ...], code: Exit, sentences: tuple[str, ...]
) -> None:
    idle_draft.plinth(*words).ended(code, *sentences)
    assert idle_draft.processes() == []


@pytest.mark.parametrize(
    "words", [("up",), ("preview",), ("status",), ("predict",), ("down",), ("down", "--purge"), ("doctor",)]
)
def test_a_home_that_cannot_be_written_is_named(
    idle_draft: Clone, tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    idle_draft.home = tmp_path / "file" / "home"  # a file in the way stops an administrator too
    done = idle_draft.plinth(*words)
    if words[0] in {"up", "preview"}:
        done.ended(Exit.PLATFORM, "cannot be written: Not a directory.", "PLINTH_HOME", str(idle_draft.home))
    elif words[0] == "doctor":
        done.ended(Exit.PLATFORM, f"{idle_draft.home}: Not a directory", "PLINTH_HOME")
    else:  # there is nothing there, and they need to write nothing
        assert done.code in {Exit.OK, Exit.FAILED}, done.text
        done.ended(Exit(done.code))
        assert "defect" not in done.text
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


def test_a_purge_removes_no_folder_that_plinth_did_not_make(idle_draft: Clone, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    (mine / "thesis").mkdir(parents=True)
    (mine / "thesis" / "text").write_text("years of work", encoding="utf-8")
    idle_draft.home = mine
    idle_draft.plinth("down", "--purge").ended(Exit.PLATFORM, "was not made by Plinth, so it is not removed")
    assert (mine / "thesis" / "text").read_text(encoding="utf-8") == "years of work"


def test_a_stack_on_aws_is_refused_by_name(idle_draft: Clone) -> None:
    local = idle_draft.root / "stacks" / "Pulumi.local.yaml"
    (idle_draft.root / "stacks" / "Pulumi.dev.yaml").write_bytes(local.read_bytes())
    edit(idle_draft.root / "stacks" / "Pulumi.dev.yaml", "emulated: true", "emulated: false")
    edit(idle_draft.root / "stacks" / "Pulumi.dev.yaml", "contracts: development", "contracts: signed")
    idle_draft.plinth("up", "--stack", "dev").ended(Exit.FAILED, "Stack 'dev' lives on AWS, and ", "emulated")
    assert idle_draft.processes() == []


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("{not json", "The request is not valid JSON"),
        ("", "The request is not valid JSON"),
        ("[]", "answered 4"),
        ('{"duration_months": 12}', "credit_amount_dm"),
    ],
)
def test_a_bad_request_is_answered_with_what_is_wrong_with_it(
    clone: Clone, given: str, sentence: str
) -> None:
    clone.plinth("predict", "-i", "-", given=given).ended(Exit.FAILED, sentence)


def test_a_field_out_of_range_is_named_and_its_value_is_not_repeated(clone: Clone) -> None:
    example = json.loads((clone.root / "services" / "credit_risk" / "example.json").read_text("utf-8"))
    asked = json.dumps(example | {"duration_months": 987654321, "telephone": "private-number"})
    done = clone.plinth("predict", "-i", "-", given=asked).ended(
        Exit.FAILED, "duration_months", "telephone", "Correct the fields that are named"
    )
    assert "987654321" not in done.text
    assert "private-number" not in done.text


@pytest.mark.parametrize(
    ("words", "sentences"),
    [
        (("predict", "--service", "weather"), ("Service 'weather' is not deployed", "deployed: credit-risk")),
        (
            ("predict", "-i", "/nowhere/x.json"),
            ("The request cannot be read: No such file", "/nowhere/x.json"),
        ),
        (("predict", "-i", "/"), ("The request cannot be read: Is a directory",)),
        (
            ("logs", "weather"),
            (
                "There is no log of 'weather'.",
                "Use one of: alertmanager, apiserver,",
                "credit-risk, digit-reader, engine.",
            ),
        ),
        (("logs", "../../releases"), ("There is no log of '../../releases'.",)),
    ],
)
def test_a_name_that_is_unknown_is_answered_with_those_that_are_known(
    clone: Clone, words: tuple[str, ...], sentences: tuple[str, ...]
) -> None:
    clone.plinth(*words).ended(Exit.FAILED, *sentences)


@pytest.mark.parametrize("part", ["aws", "supervisor", "credit-risk", "engine"])
def test_every_log_that_is_offered_can_be_read(clone: Clone, part: str) -> None:
    done = clone.plinth("logs", part, "-n", "3").ended(Exit.OK)
    assert 1 <= len(done.out.splitlines()) <= 3


def test_a_releases_file_that_is_missing_or_corrupt_is_named_and_written_anew(settled: Clone) -> None:
    releases = settled.releases_file
    good = releases.read_bytes()
    preview = 'eval "$(./plinth env)"; pulumi preview --color never'
    releases.unlink()
    missing = settled.shell(preview)
    releases.write_bytes(good[: len(good) // 2])
    corrupt = settled.shell(preview)

    for done, sentence in (
        (missing, "PLINTH_RELEASES names a file that does not exist."),
        (corrupt, "The releases file is not valid JSON"),
    ):
        assert done.code != 0
        assert sentence in done.text
        assert str(releases) in done.text
        assert "./plinth up" in done.text
        assert "Traceback" not in done.text
    assert settled.plinth("up", "--json").ended(Exit.OK).json["changes"] == {}
    assert releases.read_bytes() == good
