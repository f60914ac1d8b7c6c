"""Whatever the SDK hands out becomes plain data in three states, read once."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pulumi_policy import proxy
from pulumi_policy.deserialize import SPECIAL_SECRET_SIG, SPECIAL_SIG_KEY
from pulumi_policy.proxy import UnknownValueError, unknown_checking_proxy

from policies.core import ABSENT, UNKNOWN, At, normalise
from policies.core.values import UNKNOWN_SENTINELS

SDK_SENTINELS = {value for name, value in vars(proxy).items() if name.startswith("UNKNOWN_")}
SCALARS = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False) | st.text()
KEYS = st.text().filter(lambda key: key != SPECIAL_SIG_KEY) | st.just("__target")
TREES = st.recursive(
    SCALARS | st.sampled_from(sorted(SDK_SENTINELS)),
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner),
    max_leaves=12,
)
PROPERTIES = st.dictionaries(KEYS, TREES)


def test_the_sentinels_are_those_of_the_sdk():
    assert set(UNKNOWN_SENTINELS) == SDK_SENTINELS


@settings(max_examples=40, deadline=None)
@given(PROPERTIES)
def test_a_proxy_and_plain_data_give_the_same(props):
    assert normalise(unknown_checking_proxy(props), unknown_error=UnknownValueError) == normalise(props)


@settings(max_examples=40, deadline=None)
@given(PROPERTIES)
def test_every_value_keeps_its_place_and_its_state(props):
    _same(props, normalise(props))


@settings(max_examples=40, deadline=None)
@given(PROPERTIES)
def test_normalising_is_done_once(props):
    once = normalise(props)

    assert normalise_again(once) == once


@settings(max_examples=40, deadline=None)
@given(PROPERTIES)
def test_nothing_in_the_result_can_be_changed(props):
    def walk(value: Any) -> None:
        assert not isinstance(value, dict | list)
        for item in (
            value.values() if isinstance(value, Mapping) else value if isinstance(value, tuple) else ()
        ):
            walk(item)

    walk(normalise(props))


def normalise_again(value: Any) -> Any:
    """Normalise the result; markers stay what they are."""
    if isinstance(value, Mapping):
        return MappingProxyType({key: normalise_again(item) for key, item in value.items()})
    if isinstance(value, tuple):
        return tuple(normalise_again(item) for item in value)
    return value if value in (ABSENT, UNKNOWN) else normalise(value)


def _same(raw: Any, value: Any) -> None:
    if isinstance(raw, dict):
        assert set(value) == set(raw)
        for key, item in raw.items():
            _same(item, value[key])
    elif isinstance(raw, list):
        assert len(value) == len(raw)
        for left, right in zip(raw, value, strict=True):
            _same(left, right)
    elif raw is None:
        assert value is ABSENT
    elif raw in SDK_SENTINELS:
        assert value is UNKNOWN
    else:
        assert value == raw
        assert isinstance(value, bool) == isinstance(raw, bool)
        assert not (isinstance(value, float) and value.is_integer())


class Counting(Mapping[str, Any]):
    """A mapping that counts how often each of its items is read."""

    def __init__(self, data: dict[str, Any], reads: dict[str, int], path: str = "") -> None:
        self._data, self._reads, self._path = data, reads, path

    def __getitem__(self, key: str) -> Any:
        value = self._data[key]
        path = f"{self._path}/{key}"
        self._reads[path] = self._reads.get(path, 0) + 1
        return Counting(value, self._reads, path) if isinstance(value, dict) else value

    def __iter__(self):
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)


@settings(max_examples=40, deadline=None)
@given(PROPERTIES)
def test_every_item_is_read_exactly_once(props):
    reads: dict[str, int] = {}
    normalise(Counting(props, reads))

    assert set(reads.values()) <= {1}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({SPECIAL_SIG_KEY: SPECIAL_SECRET_SIG, "plaintext": '"x"'}, "x"),
        ({SPECIAL_SIG_KEY: SPECIAL_SECRET_SIG, "plaintext": "no json"}, UNKNOWN),
        ({SPECIAL_SIG_KEY: SPECIAL_SECRET_SIG, "value": 3.0}, 3),
        ({SPECIAL_SIG_KEY: SPECIAL_SECRET_SIG, "ciphertext": "v1:abc"}, UNKNOWN),
        ({SPECIAL_SIG_KEY: "d0e6a833031e9bbcd3f4e8bde6ca49a4"}, UNKNOWN),
        ({SPECIAL_SIG_KEY: "d0e6a833031e9bbcd3f4e8bde6ca49a4", "value": True}, True),
        ({SPECIAL_SIG_KEY: "c44067f5952c0a294b673a41bacd8c17", "path": "a"}, UNKNOWN),
        ("[secret]", UNKNOWN),
        (object(), UNKNOWN),
        (b"bytes", UNKNOWN),
        (None, ABSENT),
    ],
)
def test_typed_values(raw, expected):
    assert normalise(raw) == expected


def test_another_error_than_unknown_passes_through():
    class Broken(dict):
        def __getitem__(self, key):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        normalise(Broken(a=1), unknown_error=UnknownValueError)


def test_a_place_below_an_unknown_one_is_unknown_and_blocked():
    root = At(normalise({"a": {"b": "x"}, "c": next(iter(SDK_SENTINELS)), "d": "scalar", "e": None}))

    assert root.at("a", "b") == At("x", "a.b")
    assert root.at("a", "none", "deeper") == At(ABSENT, "a.none.deeper")
    assert root.at("c") == At(UNKNOWN, "c")
    assert root.at("c", "x", "y") == At(UNKNOWN, "c", blocked=True)
    assert root.at("d", "x") == At(UNKNOWN, "d", blocked=True)
    assert root.at("e", "x").absent
    assert root.at("d").each() == (At(UNKNOWN, "d", blocked=True),)
    assert root.at("a").at("k8s.io/x").path == "a['k8s.io/x']"
