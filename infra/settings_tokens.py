"""Who issues the tokens with which callers come to the services."""

import json
from typing import Annotated

from pydantic import Field

from infra.settings_base import Frozen

TOKENS_VARIABLE = "PLINTH_TOKENS"
"""Names a file with ``issuer`` and ``keys`` for a stack that does not set them: on a laptop, those of the
clone's own issuer; in CI, what was fetched from the organisation's issuer and looked at."""


class PublicKey(Frozen):
    """A public key as a JSON Web Key (RFC 7517). No private member has a place here."""

    kty: Annotated[str, Field(pattern="^(EC|RSA)$", description="Kind: EC or RSA; never a shared secret.")]
    kid: Annotated[str, Field(min_length=1, description="Name of the key, as tokens state it.")]
    alg: Annotated[str | None, Field(pattern="^(ES256|RS256)$", description="Signature.")] = None
    use: Annotated[str | None, Field(pattern="^sig$", description="What for.")] = None
    crv: Annotated[str | None, Field(description="Curve of an EC key.")] = None
    x: Annotated[str | None, Field(description="First coordinate of an EC key.")] = None
    y: Annotated[str | None, Field(description="Second coordinate of an EC key.")] = None
    n: Annotated[str | None, Field(description="Modulus of an RSA key.")] = None
    e: Annotated[str | None, Field(description="Exponent of an RSA key.")] = None


class TokenSettings(Frozen):
    """The issuer of the callers' tokens. Without one, services let nobody in."""

    issuer: Annotated[
        str,
        Field(
            pattern=r"^(https://[^\s]+)?$",
            description="The `iss` of accepted tokens: an OIDC issuer's address. With issuer and keys left "
            f"out, both come from the file that {TOKENS_VARIABLE} names; with neither, nobody is let in.",
        ),
    ] = ""
    keys: Annotated[
        list[PublicKey],
        Field(
            description="The issuer's public keys as JSON Web Keys. Pods have no way to the internet, so the "
            "keys come with the release; changing them rolls the pods."
        ),
    ] = []  # noqa: RUF012 - pydantic copies it for each instance

    builders: Annotated[
        list[Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{43}=$")]],
        Field(
            description="Public keys (ed25519, base64) whose signatures on features count beside those of "
            "services/signers.yaml: a clone's own key, on emulated stacks only."
        ),
    ] = []  # noqa: RUF012 - the same

    def key_set(self) -> str:
        """Return the keys as a JSON Web Key Set."""
        keys = [key.model_dump(exclude_none=True) for key in self.keys]
        return json.dumps({"keys": keys}, sort_keys=True)
