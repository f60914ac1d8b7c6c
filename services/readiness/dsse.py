"""Signed statements: DSSE envelopes with ed25519 signatures, verifiable offline.

The form is DSSE v1 (Dead Simple Signing Envelope): the signature covers the payload's type and its
bytes, so neither can be swapped, and nothing is parsed before it is verified. Private keys come from
PEM files, under a passphrase where the file has one. Keys in AWS KMS are not supported yet: KMS signs
ed25519 too, so only :func:`sign` would change.
"""

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from services.readiness.errors import ContractError

IN_TOTO = "application/vnd.in-toto+json"
"""Payload type of every statement here (in-toto attestation framework, v1)."""
STATEMENT = "https://in-toto.io/Statement/v1"
PASSPHRASE_VARIABLE = "PLINTH_KEY_PASSPHRASE"  # noqa: S105 - the name of a variable
LARGEST_BYTES = 1 << 20
"""Bytes of an envelope that is read at all; a statement has a few KiB."""


@dataclass(frozen=True, kw_only=True)
class Signature:
    """One signature: by which key, over the whole envelope."""

    key: str
    value: bytes


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """A payload and its signatures, not yet verified."""

    payload: bytes
    payload_type: str = IN_TOTO
    signatures: tuple[Signature, ...] = ()

    def signed_bytes(self) -> bytes:
        """Return what a signature covers (DSSE's pre-authentication encoding)."""
        kind = self.payload_type.encode()
        return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(self.payload), self.payload)

    def statement(self) -> dict[str, Any]:
        """Return the statement inside.

        Raises:
            ContractError: It is no in-toto statement.
        """
        try:
            value = json.loads(self.payload)
        except ValueError:
            value = None
        if self.payload_type != IN_TOTO or not isinstance(value, dict) or value.get("_type") != STATEMENT:
            raise ContractError("The envelope does not hold an in-toto statement.")
        return value

    def text(self) -> str:
        """Return the envelope as JSON."""
        document = {
            "payloadType": self.payload_type,
            "payload": base64.b64encode(self.payload).decode(),
            "signatures": [
                {"keyid": one.key, "sig": base64.b64encode(one.value).decode()} for one in self.signatures
            ],
        }
        return json.dumps(document, indent=2, sort_keys=True) + "\n"


def read(text: str, *, where: str) -> Envelope:
    """Return the envelope in a text.

    Raises:
        ContractError: It is no DSSE envelope.
    """
    try:
        document = json.loads(text if len(text) <= LARGEST_BYTES else "too large")
        return Envelope(
            payload=base64.b64decode(document["payload"], validate=True),
            payload_type=str(document["payloadType"]),
            signatures=tuple(
                Signature(key=str(one["keyid"]), value=base64.b64decode(one["sig"], validate=True))
                for one in document["signatures"]
            ),
        )
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise ContractError("The file is not a DSSE envelope.", where=where, fix="sign it anew") from None


def envelope(statement: Mapping[str, Any]) -> Envelope:
    """Return a statement, ready to be signed; the same bytes for the same statement."""
    return Envelope(payload=json.dumps(statement, sort_keys=True, separators=(",", ":")).encode())


def statement(
    subjects: Mapping[str, str], predicate_type: str, predicate: Mapping[str, Any]
) -> dict[str, Any]:
    """Return an in-toto statement about things known by their digests.

    Args:
        subjects: Name -> ``sha256:<hex>``.
        predicate_type: Names the form of the predicate.
        predicate: What is said about the subjects.
    """
    return {
        "_type": STATEMENT,
        "subject": [
            {"name": name, "digest": {"sha256": digest.removeprefix("sha256:")}}
            for name, digest in sorted(subjects.items())
        ],
        "predicateType": predicate_type,
        "predicate": dict(predicate),
    }


def subjects(statement: Mapping[str, Any]) -> dict[str, str]:
    """Return the subjects of a statement: name -> ``sha256:<hex>``; nothing when it is malformed."""
    try:
        return {str(one["name"]): f"sha256:{one['digest']['sha256']}" for one in statement["subject"]}
    except (KeyError, TypeError):
        return {}


def key_id(public: Ed25519PublicKey) -> str:
    """Return the name of a key: the SHA-256 of its 32 bytes."""
    return "sha256:" + hashlib.sha256(public.public_bytes_raw()).hexdigest()


def sign(what: Envelope, private: Ed25519PrivateKey) -> Envelope:
    """Return the envelope with a signature by the key; a second one by the same key changes nothing."""
    name = key_id(private.public_key())
    others = tuple(one for one in what.signatures if one.key != name)
    mine = Signature(key=name, value=private.sign(what.signed_bytes()))
    return replace(what, signatures=tuple(sorted((*others, mine), key=lambda one: one.key)))


def signed_by(what: Envelope, keys: Sequence[Ed25519PublicKey]) -> tuple[set[str], list[str]]:
    """Return which of the keys signed, and what is wrong with the signatures, in words."""
    known = {key_id(key): key for key in keys}
    good: set[str] = set()
    problems = []
    for one in what.signatures:
        key = known.get(one.key)
        if key is None:
            problems.append(f"a signature is by a key that nobody trusts ({one.key[:19]}…)")
            continue
        try:
            key.verify(one.value, what.signed_bytes())
        except InvalidSignature:
            problems.append(f"the signature by key {one.key[:19]}… does not fit: the statement was altered")
        else:
            good.add(one.key)
    return good, problems


def public_key(text: str) -> Ed25519PublicKey:
    """Return a public key from its 32 bytes in base64.

    Raises:
        ValueError: It is none.
    """
    return Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))


def public_text(key: Ed25519PublicKey) -> str:
    """Return a public key's 32 bytes in base64."""
    return base64.b64encode(key.public_bytes_raw()).decode()


def make_key(path: Path, passphrase: str | None = None) -> Ed25519PrivateKey:
    """Make a private key and write it as PEM, readable by its owner only. Never replaces a file.

    Raises:
        ContractError: The file exists or cannot be written.
    """
    key = Ed25519PrivateKey.generate()
    lock: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        lock = serialization.BestAvailableEncryption(passphrase.encode())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ContractError(
            f"The key cannot be written: {error.strerror}.", where=str(path), fix="choose another file"
        ) from None
    with os.fdopen(handle, "wb") as file:
        file.write(pem)
    return key


def read_key(path: Path) -> Ed25519PrivateKey:
    """Return the private key in a PEM file; its passphrase comes from ``PLINTH_KEY_PASSPHRASE``.

    Raises:
        ContractError: There is none, it is readable by others, or it is no ed25519 key.
    """
    passphrase = os.environ.get(PASSPHRASE_VARIABLE)
    try:
        if path.stat().st_mode & 0o077:
            raise ContractError(
                "The key can be read by others than its owner.", where=str(path), fix=f"chmod 600 {path}"
            )
        key = serialization.load_pem_private_key(
            path.read_bytes(), passphrase.encode() if passphrase else None
        )
    except OSError as error:
        raise ContractError(
            f"The key cannot be read: {error.strerror}.",
            where=str(path),
            fix="./plinth contract key --out FILE makes one",
        ) from None
    except (ValueError, TypeError):
        raise ContractError(
            "The file is not a private key in PEM form, or its passphrase is wrong or missing.",
            where=str(path),
            fix=f"set {PASSPHRASE_VARIABLE} where the key has a passphrase",
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ContractError("The key is not an ed25519 key.", where=str(path))
    return key
