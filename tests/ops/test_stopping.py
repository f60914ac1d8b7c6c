"""A person stops a model and brings it back: recorded, against nobody else's move, safe when stores fail."""

from pathlib import Path

import pytest

from infra.errors import PlinthError
from infra.local.paths import repo_root
from infra.ops import acts, stopping
from infra.settings import Settings
from services.lifecycle.stores import FolderItems, StoreError
from services.readiness.decision_log.reading import Reader
from services.readiness.decision_log.store import FolderStore

SERVICE = "credit-risk"


@pytest.fixture
def settings() -> Settings:
    return Settings.from_file(repo_root() / "stacks" / "Pulumi.local.yaml", environ={})


@pytest.fixture
def table(tmp_path: Path) -> FolderItems:
    return FolderItems(tmp_path / "table", partition="model", sort="version")


@pytest.fixture(autouse=True)
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderStore:
    monkeypatch.setenv("PLINTH_HOME", str(tmp_path / "home"))
    store = FolderStore(tmp_path / "bucket")
    monkeypatch.setattr(acts.trail, "bucket", lambda _: store)
    return store


def turn(settings: Settings, table: FolderItems, *, stop: bool, why: str = "it is wrong") -> stopping.Turned:
    return stopping.turn(settings, SERVICE, stop=stop, by="Ada", why=why, kept=table)


def recorded(store: FolderStore) -> list[tuple[str, str, str]]:
    reader = Reader(SERVICE, store=store)
    assert reader.verify().findings == ()
    return [(one["done"], one["by"], one["why"]) for one in acts.history(reader, acts.STOP)]


def test_a_stop_and_a_resume_leave_who_and_why_in_the_chain(settings, table, log) -> None:
    stopped = turn(settings, table, stop=True, why="declines everybody")
    again = turn(settings, table, stop=True, why="a second person")
    assert stopping.standing(settings, SERVICE, kept=table) == stopped.switch
    resumed = turn(settings, table, stop=False, why="it was the data")

    assert (stopped.changed, again.changed, resumed.changed) == (True, False, True)
    assert again.switch.why == "declines everybody"
    assert not resumed.switch.stopped
    assert recorded(log) == [("stop", "Ada", "declines everybody"), ("resume", "Ada", "it was the data")]


def test_a_log_that_cannot_be_written_holds_up_a_resume_and_no_stop(settings, table, monkeypatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise PlinthError("The act cannot be logged: disk full.")

    monkeypatch.setattr(acts, "record", full)

    stopped = turn(settings, table, stop=True)
    with pytest.raises(PlinthError, match="cannot be logged"):
        turn(settings, table, stop=False)

    assert (stopped.changed, stopped.logged) == (True, False)
    assert stopping.standing(settings, SERVICE, kept=table).stopped


def test_two_people_at_once_do_not_undo_each_other(settings, table, monkeypatch) -> None:
    before = stopping.standing(settings, SERVICE, kept=table)
    turn(settings, table, stop=True)
    turn(settings, table, stop=False)
    turn(settings, table, stop=True)
    monkeypatch.setattr(stopping, "standing", lambda *_, **__: before)

    with pytest.raises(PlinthError, match="at the same moment"):
        turn(settings, table, stop=True, why="saw it running")


@pytest.mark.parametrize(
    ("service", "why", "says"),
    [("nobody", "a good reason", "no service 'nobody'"), (SERVICE, "  x ", "says too little")],
)
def test_mistakes_change_nothing(settings, table, service, why, says) -> None:
    with pytest.raises(PlinthError, match=says):
        stopping.turn(settings, service, stop=True, by="Ada", why=why, kept=table)

    assert table.query("stop#credit-risk") == []


def test_a_table_that_is_away_is_named_with_what_to_do(settings) -> None:
    class Away:
        def get(self, *_: str) -> None:
            raise StoreError("AWS refused: Throttled.")

    with pytest.raises(PlinthError, match="cannot be read: AWS refused"):
        stopping.standing(settings, SERVICE, kept=Away())
