"""One environment for all tests of this folder; it is brought up by the first and purged after the last."""

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(1, str(Path(__file__).parents[2] / "ops"))  # the stand-in for a forge
sys.path.insert(1, str(Path(__file__).parents[2] / "structure"))  # the steps of the workflows

from clones import Clone, draft_of
from commands import Done

from infra.errors import Exit
from infra.local.paths import repo_root


@contextlib.contextmanager
def _at_home() -> Iterator[Clone]:
    """Give this working tree with a home of its own, in which nothing is yet and nothing is left."""
    with tempfile.TemporaryDirectory(prefix="plinth-") as folder:
        clone = Clone(repo_root(), Path(folder) / "home")
        try:
            yield clone
        finally:
            clone.plinth("down", "--purge").ended(Exit.OK)


@pytest.fixture(scope="session")
def one_clone() -> Iterator[Clone]:
    """Return the clone in which the environment of these tests lives."""
    with _at_home() as clone:
        yield clone


@pytest.fixture(scope="module")
def apart() -> Iterator[Clone]:
    """Return a clone in whose home only copies of other stacks live."""
    with _at_home() as clone:
        yield clone


@pytest.fixture(scope="session")
def first_up(one_clone: Clone) -> Done:
    """Return what the first ``up`` said."""
    return one_clone.plinth("up", "--json")


@pytest.fixture
def clone(one_clone: Clone, first_up: Done) -> Clone:
    """Return the environment, up; a draft may have changed what is in it."""
    first_up.ended(Exit.OK)
    return one_clone


@pytest.fixture
def settled(clone: Clone) -> Clone:
    """Return the environment as this working tree describes it, whatever drafts did to it."""
    if clone.home in _CHANGED:
        clone.converges()
        _CHANGED.discard(clone.home)
    return clone


@pytest.fixture
def draft(clone: Clone, tmp_path: Path) -> Clone:
    """Return a copy of the working tree that may be changed, driving the same environment."""
    _CHANGED.add(clone.home)
    return draft_of(clone, tmp_path / "draft")


@pytest.fixture
def refused(settled: Clone, tmp_path: Path) -> Clone:
    """Return a copy whose change must not get through, so that the environment stays as it was."""
    return draft_of(settled, tmp_path / "draft")


@pytest.fixture
def idle_draft(tmp_path: Path) -> Clone:
    """Return a copy of the working tree whose own environment was never brought up."""
    return draft_of(Clone(repo_root(), tmp_path / "home"), tmp_path / "draft")


_CHANGED: set[Path] = set()
"""Homes that a draft may have changed."""
