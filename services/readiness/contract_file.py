"""Reads contracts: YAML to a frozen tree, every mistake named at once."""

import json
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from services.readiness.contract import CONTRACT_FILE, Contract
from services.readiness.errors import ContractError

SHOWN_CHARACTERS = 60
"""Of a wrong value: enough to recognise it, short enough for one line."""


def parse(text: str, *, where: str) -> Contract:
    """Return the contract in a YAML text.

    Raises:
        ContractError: With one line for each mistake: key, value given, what is allowed.
    """
    fix = "correct the lines above; services/readiness/contract.py says what each key means"
    try:
        document = yaml.load(text, yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise ContractError(
            f"The contract is not valid YAML: {' '.join(str(error).split())}", where=where, fix=fix
        ) from None
    if not isinstance(document, dict):
        raise ContractError("The contract is not a mapping.", where=where, fix=fix)
    try:
        return Contract.model_validate(document)
    except ValidationError as error:
        lines = [line for issue in error.errors() for line in _lines(issue)]
    head = f"The contract has {len(lines)} mistake(s):"
    raise ContractError("\n".join([head, *(f"  - {line}" for line in lines)]), where=where, fix=fix)


def load(folder: Path) -> Contract:
    """Return the contract in a service's folder.

    Raises:
        ContractError: It is missing, unreadable or wrong (all mistakes at once).
    """
    path = folder / CONTRACT_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ContractError(
            f"Service '{folder.name.replace('_', '-')}' has no readable contract ({type(error).__name__}).",
            where=str(path),
            fix="write one; services/credit_risk/contract.yaml is an example",
        ) from None
    contract = parse(text, where=str(path))
    if contract.service != folder.name.replace("_", "-"):
        raise ContractError(
            f"The contract is of '{contract.service}', its folder is {folder.name}.",
            where=str(path),
            fix="set 'service' to the folder's name, with dashes",
        )
    return contract


def missing_runbooks(contract: Contract, root: Path) -> list[str]:
    """Return what is wrong with the runbooks: each must be a file with a heading for its rule."""
    problems = []
    for rule, name in sorted(contract.runbooks.items()):
        path = root / name
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except OSError:
            problems.append(f"runbooks.{rule}: there is no file {name}")
            continue
        if rule not in [line.strip("# ") for line in lines if line.startswith("#")]:
            problems.append(f"runbooks.{rule}: {name} has no heading '{rule}'")
    return problems


def _lines(issue: Any) -> list[str]:
    key = ".".join(str(part) for part in issue["loc"])
    message = issue["msg"].removeprefix("Value error, ")
    if issue["type"] == "missing":
        return [f"{key}: missing"]
    if issue["type"] == "extra_forbidden":
        return [f"{key}: unknown key"]
    if issue["type"] == "value_error":  # our own checks; those of the whole contract come as a list
        return [f"{key}: {message}"] if key else message.split("; ")
    shown = json.dumps(issue.get("input"), default=str)
    shown = shown if len(shown) <= SHOWN_CHARACTERS else shown[: SHOWN_CHARACTERS - 1] + "…"
    return [f"{key}: {shown} is not allowed: {message}"]
