"""Training and serving see the same features of the same subject at the same time."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from services.credit_risk.data import load
from services.credit_risk.feature_set import FEATURE_SET
from services.credit_risk.features import encode
from services.credit_risk.schema import CreditApplication
from services.lifecycle import features
from services.lifecycle.features import Event, FeatureSet
from services.lifecycle.stores import FolderObjects, TakenError
from services.readiness.online_features import FeaturesRefusedError, read_item

KEY, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (7, 8))
TRUSTED = [KEY.public_key()]
DAY = 86_400
SMALL = FeatureSet(
    name="small", version=1, columns=("a", "b"), compute=lambda r: [r["a"], r["a"] / 3], code="1"
)


class Memory:
    """Items in memory, for many quick examples; the same promises as the real ones."""

    def __init__(self):
        self.held = {}

    def put(self, item, *, expect=None):
        name = item["subject"], item["feature_set"]
        if (name in self.held) != (expect is not None):
            raise TakenError("taken")
        self.held[name] = dict(item)

    def get(self, partition, sort):
        return self.held.get((partition, sort))

    def query(self, partition):
        return [item for (name, _), item in self.held.items() if name == partition]


def online(items, feature_set, subject, now, **changes):
    asked = {
        "subject": subject,
        "feature_set": feature_set.title,
        "definition": feature_set.definition,
        "now_seconds": now,
        "oldest_seconds": DAY,
        "trusted": TRUSTED,
    }
    return read_item(items.get(subject, feature_set.title), **(asked | changes))


@pytest.fixture(scope="module")
def applications():
    return load().applications


def test_all_rows_are_the_same_offline_online_and_in_a_request(applications, tmp_path) -> None:
    """The skew test: bit for bit, for every row of the data."""
    rows = [json.loads(one.model_dump_json()) for one in applications]
    table = features.compute(
        FEATURE_SET, [Event(subject=f"{i:04d}", seconds=100, record=r) for i, r in enumerate(rows)]
    )
    digest = features.keep(table, FEATURE_SET, FolderObjects(tmp_path), KEY)
    offline = features.fetch(FEATURE_SET, digest, FolderObjects(tmp_path), TRUSTED)
    items = Memory()

    assert features.publish(offline, items, KEY, lifetime_seconds=DAY) == len(rows)
    for i, row in enumerate(rows):
        request = np.asarray(encode(CreditApplication.model_validate_json(json.dumps(row))), dtype=np.float32)
        served = np.asarray(online(items, FEATURE_SET, f"{i:04d}", 200), dtype=np.float32)
        assert np.array_equal(offline.as_of(f"{i:04d}", 200), request)
        assert np.array_equal(served, request)


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("xyz"),
            st.integers(0, 20),
            st.floats(-1e6, 1e6, width=32),
        ),
        max_size=20,
        unique_by=lambda event: event[:2],
    ),
    st.integers(0, 25),
)
def test_whatever_happened_online_holds_what_offline_says_of_that_time(happened, now) -> None:
    events = [Event(subject=s, seconds=t, record={"a": a}) for s, t, a in happened]
    offline, items = features.compute(SMALL, events), Memory()
    for cut in (now // 2, now):  # published twice, the second time with more events
        seen = features.compute(SMALL, [event for event in events if event.seconds <= cut])
        features.publish(seen, items, KEY, lifetime_seconds=DAY)

    for subject in "xyz":
        expected = offline.as_of(subject, now)
        if expected is None:
            with pytest.raises(FeaturesRefusedError, match="no features"):
                online(items, SMALL, subject, now)
        else:
            assert np.array_equal(np.asarray(online(items, SMALL, subject, now), np.float32), expected)


@pytest.mark.parts
def test_a_late_run_takes_nothing_back(stores) -> None:
    items = stores[1]("online", "subject", "feature_set")
    new = features.compute(SMALL, [Event(subject="x", seconds=10, record={"a": 2.0})])
    old = features.compute(SMALL, [Event(subject="x", seconds=5, record={"a": 1.0})])

    assert features.publish(new, items, KEY, lifetime_seconds=DAY) == 1
    assert features.publish(old, items, KEY, lifetime_seconds=DAY) == 0
    assert online(items, SMALL, "x", 10)[0] == 2.0


REFUSED = {
    "value": ({"values": "[9.0, 3.0]"}, {}, "altered"),
    "time": ({"event_seconds": 11}, {}, "altered"),
    "other subject": ({"subject": "y"}, {}, "another subject"),
    "no signature": ({"signature": "AAAA"}, {}, "altered"),
    "unknown key": ({}, {"trusted": [OTHER.public_key()]}, "nobody trusted"),
    "too old": ({}, {"now_seconds": 10 + 2 * DAY}, "172800 s old"),
    "from the future": ({}, {"now_seconds": 3}, "-7 s old"),
    "other definition": ({}, {"definition": "sha256:0"}, "another definition"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_an_online_item_that_is_not_right_is_refused(case) -> None:
    change, asked, reason = case
    items = Memory()
    features.publish(
        features.compute(SMALL, [Event(subject="x", seconds=10, record={"a": 2.0})]),
        items, KEY, lifetime_seconds=DAY,
    )  # fmt: skip
    items.held["x", SMALL.title] |= change

    with pytest.raises(FeaturesRefusedError, match=reason) as caught:
        online(items, SMALL, "x", 10, **asked)
    assert "9.0" not in str(caught.value)


def test_a_tampered_feature_table_is_refused(tmp_path: Path) -> None:
    objects = FolderObjects(tmp_path)
    table = features.compute(SMALL, [Event(subject="x", seconds=10, record={"a": 2.0})])
    digest = features.keep(table, SMALL, objects, KEY)
    other = features.keep(replace(table, values=table.values + 1), SMALL, objects, KEY)
    name, theirs = (f"small/v1/{one.removeprefix('sha256:')}" for one in (digest, other))

    with pytest.raises(FeaturesRefusedError, match="Nobody trusted signed"):
        features.fetch(SMALL, digest, objects, [OTHER.public_key()])
    with pytest.raises(FeaturesRefusedError, match="another definition"):
        features.fetch(replace(SMALL, code="2"), digest, objects, TRUSTED)
    objects.put(f"{name}.parquet", objects.get(f"{theirs}.parquet"))
    with pytest.raises(FeaturesRefusedError, match="altered after it was signed"):
        features.fetch(SMALL, digest, objects, TRUSTED)
    objects.put(f"{name}.dsse.json", objects.get(f"{theirs}.dsse.json"))  # its signature as well
    with pytest.raises(FeaturesRefusedError, match="altered after it was signed"):
        features.fetch(SMALL, digest, objects, TRUSTED)
    (tmp_path / f"{name}.dsse.json").unlink()
    with pytest.raises(FeaturesRefusedError, match="missing"):
        features.fetch(SMALL, digest, objects, TRUSTED)


def test_two_writers_of_one_table_give_one_digest(tmp_path: Path) -> None:
    events = [Event(subject=s, seconds=t, record={"a": float(t)}) for s in "ba" for t in (3, 1)]
    one = features.keep(features.compute(SMALL, events), SMALL, FolderObjects(tmp_path / "1"), KEY)
    two = features.keep(features.compute(SMALL, events[::-1]), SMALL, FolderObjects(tmp_path / "2"), KEY)

    assert one == two
