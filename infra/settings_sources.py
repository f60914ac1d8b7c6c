"""Where settings come from: the engine, a stack file's folder, the releases file."""

import json
from pathlib import Path
from typing import Any

from infra.errors import SettingsError

RELEASES_VARIABLE = "PLINTH_RELEASES"
"""Environment variable that names the releases file."""


def known_stacks(folder: Path) -> list[str]:
    """Return the names of the stack files in a folder."""
    return sorted(p.name.removeprefix("Pulumi.").removesuffix(".yaml") for p in folder.glob("Pulumi.*.yaml"))


def all_config() -> dict[str, Any]:
    """Return every key of the stack, so that a misspelt one is found and not silently ignored."""
    from pulumi.runtime.config import CONFIG, get_config_env  # noqa: PLC0415 - not public, kept in one place

    return dict(CONFIG.get()) or get_config_env()


def decode(value: Any) -> Any:
    """Turn the engine's flat strings back into what the YAML said."""
    if not isinstance(value, str):
        return value
    if value[:1] in "{[":
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    if value in {"true", "false"}:
        return value == "true"
    return value


def read_json(path: Path, *, variable: str, what: str, missing: str, broken: str) -> Any:
    """Return what a file that a variable names says; it is checked with the other settings.

    Args:
        path: The file.
        variable: The environment variable that names it.
        what: What it is, for the message.
        missing: What to do when it is not there.
        broken: What to do when it is no JSON.

    Raises:
        SettingsError: It is missing or no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(
            f"{variable} names a file that does not exist.", where=str(path), fix=missing
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{what} is not valid JSON: {error}", where=str(path), fix=broken) from None
