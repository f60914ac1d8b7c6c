"""The image store names content, keeps it, and refuses what was changed."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.errors import PlinthError
from infra.local import images


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLINTH_HOME", str(tmp_path / "home"))


@pytest.fixture
def bento(tmp_path: Path) -> Path:
    folder = tmp_path / "bento"
    (folder / "src").mkdir(parents=True)
    (folder / "bento.yaml").write_text("service: service:Echo\n")
    (folder / "src" / "service.py").write_text("x = 1\n")
    return folder


def test_what_is_put_is_found_by_its_digest(bento: Path):
    ref = images.put(bento, "echo", {"model": "sha256:1"}, repository="registry.example/echo")
    image = images.get(ref.digest)
    assert str(ref) == f"registry.example/echo@{ref.digest}"
    assert images.ImageRef.parse(str(ref)) == ref
    assert (image.service, dict(image.meta)) == ("echo", {"model": "sha256:1"})
    assert (image.bento / "src" / "service.py").read_text() == "x = 1\n"
    assert images.list_digests() == [ref.digest]


def test_putting_the_same_content_again_changes_nothing(bento: Path):
    first = images.put(bento, "echo")
    created = images.get(first.digest).created
    assert images.put(bento, "echo") == first
    assert images.get(first.digest).created == created
    assert [entry.name for entry in images.store_dir().iterdir()] == [first.digest.replace(":", "-")]


def test_compiled_files_beside_the_source_are_not_part_of_an_image(bento: Path):
    clean = images.put(bento, "echo")
    (bento / "src" / "__pycache__").mkdir()
    (bento / "src" / "__pycache__" / "service.cpython-311.pyc").write_bytes(b"run-dependent")
    assert images.put(bento, "echo") == clean
    assert not (images.get(clean.digest).bento / "src" / "__pycache__").exists()


@pytest.mark.parametrize("damage", ["change", "add", "remove", "compiled", "executable", "link", "record"])
def test_any_change_to_a_stored_image_is_refused(bento: Path, damage: str):
    ref = images.put(bento, "echo")
    stored = images.get(ref.digest).bento
    source = stored / "src" / "service.py"
    for path in (stored, stored / "src", source):
        path.chmod(0o755 if path.is_dir() else 0o644)
    if damage == "change":
        source.write_text("x = 2\n")
    elif damage == "add":
        (stored / "src" / "more.py").write_text("")
    elif damage == "remove":
        source.unlink()
    elif damage == "compiled":
        (stored / "src" / "__pycache__").mkdir()
        (stored / "src" / "__pycache__" / "service.cpython-311.pyc").write_bytes(b"planted")
    elif damage == "executable":
        source.chmod(0o755)
    elif damage == "link":
        source.unlink()
        source.symlink_to(bento / "src" / "service.py")
    else:
        (stored.parent / "image.json").write_text("{")
    with pytest.raises(images.ImageTamperedError, match=ref.digest):
        images.get(ref.digest)


def test_putting_the_true_content_repairs_a_damaged_image(bento: Path):
    ref = images.put(bento, "echo")
    source = images.get(ref.digest).bento / "src" / "service.py"
    source.chmod(0o644)
    source.write_text("x = 2\n")
    assert images.put(bento, "echo") == ref
    assert (images.get(ref.digest).bento / "src" / "service.py").read_text() == "x = 1\n"


def test_an_image_that_is_absent_is_reported_with_the_command_that_makes_it():
    with pytest.raises(images.ImageMissingError) as caught:
        images.get("sha256:" + "0" * 64)
    assert images.BUILD_COMMAND in str(caught.value)


def test_gc_keeps_what_is_named_and_removes_the_rest(bento: Path):
    kept = images.put(bento, "echo")
    (bento / "src" / "service.py").write_text("x = 3\n")
    dropped = images.put(bento, "echo")
    assert images.gc([kept.digest]) == [dropped.digest]
    assert images.list_digests() == [kept.digest]


@pytest.mark.parametrize("reference", ["echo:latest", "echo", "echo@sha256:abc", "a b@sha256:" + "0" * 64])
def test_a_reference_without_a_digest_is_refused(reference: str):
    with pytest.raises(PlinthError, match="digest"):
        images.ImageRef.parse(reference)


@pytest.mark.parametrize("digest", ["sha256:../../etc", "", "md5:" + "0" * 64])
def test_a_digest_that_could_name_another_folder_is_refused(digest: str):
    with pytest.raises(PlinthError, match="not a digest"):
        images.get(digest)


names = st.text(alphabet="abc-", min_size=1, max_size=4)
trees = st.dictionaries(st.tuples(names, names), st.tuples(st.binary(max_size=8), st.booleans()), max_size=5)


def write(folder: Path, tree: dict[tuple[str, str], tuple[bytes, bool]]) -> None:
    for (parent, name), (content, executable) in tree.items():
        path = folder / parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o755 if executable else 0o644)


@given(left=trees, right=trees)
def test_two_folders_share_a_digest_exactly_when_their_files_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, left: dict, right: dict
):
    one, two = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    write(one, left)
    write(two, dict(reversed(right.items())))
    for number, path in enumerate(one.rglob("*")):
        os.utime(path, (number, number))
    assert (images.digest_of(one) == images.digest_of(two)) == (left == right)
