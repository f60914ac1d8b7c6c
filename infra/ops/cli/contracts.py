"""Commands of readiness contracts."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.errors import Exit, PlinthError, SettingsError
from infra.ops.cli.base import Json, Stack, contract_app
from infra.ops.console import screen

if TYPE_CHECKING:
    from infra.ops.contracts import Standing
    from infra.settings import Settings

Service = Annotated[str | None, typer.Argument(help="One service; all of the stack when left out.")]


@contract_app.command("check")
def contract_check(service: Service = None, as_json: Json = False) -> None:
    """Check what contracts say: every key, that nothing is left without an answer, that runbooks exist."""
    from infra.local.paths import repo_root
    from infra.ops import contracts
    from services.readiness import contract_file
    from services.readiness.errors import ServiceError

    wrong: dict[str, str] = {}
    names = _named(service, contracts.known())
    for name in names:
        try:
            found = contract_file.load(contracts.folder(name))
            missing = contract_file.missing_runbooks(found, repo_root())
            if missing:
                wrong[name] = "\n".join(missing)
        except ServiceError as error:
            wrong[name] = str(error)
    if as_json:
        screen.json({name: wrong.get(name) for name in names})
    elif not wrong:
        screen.out.print(f"{len(names)} contract(s) are well formed: {', '.join(names)}.")
    if wrong:
        raise SettingsError("\n".join(f"{name}: {text}" for name, text in wrong.items()))


@contract_app.command("status")
def contract_status(service: Service = None, stack: Stack = "local", as_json: Json = False) -> None:
    """Say how the contracts of a stack stand: for which model, for how long, what is in the way."""
    from infra.ops import contracts

    rows = _standings(service, stack)
    if as_json:
        screen.json(contracts.report(rows))
        return
    for row in rows:
        shade, word = ("green", "holds") if row.holds else ("red", "does not hold")
        signed = {"nobody": "not signed", "development": "signed by this clone's key, for development only",
                  "release": "signed by its owners"}[row.signed_for]  # fmt: skip
        screen.out.print(
            f"[{shade}]{word}[/]  {row.service} in {row.environment}: {signed}; "
            f"expires {row.expires} (in {row.days_left} days)"
        )
        for reason in row.objections:
            screen.out.print(f"    - {reason}")


@contract_app.command("verify")
def contract_verify(
    service: Service = None,
    stack: Stack = "local",
    model_digest: Annotated[
        str | None, typer.Option(help="sha256:... of the model that is to run; else the built one.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Verify contracts from files alone, offline. Exit code 4 when one does not hold."""
    from infra.ops import contracts

    rows = _standings(service, stack, model_digest)
    if as_json:
        screen.json(contracts.report(rows))
    for row in rows:
        if not as_json and row.holds:
            screen.out.print(f"[green]holds[/]  {row.service} in {row.environment}, model {row.model_digest}")
        for reason in row.objections if not as_json else ():
            screen.err.print(f"refused  {row.service} in {row.environment}: {reason}")
    if not all(row.holds for row in rows):
        raise typer.Exit(Exit.REFUSED)


@contract_app.command("sign")
def contract_sign(
    service: Annotated[str, typer.Argument(help="The service whose contract is signed.")],
    key: Annotated[Path, typer.Option(help="Your private key, a PEM file that only you can read.")],
    stack: Stack = "local",
) -> None:
    """Sign as an owner: this contract, this model, this evidence, for this stack.

    Run ./plinth preview first: it builds the model and leaves the policies' verdicts as evidence. The
    first owner's signature writes services/SERVICE/signatures/STACK.json; commit it, so that the second
    owner signs the same. PLINTH_KEY_PASSPHRASE opens a key that has a passphrase.
    """
    from infra.ops import contracts
    from services.readiness.errors import ServiceError

    try:
        row = contracts.sign(_named(service, contracts.known())[0], settings_of(stack), key)
    except ServiceError as error:
        raise PlinthError(error.what, where=error.where, fix=error.fix) from None
    screen.out.print(f"Signed {row.service} for {row.environment}, model {row.model_digest}.")
    for reason in row.objections:
        screen.out.print(f"  still in the way: {reason}")


@contract_app.command("key")
def contract_key(
    name: Annotated[str, typer.Option(help="Your name, as it shall stand in services/signers.yaml.")],
    role: Annotated[list[str], typer.Option(help="ml, operations or builder; may be given twice.")],
    out: Annotated[Path, typer.Option(help="File for the private key; it must not exist.")],
) -> None:
    """Make an ed25519 key and print the row for services/signers.yaml (the key itself is never shown).

    With PLINTH_KEY_PASSPHRASE set, the file is encrypted with it.
    """
    from services.readiness import dsse, signers
    from services.readiness.errors import ServiceError

    unknown = sorted(set(role) - set(signers.ROLES))
    if unknown:
        raise PlinthError(
            f"There is no role '{unknown[0]}'.", fix=f"Use: {', '.join(signers.ROLES)}.", code=Exit.USAGE
        )
    try:
        key = dsse.make_key(out, os.environ.get(dsse.PASSPHRASE_VARIABLE))
    except ServiceError as error:
        raise PlinthError(error.what, where=error.where, fix=error.fix) from None
    public = dsse.public_text(key.public_key())
    screen.note(f"private key written to {out}; keep it, and put this row into services/signers.yaml:")
    screen.out.print(f"  - {{name: {name}, roles: [{', '.join(role)}], key: {public}}}")


def settings_of(stack: str) -> "Settings":
    """Return the settings of a stack with what was built for it, where anything was."""
    from infra.ops import changes, emulated, releases
    from infra.settings_sources import RELEASES_VARIABLE

    file = releases.releases_file(stack)
    environ = {RELEASES_VARIABLE: str(file)} if file.exists() else {}
    return changes.stack_settings(emulated.stack_file(stack), environ)


def _standings(service: str | None, stack: str, model_digest: str | None = None) -> "list[Standing]":
    from infra.ops import contracts
    from services.readiness.errors import ServiceError

    settings = settings_of(stack)
    names = _named(service, sorted(settings.services))
    try:
        return [contracts.standing(name, settings, model_digest=model_digest) for name in names]
    except ServiceError as error:
        raise SettingsError(error.what, where=error.where, fix=error.fix) from None


def _named(service: str | None, known: list[str]) -> list[str]:
    if service is None:
        return known
    if service not in known:
        raise PlinthError(
            f"There is no service '{service}' with a contract here.",
            fix=f"Use one of: {', '.join(known) or 'none yet'}.",
            code=Exit.USAGE,
        )
    return [service]
