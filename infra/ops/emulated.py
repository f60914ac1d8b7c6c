"""Any stack on the laptop: a copy of its settings that lives on the local platform, in a home of its own.

The program is the same and so are its settings, but for the keys below. Nothing of the real
stack is read or touched: neither its state nor its account nor its secrets.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from infra.errors import PlinthError, SettingsError
from infra.local import isolation, session
from infra.local.paths import home, repo_root
from infra.local.session import homes

OVERRIDES: dict[str, Any] = {
    "plinth:contracts": "development",
    "plinth:aws": {"emulated": True, "account_id": "123456789012"},
    "plinth:gateway": {"controller": "plinth.dev/local-gateway"},
}
"""The keys in which the copy differs: where AWS is, which account it has, who serves the gateway, and that
the clone's own key may sign (whether the real stack's contracts hold is told beside the preview)."""
_SECRETS_KEYS = ("secretsprovider", "encryptedkey", "encryptionsalt")
"""Top-level keys that say how the real stack's secrets are locked; the copy has the local stack's lock."""


def stack_file(stack: str) -> Path:
    """Return the committed settings file of a stack.

    Raises:
        SettingsError: There is no such stack.
    """
    files = {file.name: file for file in (repo_root() / "stacks").glob("Pulumi.*.yaml")}
    name = f"Pulumi.{stack}.yaml"
    if name not in files:
        known = sorted(file.removeprefix("Pulumi.").removesuffix(".yaml") for file in files)
        raise SettingsError(
            f"There is no stack '{stack}'.",
            where=f"stacks/{name}",
            fix=f"Use one of: {', '.join(known) or 'none yet'}.",
        )
    return files[name]


def copy_of(document: dict[str, Any], local: dict[str, Any]) -> dict[str, Any]:
    """Return the emulated copy of a stack file. Pure.

    Args:
        document: The stack file.
        local: The local stack's file, from which the copy gets its lock.

    Raises:
        PlinthError: The stack holds secrets, which cannot and must not be opened here.
    """
    config: dict[str, Any] = dict(document.get("config") or {})
    secret = sorted(key for key, value in config.items() if _holds_secret(value))
    if secret:
        raise PlinthError(
            f"The stack holds secrets that only its own key opens: {', '.join(secret)}.",
            fix="Preview it where that key is at hand; an emulated copy never opens real secrets.",
        )
    for key, values in OVERRIDES.items():
        config[key] = {**(config.get(key) or {}), **values} if isinstance(values, dict) else values
    rest = {key: value for key, value in document.items() if key not in _SECRETS_KEYS and key != "config"}
    return {**rest, "encryptionsalt": local["encryptionsalt"], "config": config}


@contextmanager
def platform_of(stack: str) -> Iterator[Path]:
    """Use a platform of the stack's own while the body runs; yield the file of its emulated settings.

    The platform is stopped afterwards and keeps its state, under ``emulated/<stack>`` of the clone's home.
    """
    homes.make(home())  # the clone's own, so that `down --purge` knows it although nothing else was ever up
    before, place = os.environ.get("PLINTH_HOME"), home() / "emulated" / stack
    document = yaml.safe_load(stack_file(stack).read_text(encoding="utf-8"))
    local = yaml.safe_load(stack_file("local").read_text(encoding="utf-8"))
    os.environ["PLINTH_HOME"] = str(place)
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = place / f"Pulumi.{stack}.yaml"
        path.write_text(yaml.safe_dump(copy_of(document, local), sort_keys=False), encoding="utf-8")
        yield path
    finally:
        session.stop()
        if before is None:
            os.environ.pop("PLINTH_HOME", None)
        else:
            os.environ["PLINTH_HOME"] = before


def aws_only() -> dict[str, str]:
    """Start nothing but the AWS API, inside :func:`platform_of`; return the environment that reaches it."""
    session.start(parts=("aws",))
    environ = session.env()
    isolation.require_proxy(environ)
    return environ


def _holds_secret(value: Any) -> bool:
    if isinstance(value, dict):
        return "secure" in value or any(_holds_secret(inner) for inner in value.values())
    if isinstance(value, list):
        return any(_holds_secret(inner) for inner in value)
    return False
