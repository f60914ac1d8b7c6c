"""The online feature store while somebody waits: equal to training, and never a guess when it fails."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
from aws import make_table
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from moto import mock_aws

from services.credit_risk.answering import HOSTED
from services.credit_risk.data import load
from services.credit_risk.feature_set import FEATURE_SET
from services.credit_risk.features import KNOWN, decode, encode
from services.lifecycle import features
from services.lifecycle.features import Event
from services.lifecycle.stores import FolderObjects, TableItems
from services.readiness import dsse
from services.readiness.feature_lookup import (
    KEYS_VARIABLE,
    OLDEST_SECONDS,
    TABLE_VARIABLE,
    FeatureLookup,
    FeaturesAwayError,
    lookup_from,
)
from services.readiness.online_features import UnknownSubjectError, item_of

KEY = Ed25519PrivateKey.generate()
TABLE = "online-features"


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with mock_aws():
        client = boto3.client("dynamodb")
        make_table(client, TABLE, ("subject", "feature_set"))
        yield client


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait as long as a busy machine needs; the tests of the limit name their own."""
    defaults = FeatureLookup.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "find_seconds", 30.0)


def keys_file(folder: Path) -> Path:
    path = folder / "keys.json"
    path.write_text(json.dumps([dsse.public_text(KEY.public_key())]))
    return path


def find(lookup: FeatureLookup, subject: str) -> Any:
    try:
        return asyncio.run(lookup.find(subject))
    finally:
        lookup.close()


@pytest.mark.parts
def test_training_and_serving_read_the_same_numbers(table: Any, tmp_path: Path) -> None:
    """From the offline table that training reads, through DynamoDB, to what the model is given."""
    applications = load().applications[:60]
    now, objects = int(time.time()), FolderObjects(tmp_path / "objects")
    events = [
        Event(subject=f"row-{n:08d}", seconds=now, record=json.loads(one.model_dump_json()))
        for n, one in enumerate(applications)
    ]
    digest = features.keep(features.compute(FEATURE_SET, events), FEATURE_SET, objects, KEY)
    offline = features.fetch(FEATURE_SET, digest, objects, [KEY.public_key()])
    items = TableItems(table, TABLE, partition="subject", sort="feature_set")
    assert features.publish(offline, items, KEY, lifetime_seconds=3600) == len(applications)
    environment = {TABLE_VARIABLE: TABLE, KEYS_VARIABLE: str(keys_file(tmp_path))}
    lookup = lookup_from(environment, HOSTED.known)
    assert lookup is not None

    async def ask() -> list[Any]:
        return [await lookup.find(f"row-{n:08d}") for n in range(len(applications))]

    served = asyncio.run(ask())
    lookup.close()

    assert tuple(served) == applications
    trained_on = np.asarray([offline.as_of(f"row-{n:08d}", now) for n in range(len(applications))])
    assert (np.asarray([encode(one) for one in served], dtype=np.float32) == trained_on).all()
    assert tuple(decode(encode(one)) for one in applications) == applications


def item(**changed: Any) -> dict[str, Any]:
    row = encode(load().applications[0])
    seconds = changed.pop("event_seconds", int(time.time()))
    made = item_of("s", KNOWN.title, KNOWN.digest, seconds, row, expires_at=seconds + 60, key=KEY)
    return {**made, **changed}


BAD: dict[str, Any] = {
    "altered": lambda *_: item(values=json.dumps([1.0] * len(KNOWN.columns))),
    "too old": lambda *_: item(event_seconds=int(time.time()) - OLDEST_SECONDS - 60),
    "from tomorrow": lambda *_: item(event_seconds=int(time.time()) + 86_400),
    "another definition": lambda *_: item(definition="sha256:0"),
    "of another subject": lambda *_: item(subject="t"),
    "no signature": lambda *_: {k: v for k, v in item().items() if k != "signature"},
    "away": lambda *_: (_ for _ in ()).throw(ConnectionError("secret")),
    "hangs": lambda *_: time.sleep(0.5),
}


@pytest.mark.parametrize("kind", BAD)
def test_features_that_cannot_be_used_are_never_made_up(kind: str) -> None:
    assert HOSTED.known is not None
    lookup = FeatureLookup(HOSTED.known, BAD[kind], [KEY.public_key()], find_seconds=0.1)

    with pytest.raises(FeaturesAwayError):
        find(lookup, "s")


def test_a_good_item_is_used_an_unknown_subject_is_told_and_a_foreign_key_is_not_trusted() -> None:
    assert HOSTED.known is not None
    own, other = [KEY.public_key()], [Ed25519PrivateKey.generate().public_key()]

    assert find(FeatureLookup(HOSTED.known, lambda *_: item(), own), "s") == load().applications[0]
    with pytest.raises(UnknownSubjectError):
        find(FeatureLookup(HOSTED.known, lambda *_: None, own), "s")
    for trusted in (other, []):
        with pytest.raises(FeaturesAwayError):
            find(FeatureLookup(HOSTED.known, lambda *_: item(), trusted), "s")


@pytest.mark.parts
def test_without_a_table_there_is_no_lookup_and_without_keys_nothing_is_trusted(
    table: Any, tmp_path: Path
) -> None:
    assert lookup_from({}, HOSTED.known) is None
    assert lookup_from({TABLE_VARIABLE: TABLE}, None) is None
    table.put_item(
        TableName=TABLE,
        Item={k: {"N": str(v)} if isinstance(v, int) else {"S": v} for k, v in item().items()},
    )
    lookup = lookup_from({TABLE_VARIABLE: TABLE, KEYS_VARIABLE: str(tmp_path / "none")}, HOSTED.known)
    assert lookup is not None
    with pytest.raises(FeaturesAwayError):
        find(lookup, "s")
