"""A folder and AWS answer alike, and nobody's work is lost."""

import pytest

from services.lifecycle.stores import StoreError, TakenError, check_key

pytestmark = pytest.mark.parts


def test_objects_come_back_and_new_ones_are_not_written_over(stores) -> None:
    objects, _ = stores
    objects.put("a/one", b"1")
    objects.put("a/one", b"2")
    objects.put("a/two", b"3", new=True)

    assert objects.get("a/one") == b"2"
    assert list(objects.keys("a/")) == ["a/one", "a/two"]
    with pytest.raises(TakenError):
        objects.put("a/two", b"4", new=True)
    assert objects.get("a/two") == b"3"
    with pytest.raises(StoreError, match="nothing"):
        objects.get("a/three")


def test_items_change_only_as_expected(stores) -> None:
    items = stores[1]("things", "kind", "name")
    items.put({"kind": "a/b c", "name": "2", "count": 1})
    items.put({"kind": "a/b c", "name": "1", "count": 1})
    items.put({"kind": "a/b c", "name": "1", "count": 2}, expect={"count": 1})

    assert [item["count"] for item in items.query("a/b c")] == [2, 1]
    assert items.get("a/b c", "1") == {"kind": "a/b c", "name": "1", "count": 2}
    assert items.get("a/b c", "3") is None
    with pytest.raises(TakenError):
        items.put({"kind": "a/b c", "name": "1", "count": 9})
    with pytest.raises(TakenError):
        items.put({"kind": "a/b c", "name": "1", "count": 9}, expect={"count": 1})
    with pytest.raises(TakenError):
        items.put({"kind": "a/b c", "name": "7", "count": 9}, expect={"count": 1})


@pytest.mark.parametrize("key", ["", "/a", "a/../b", "a//b", ".hidden", "a b", "a\x00", "a/"])
def test_keys_that_would_leave_their_place_are_refused(key: str) -> None:
    with pytest.raises(StoreError, match="is not one"):
        check_key(key)
