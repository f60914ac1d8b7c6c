"""The token issuer of a laptop: one key of this clone, and tokens that end soon.

In production tokens come from the organisation's OIDC issuer and this file plays no part.
"""

import json
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from joserfc import jwk, jwt

from infra.errors import PlatformError
from infra.local.paths import home

ISSUER = "https://issuer.plinth.local"
"""Name of the issuer in its tokens; nothing answers at this address, the keys go round as a file."""

TOKEN_SECONDS = 600
"""Life of a token: long enough for a session at a terminal, short enough to be lost without harm."""

ALGORITHM = "ES256"


def folder() -> Path:
    """Return where the key lies."""
    return home() / "local" / "issuer"


def keys_file() -> Path:
    """Return the file with the public key, for those who check tokens; made when absent.

    Raises:
        PlatformError: The key is damaged.
    """
    _key()
    return folder() / "keys.json"


def settings_file(builders: Sequence[str] = ()) -> Path:
    """Return the file that tells a stack's settings of this issuer: its name and its public key.

    Args:
        builders: Public keys whose signatures on features count, too.

    Raises:
        PlatformError: The key is damaged.
    """
    path = folder() / "tokens.json"
    keys = json.loads(keys_file().read_text(encoding="utf-8"))["keys"]
    wanted = {"issuer": ISSUER, "keys": keys, "builders": list(builders)}
    if not path.exists() or json.loads(path.read_text(encoding="utf-8")) != wanted:
        _write(path, wanted, 0o644)
    return path


def token(
    *,
    subject: str,
    audience: str,
    scopes: Iterable[str],
    seconds: float = TOKEN_SECONDS,
    late_seconds: float = 0.0,
) -> str:
    """Return a new token.

    Args:
        subject: Who will use it.
        audience: For which service.
        scopes: What for.
        seconds: Until it ends.
        late_seconds: By how much the issuer's clock is behind; for drills.

    Raises:
        PlatformError: The key is damaged.
    """
    now = time.time() - late_seconds
    claims = {
        "iss": ISSUER,
        "aud": audience,
        "sub": subject,
        "scope": " ".join(scopes),
        "iat": int(now),
        "exp": int(now + seconds),
    }
    key = _key()
    return jwt.encode({"alg": ALGORITHM, "kid": key.kid}, claims, key, algorithms=[ALGORITHM])


def _key() -> jwk.ECKey:
    path = folder() / "key.json"
    folder().mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        made = jwk.ECKey.generate_key("P-256", {"use": "sig", "alg": ALGORITHM}, auto_kid=True)
        _write(folder() / "keys.json", {"keys": [made.as_dict(private=False)]}, 0o644)
        _write(path, made.as_dict(private=True), 0o600)
    try:
        return jwk.ECKey.import_key(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise PlatformError(
            f"The key of the local token issuer cannot be read: {type(error).__name__}.",
            where=str(path),
            fix="remove that folder; services notice the new key when they start again",
        ) from error


def _write(path: Path, value: object, mode: int) -> None:
    part = path.with_suffix(".part")
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        json.dump(value, file)
    part.replace(path)
