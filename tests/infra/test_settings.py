"""Settings are read whole, and every mistake is told at once."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from infra.errors import Exit, SettingsError
from infra.local.paths import repo_root
from infra.settings import Settings
from infra.settings_sources import RELEASES_VARIABLE

FIVE_MISTAKES = """\
config:
  plinth:owner: you
  plinth:cost_centre: ""
  plinth:aproval: gates
  plinth:aws: {account_id: "12", region: mars}
  plinth:gateway: {domain: plinth.localhost}
  plinth:services: {credit-risk: {replicas: 1}}
"""


def test_the_local_stack_file_is_valid() -> None:
    settings = Settings.from_file(repo_root() / "stacks" / "Pulumi.local.yaml", environ={})

    assert settings.environment == "local"
    assert settings.aws.emulated


def test_five_mistakes_are_reported_at_once_with_key_value_allowed_set_and_file(tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.local.yaml"
    path.write_text(FIVE_MISTAKES, encoding="utf-8")

    with pytest.raises(SettingsError) as caught:
        Settings.from_file(path, environ={})

    lines = str(caught.value).splitlines()
    assert lines[0] == "5 mistakes in the settings of stack 'local':"
    assert lines[1:6] == [
        '  - plinth:cost_centre: "" is not allowed: String should have at least 1 character',
        "  - plinth:aws.account_id: \"12\" is not allowed: String should match pattern '^\\d{12}$'",
        (
            '  - plinth:aws.region: "mars" is not allowed: '
            "String should match pattern '^[a-z]{2}(-[a-z]+)+-\\d$'"
        ),
        (
            "  - plinth:services.credit-risk.replicas: 1 is not allowed: "
            "Input should be greater than or equal to 2"
        ),
        (
            '  - plinth:aproval: unknown key (value "gates"); known keys are '
            + ", ".join(sorted(Settings.model_fields))
        ),
    ]
    assert lines[6] == "  where: stacks/Pulumi.local.yaml"
    assert caught.value.code == Exit.SETTINGS


def test_a_secret_value_is_not_shown(raw_settings: dict[str, Any]) -> None:
    raw_settings["database_password"] = "hunter2"

    with pytest.raises(SettingsError) as caught:
        Settings.parse(raw_settings, stack="local", environ={})

    assert "hunter2" not in str(caught.value)
    assert "database_password" in str(caught.value)


def test_a_missing_file_names_the_stacks_that_exist(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n", encoding="utf-8")

    with pytest.raises(SettingsError, match="Use one of: dev"):
        Settings.from_file(tmp_path / "Pulumi.prod.yaml", environ={})


@pytest.mark.parametrize("text", ["config: [", "\tconfig: {}", "just words", "config: 3", ""])
def test_a_file_that_is_no_stack_file_is_told_in_one_message(tmp_path: Path, text: str) -> None:
    path = tmp_path / "Pulumi.local.yaml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(SettingsError):
        Settings.from_file(path, environ={})


def test_settings_cannot_be_changed(settings: Settings) -> None:
    with pytest.raises(ValidationError):
        settings.owner = "somebody else"  # type: ignore[misc]


def test_releases_come_from_the_file_that_the_environment_names(
    raw_settings: dict[str, Any], tmp_path: Path
) -> None:
    releases = raw_settings.pop("releases")
    path = tmp_path / "releases.json"
    path.write_text(json.dumps(releases), encoding="utf-8")

    settings = Settings.parse(raw_settings, stack="local", environ={RELEASES_VARIABLE: str(path)})

    assert settings.release("credit-risk").image == releases["credit-risk"]["image"]


@pytest.mark.parametrize(
    "content", [None, "{", '{"credit-risk": {"image": "x:latest", "model_digest": "y"}}']
)
def test_an_unusable_releases_file_is_told(
    raw_settings: dict[str, Any], tmp_path: Path, content: str
) -> None:
    del raw_settings["releases"]
    path = tmp_path / "releases.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")

    with pytest.raises(SettingsError):
        Settings.parse(raw_settings, stack="local", environ={RELEASES_VARIABLE: str(path)})


def test_a_service_without_release_says_what_to_do(raw_settings: dict[str, Any]) -> None:
    del raw_settings["releases"]
    settings = Settings.parse(raw_settings, stack="local", environ={})

    with pytest.raises(SettingsError, match=r"\./plinth up"):
        settings.release("credit-risk")


def test_an_image_by_tag_is_refused(raw_settings: dict[str, Any]) -> None:
    raw_settings["releases"]["credit-risk"]["image"] = "registry.example/credit-risk:latest"

    with pytest.raises(SettingsError, match=r"releases\.credit-risk\.image"):
        Settings.parse(raw_settings, stack="local", environ={})


def test_a_release_of_an_unknown_service_is_refused(raw_settings: dict[str, Any]) -> None:
    raw_settings["releases"]["fraud"] = raw_settings["releases"]["credit-risk"]

    with pytest.raises(SettingsError, match="fraud"):
        Settings.parse(raw_settings, stack="local", environ={})


def test_every_key_is_described() -> None:
    def undescribed(model: Any, path: str = "") -> list[str]:
        found = []
        for name, entry in model.model_fields.items():
            nested = entry.annotation if hasattr(entry.annotation, "model_fields") else None
            if nested:
                found += undescribed(nested, f"{path}{name}.")
            elif not (entry.description or "").endswith("."):
                found.append(f"{path}{name}")
        return found

    assert undescribed(Settings) == []


def test_defaults_are_the_safe_ones(raw_settings: Mapping[str, Any]) -> None:
    bare = {key: raw_settings[key] for key in ("owner", "cost_centre", "gateway")}
    settings = Settings.parse(
        {**bare, "aws": {"account_id": "123456789012", "region": "eu-central-1"}}, stack="staging", environ={}
    )

    assert settings.approval == "person"
    assert settings.contracts == "signed"
    assert not settings.aws.emulated
    assert settings.storage.key_deletion_days == 30
