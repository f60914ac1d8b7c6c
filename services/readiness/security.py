"""Who may ask, for what, and how often: tokens, scopes, rate limits.

Tokens are JWTs of one issuer, signed with a key that the issuer publishes. Without an issuer nobody is let
in: there is no open mode. A refused token is never repeated, neither in the answer nor in the log.
"""

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc import jwk, jwt
from joserfc.errors import JoseError

ALGORITHMS = ("ES256", "RS256")
"""Signatures that OIDC issuers use. No shared secrets (HS256): who can check could also sign."""

LEEWAY_SECONDS = 30
"""By so much clocks of issuer and service may differ."""

MAX_TOKEN_BYTES = 8 * 1024
"""No token of an OIDC issuer is larger; headers end at about this size anyway."""

REMEMBERED_TOKENS = 1024
"""Checked tokens that are remembered: a signature costs 0.3 ms, a look-up 2 us."""

REMEMBERED_CALLERS = 4096
"""Callers whose rate is counted; the one that asked longest ago is forgotten first."""

DECIDE_SCOPE, MODEL_SCOPE = "decisions:write", "model:read"
ISSUER_VARIABLE, AUDIENCE_VARIABLE = "PLINTH_TOKEN_ISSUER", "PLINTH_TOKEN_AUDIENCE"
KEYS_VARIABLE = "PLINTH_TOKEN_KEYS_FILE"
"""A file with the issuer's public keys (a JSON Web Key Set), put there by the platform."""


class TokenRefusedError(Exception):
    """A token is missing, wrong, or not enough.

    Args:
        status: 401 when another token may help, 403 when this caller lacks the scope.
        reason: One word of a closed set.
        message: One sentence that repeats nothing of the token.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        """Keep the parts."""
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asks.

    Args:
        subject: As the issuer names it.
        scopes: What it may do.
        expires: When this is to be proven anew, in seconds since the epoch.
    """

    subject: str
    scopes: frozenset[str]
    expires: float


class Tokens:
    """Checks tokens against one issuer.

    Args:
        issuer: The `iss` that is accepted; None lets nobody in.
        audience: The `aud` that a token must be made for: this service.
        keys: The issuer's key set as JSON.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        *,
        issuer: str | None,
        audience: str,
        keys: Mapping[str, Any] | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Read the keys once."""
        self._issuer, self._audience, self._clock = issuer, audience, clock
        self._keys = jwk.KeySet.import_key_set(dict(keys)) if keys and keys.get("keys") else None  # type: ignore[arg-type]
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: int(clock()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer or ""},
            aud={"essential": True, "value": audience},
            sub={"essential": True},
            exp={"essential": True},
        )
        self._known: OrderedDict[bytes, Caller] = OrderedDict()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], *, audience: str) -> "Tokens":
        """Return the checker that the environment describes; a file that cannot be read lets nobody in."""
        keys = None
        try:
            keys = json.loads(Path(environment[KEYS_VARIABLE]).read_text(encoding="utf-8"))
        except (KeyError, OSError, ValueError):
            keys = None
        return cls(
            issuer=environment.get(ISSUER_VARIABLE),
            audience=environment.get(AUDIENCE_VARIABLE, audience),
            keys=keys,
        )

    def check(self, authorization: bytes, scope: str) -> Caller:
        """Return who sent an ``Authorization`` header.

        Raises:
            TokenRefusedError: It names nobody, or somebody without the scope.
        """
        kind, _, token = authorization.partition(b" ")
        token = token.strip()
        if not token or kind.lower() != b"bearer":
            raise TokenRefusedError(
                401, "no_token", "Send a token: the header Authorization: Bearer followed by it."
            )
        if len(token) > MAX_TOKEN_BYTES:
            raise TokenRefusedError(401, "bad_token", "The token is too large to be one.")
        name = hashlib.sha256(token).digest()
        caller = self._known.get(name)
        if caller is None:
            caller = self._read(token)
            self._known[name] = caller
            if len(self._known) > REMEMBERED_TOKENS:
                self._known.popitem(last=False)
        if caller.expires + LEEWAY_SECONDS <= self._clock():
            self._known.pop(name, None)
            raise TokenRefusedError(
                401, "expired_token", "The token has expired; ask the issuer for a new one."
            )
        if scope not in caller.scopes:
            raise TokenRefusedError(403, "no_scope", f"The token lacks the scope {scope}.")
        return caller

    def _read(self, token: bytes) -> Caller:
        if self._keys is None or not self._issuer:
            raise TokenRefusedError(
                401, "no_issuer", "This service was given no token issuer, so it serves nobody."
            )
        try:
            claims = jwt.decode(token, self._keys, algorithms=list(ALGORITHMS)).claims
        except (JoseError, ValueError, TypeError, KeyError, AttributeError):
            raise TokenRefusedError(
                401, "bad_token", "The token is not one that the issuer signed."
            ) from None
        expires = claims.get("exp")
        if isinstance(expires, int | float) and expires + LEEWAY_SECONDS <= self._clock():
            raise TokenRefusedError(
                401, "expired_token", "The token has expired; ask the issuer for a new one."
            )
        try:
            self._claims.validate(claims)
        except (JoseError, ValueError, TypeError):
            raise TokenRefusedError(
                401, "wrong_token", "The token was made by another issuer, for another audience or time."
            ) from None
        scopes = claims.get("scope", "")
        return Caller(
            subject=str(claims["sub"])[:128],
            scopes=frozenset(scopes.split()) if isinstance(scopes, str) else frozenset(),
            expires=float(claims["exp"]),
        )


class RateLimit:
    """A bucket of tokens for each caller.

    Args:
        per_second: Requests a second that a caller may send on and on.
        burst: Requests that it may send at once.
        clock: Seconds, only ever growing.
    """

    def __init__(self, per_second: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with every bucket full."""
        self._per_second, self._burst, self._clock = per_second, burst, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, subject: str) -> float:
        """Take one request; return 0, or the seconds until the next would be let in."""
        now = self._clock()
        left, when = self._buckets.pop(subject, (self._burst, now))
        left = min(self._burst, left + (now - when) * self._per_second)
        wait = 0.0 if left >= 1 else (1 - left) / self._per_second
        self._buckets[subject] = (left - 1 if not wait else left, now)
        if len(self._buckets) > REMEMBERED_CALLERS:
            self._buckets.popitem(last=False)
        return wait
