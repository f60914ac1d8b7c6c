"""Keys as KMS has them: of no use when they are off, and without a key pair when they are symmetric."""

import functools
from collections.abc import Callable
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.kms import models
from moto.kms.models import KmsBackend
from moto.kms.utils import AbstractPrivateKey, KeySpec


def install() -> None:
    """Complete moto in this process; a second call changes nothing."""
    _disabled_keys()
    _keys_without_pairs()


def _disabled_keys() -> None:
    """A key that is disabled or waits for its deletion is of no use; moto 5.2.5 uses it all the same."""
    for name in ("encrypt", "decrypt"):
        original: Callable[..., Any] = getattr(KmsBackend, name)
        if hasattr(original, "__wrapped__"):
            return

        def used(self: Any, *args: Any, _original: Callable[..., Any] = original, **kwargs: Any) -> Any:
            done, arn = _original(self, *args, **kwargs)
            key = self.keys[self.get_key_id(arn)]
            if not key.enabled:
                waits = key.key_state == "PendingDeletion"
                code = "KMSInvalidStateException" if waits else "DisabledException"
                raise JsonRESTError(code, f"{arn} is {'pending deletion' if waits else 'disabled'}.")
            return done, arn

        setattr(KmsBackend, name, functools.wraps(original)(used))


class _NoPair(AbstractPrivateKey):
    """What a symmetric key has in the place of a key pair."""

    def _refuse(self) -> Any:
        raise JsonRESTError("UnsupportedOperationException", "The key is symmetric: it has no key pair.")

    def sign(self, message: bytes, signing_algorithm: str) -> bytes:
        del message, signing_algorithm
        return bytes(self._refuse())

    def verify(self, message: bytes, signature: bytes, signing_algorithm: str) -> bool:
        del message, signature, signing_algorithm
        return bool(self._refuse())

    def public_key(self) -> bytes:
        return bytes(self._refuse())


def _keys_without_pairs() -> None:
    """A symmetric key has no key pair; moto 5.2.5 makes an RSA pair for each: seconds of each first `up`."""
    original: Callable[[str], AbstractPrivateKey] = vars(models)["generate_private_key"]
    if hasattr(original, "__wrapped__"):
        return

    @functools.wraps(original)
    def generate_private_key(key_spec: str) -> AbstractPrivateKey:
        has_pair = key_spec.startswith("RSA_") or key_spec in KeySpec.ecc_key_specs()
        return original(key_spec) if has_pair else _NoPair()

    setattr(models, "generate_private_key", generate_private_key)  # noqa: B010 - as in completions
