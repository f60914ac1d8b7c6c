import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.readiness.digests import json_digest, tree_digest


def test_a_tree_digest_sees_content_names_and_additions_but_no_times(tmp_path):
    digests = []
    for content in ({"a": "1"}, {"a": "2"}, {"b": "1"}, {"a": "1", "b": ""}, {"a": "1"}):
        folder = tmp_path / str(len(digests))
        folder.mkdir()
        for name, text in content.items():
            (folder / name).write_text(text)
        digests.append(tree_digest(folder))
    assert digests[0] == digests[4]
    assert len(set(digests)) == 4


def test_a_symbolic_link_is_refused(tmp_path):
    (tmp_path / "link").symlink_to("/etc/hostname")
    with pytest.raises(ValueError, match="symbolic link"):
        tree_digest(tmp_path)


@given(st.dictionaries(st.text(), st.integers()))
def test_the_order_of_keys_does_not_matter(value):
    assert json_digest(value) == json_digest(dict(reversed(list(value.items()))))
