"""Features of one subject, read while answering: signed when they were written, checked when read.

The values come from the offline table, which holds what training saw, so serving and training cannot
differ. An item that was altered, is too old, or is of another definition is refused, never repaired:
the contract says what is answered then.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from services.readiness import dsse
from services.readiness.digests import json_digest
from services.readiness.errors import ServiceError

PAYLOAD_TYPE = "application/vnd.plinth.features+json"


class FeaturesRefusedError(ServiceError):
    """Features are altered, too old, or of another definition."""


class UnknownSubjectError(FeaturesRefusedError):
    """The store has no features of a subject."""


@dataclass(frozen=True, kw_only=True)
class Definition:
    """What features mean: equal where they are written, trained on and read.

    Args:
        name: Name of the set.
        version: Counts up with every change of meaning.
        columns: Names of the features in order.
        code: Digest that changes when what computes them does.
    """

    name: str
    version: int
    columns: tuple[str, ...]
    code: str

    @property
    def title(self) -> str:
        """Return name and version, as the online store knows them."""
        return f"{self.name}/v{self.version}"

    @property
    def digest(self) -> str:
        """Return the digest that items and tables carry."""
        return json_digest([self.name, self.version, list(self.columns), self.code])


def item_of(
    subject: str,
    feature_set: str,
    definition: str,
    event_seconds: int,
    values: Sequence[float],
    *,
    expires_at: int,
    key: Ed25519PrivateKey,
) -> dict[str, str | int]:
    """Return a signed item for the online store.

    Args:
        subject: Whom the features are about.
        feature_set: Name and version of the feature set.
        definition: Digest of its definition.
        event_seconds: Time at which the values became true, seconds since the epoch.
        values: The features in their order.
        expires_at: Time at which the store may drop the item.
        key: Signs the item.
    """
    item: dict[str, str | int] = {
        "subject": subject,
        "feature_set": feature_set,
        "definition": definition,
        "event_seconds": event_seconds,
        "values": json.dumps([float(value) for value in values]),
        "expires_at": expires_at,
    }
    signature = key.sign(_covered(item))
    return {**item, "key": dsse.key_id(key.public_key()), "signature": base64.b64encode(signature).decode()}


def read_item(
    item: Mapping[str, Any] | None,
    *,
    subject: str,
    feature_set: str,
    definition: str,
    now_seconds: int,
    oldest_seconds: int,
    trusted: Sequence[Ed25519PublicKey],
) -> list[float]:
    """Return the features in an item.

    Args:
        item: What the online store gave.
        subject: Whom it was asked about; an item of somebody else is refused.
        feature_set: Name and version that were asked for.
        definition: Digest of the definition that the model was made for.
        now_seconds: Current time, seconds since the epoch.
        oldest_seconds: Largest age of the values, seconds.
        trusted: Keys that may have signed it.

    Raises:
        UnknownSubjectError: There is no item.
        FeaturesRefusedError: With the reason; never with a value or the subject.
    """
    where = f"online features {feature_set}"
    if item is None:
        raise UnknownSubjectError("There are no features of this subject.", where=where)
    if (item.get("subject"), item.get("feature_set")) != (subject, feature_set):
        raise FeaturesRefusedError("The features are of another subject or set.", where=where)
    keys = {dsse.key_id(key): key for key in trusted}
    try:
        keys[str(item["key"])].verify(base64.b64decode(str(item["signature"]), validate=True), _covered(item))
        values = [float(value) for value in json.loads(str(item["values"]))]
        age = now_seconds - int(item["event_seconds"])
    except (KeyError, ValueError, TypeError, binascii.Error, InvalidSignature):
        raise FeaturesRefusedError(
            "The features were altered, or nobody trusted signed them.", where=where
        ) from None
    if item["definition"] != definition:
        raise FeaturesRefusedError("The features have another definition than the model's.", where=where)
    if not 0 <= age <= oldest_seconds:
        raise FeaturesRefusedError(
            f"The features are {age} s old, at most {oldest_seconds} s are allowed.", where=where
        )
    return values


def _covered(item: Mapping[str, Any]) -> bytes:
    names = ("subject", "feature_set", "definition", "event_seconds", "values", "expires_at")
    content = json.dumps([item[name] for name in names], separators=(",", ":")).encode()
    return dsse.Envelope(payload=content, payload_type=PAYLOAD_TYPE).signed_bytes()
