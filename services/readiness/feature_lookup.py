"""Asks the online feature store while somebody waits: with a limit on time, on load, and on age.

A request may name a subject in place of sending its data. The store is another machine: it may be slow,
away, or hold something altered. Then no features are made up; the contract's answer to
``features_unavailable`` is given, and everybody who sends the data themselves is answered as ever.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field

from services.readiness import dsse
from services.readiness.online_features import (
    Definition,
    UnknownSubjectError,
    read_item,
)

TABLE_VARIABLE = "PLINTH_FEATURES_TABLE"
KEYS_VARIABLE = "PLINTH_FEATURES_KEYS_FILE"
"""A file with the public keys of builders, a JSON list of base64 texts: who may have signed features."""
FIND_SECONDS = 0.2
"""Longest wait for the store: it answers in 5 to 10 ms, and a whole answer has 250."""
AT_ONCE = 16
"""Threads that ask the store: at 10 ms an answer they ask 1,600 times a second."""
OLDEST_SECONDS = 7 * 24 * 3600
"""Features older than a week are refused: they are written anew with each delivery of data."""

logger = logging.getLogger("bentoml.service.features")


class Subject(BaseModel):
    """A request about somebody whose features are known."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    subject: str = Field(
        pattern=r"^[0-9A-Za-z_-]{1,64}$", description="Whom it is about, as the feature store names them."
    )


class FeaturesAwayError(Exception):
    """The store gave no usable features in time."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """How a service uses features from the store.

    Args:
        definition: Which features.
        decode: From features to a request; what it raises counts as features that cannot be used.
    """

    definition: Definition
    decode: Callable[[Sequence[float]], Any]


class FeatureLookup:
    """Finds what is known of a subject.

    Args:
        known: Which features, and what they stand for.
        read: Returns the item of a subject and a feature set, or None; runs in a thread.
        trusted: Keys that may have signed them.
        find_seconds: Longest wait for the store.
    """

    def __init__(
        self,
        known: Known,
        read: Callable[[str, str], Mapping[str, Any] | None],
        trusted: Sequence[Ed25519PublicKey],
        *,
        find_seconds: float = FIND_SECONDS,
    ) -> None:
        """Start no thread yet."""
        self.read = read
        self._known, self._trusted, self._seconds = known, tuple(trusted), find_seconds
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="features")

    async def find(self, subject: str) -> Any:
        """Return the request that the features of a subject stand for.

        Raises:
            UnknownSubjectError: The store has none.
            FeaturesAwayError: There are none that can be used, or none in time.
        """
        asked = asyncio.get_running_loop().run_in_executor(
            self._threads, self.read, subject, self._known.definition.title
        )
        try:
            # What no thread has begun with by then never is: a store that hangs holds the threads, no more.
            item = await asyncio.wait_for(asked, self._seconds)
            return self._known.decode(self._checked(item, subject))
        except UnknownSubjectError:
            raise
        except Exception as error:  # noqa: BLE001 - botocore makes its exceptions at run time
            # The kind only: what a library says may show what was asked for.
            logger.error("No features: %s", type(error).__name__)  # noqa: TRY400
            raise FeaturesAwayError from None

    def _checked(self, item: Mapping[str, Any] | None, subject: str) -> list[float]:
        definition = self._known.definition
        return read_item(
            item,
            subject=subject,
            feature_set=definition.title,
            definition=definition.digest,
            now_seconds=int(time.time()),
            oldest_seconds=OLDEST_SECONDS,
            trusted=self._trusted,
        )

    def close(self) -> None:
        """Ask no more; a thread that hangs is left behind."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def lookup_from(environment: Mapping[str, str], known: Known | None) -> FeatureLookup | None:
    """Return the lookup that the environment describes; None where there is no store or no key to trust."""
    table = environment.get(TABLE_VARIABLE)
    if known is None or not table:
        return None
    try:
        texts = json.loads(Path(environment[KEYS_VARIABLE]).read_text(encoding="utf-8"))
        keys = [dsse.public_key(text) for text in texts]
    except (KeyError, OSError, ValueError, TypeError, AttributeError):
        keys = []
    return FeatureLookup(known, reading(table), keys)


def reading(table: str) -> Callable[[str, str], dict[str, Any] | None]:
    """Return what reads items of a DynamoDB table."""
    import boto3  # noqa: PLC0415 - a third of a second, and not every service has a store
    from botocore.config import Config  # noqa: PLC0415

    config = Config(
        connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1}, max_pool_connections=AT_ONCE
    )
    client = boto3.client("dynamodb", config=config)

    def read(subject: str, feature_set: str) -> dict[str, Any] | None:
        key = {"subject": {"S": subject}, "feature_set": {"S": feature_set}}
        item = client.get_item(TableName=table, Key=key).get("Item")
        if item is None:
            return None
        return {name: int(value["N"]) if "N" in value else value["S"] for name, value in item.items()}

    return read
