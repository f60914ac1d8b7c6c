"""Who may sign: ``services/signers.yaml``, changed by review like code.

A person has one key and the roles that they may sign for. A key is never removed from the list, it
is revoked with a date and a reason, so that a refusal can say why.
"""

from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import Field, ValidationError, model_validator

from services.readiness import dsse
from services.readiness.contract import Part
from services.readiness.errors import ContractError

Role = Literal["ml", "operations", "builder"]
OWNERS: tuple[Role, ...] = ("ml", "operations")
"""Whose signatures a contract needs."""
ROLES: tuple[Role, ...] = (*OWNERS, "builder")
"""A builder (CI) signs the manifests of models that it registers, and nothing else."""
SIGNERS_FILE = "signers.yaml"


class Revocation(Part):
    """When and why a key stopped being trusted."""

    since: date
    why: Annotated[str, Field(min_length=3, max_length=200)]


class Signer(Part):
    """One person who may sign."""

    name: Annotated[str, Field(min_length=2, max_length=80, description="The person, by name.")]
    roles: Annotated[list[Role], Field(min_length=1, description="What the person may sign for.")]
    key: Annotated[str, Field(description="Public key: 32 bytes of ed25519, in base64.")]
    revoked: Revocation | None = None

    @model_validator(mode="after")
    def _key_is_one(self) -> Self:
        try:
            dsse.public_key(self.key)
        except ValueError:
            raise ValueError("key is not an ed25519 public key in base64") from None
        return self

    @property
    def public(self) -> Ed25519PublicKey:
        """Return the key."""
        return dsse.public_key(self.key)


class Signers(Part):
    """The whole list; with ``development``, also the key of this clone, for emulated stacks only."""

    signers: list[Signer] = []  # noqa: RUF012 - pydantic copies it for each instance
    development: Annotated[str, Field(description="Key of this clone; never in the file.")] = ""

    @model_validator(mode="after")
    def _each_key_once(self) -> Self:
        keys = [signer.key for signer in self.signers]
        if len(set(keys)) < len(keys):
            raise ValueError("two signers have the same key")
        return self

    def builders(self) -> list[Ed25519PublicKey]:
        """Return the keys whose model manifests are trusted now."""
        mine = [dsse.public_key(self.development)] if self.development else []
        return [
            *(one.public for one in self.signers if "builder" in one.roles and one.revoked is None),
            *mine,
        ]

    def public_keys(self) -> list[Ed25519PublicKey]:
        """Return every key on the list, the revoked ones too."""
        mine = [dsse.public_key(self.development)] if self.development else []
        return [*(signer.public for signer in self.signers), *mine]


def load(folder: Path) -> Signers:
    """Return the list in a folder; empty when there is none, so that nobody may sign.

    Raises:
        ContractError: The list holds mistakes (all of them are named).
    """
    path = folder / SIGNERS_FILE
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
        return Signers.model_validate(document or {})
    except FileNotFoundError:
        return Signers()
    except (OSError, yaml.YAMLError) as error:
        raise ContractError(f"The list of signers cannot be read: {error}", where=str(path)) from None
    except ValidationError as error:
        lines = [
            f"  - {'.'.join(map(str, issue['loc']))}: {issue['msg'].removeprefix('Value error, ')}"
            for issue in error.errors()
        ]
        raise ContractError(
            "\n".join(["The list of signers has mistakes:", *lines]), where=str(path)
        ) from None
