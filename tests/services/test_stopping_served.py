"""A real server and a real switch: while it is off, and while nobody knows, the fallback answers."""

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aws import make_table, process_of
from served import Server, serving

from services.lifecycle.stores import TableItems
from services.readiness.stopping import PARTITION, SORT, TABLE_VARIABLE, Switch

pytestmark = pytest.mark.serving
TABLE, SERVICE = "registry", "credit-risk"
BOUND_SECONDS = 60  # only bounds a hang; how long it takes is what `./plinth drill stop` measures


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Any, dict[str, str]]]:
    """A DynamoDB of its own process, with the registry's table."""
    with process_of("dynamodb", tmp_path) as (process, client, environment):
        until(lambda: answers(client))
        make_table(client, TABLE, (PARTITION, SORT))
        yield process, client, environment | {TABLE_VARIABLE: TABLE}


def answers(client: Any) -> bool:
    try:
        return client.list_tables() is not None
    except Exception:  # noqa: BLE001 - botocore makes its exceptions at run time
        return False


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + BOUND_SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_stopped_model_answers_nothing_whatever_happens_to_processes_and_stores(
    built, aws, tmp_path, example
) -> None:
    process, client, extra = aws
    items = TableItems(client, TABLE, partition=PARTITION, sort=SORT)
    rungs: list[str] = []

    def asked(server: Server) -> str:
        answer = server.decide(example)
        assert answer.status_code == 200, answer.text
        rungs.append(answer.json()["rung"])
        return rungs[-1]

    def stopped_by_last_record(server: Server) -> bool:
        bodies = [record.body for record in server.reader().decisions()]
        return [body["troubles"] for body in bodies if body["rung"] == "scorecard"][-1:] == [["stopped"]]

    off = Switch(stopped=True, by="Ada", why="declines everybody", moves=1)
    with serving(built.bento, tmp_path / "one", service=SERVICE, extra=extra) as server:
        assert asked(server) == "model"
        items.put(off.item(SERVICE))
        until(lambda: asked(server) == "scorecard")
        assert stopped_by_last_record(server)
        assert 'plinth_stopped{service="credit-risk"} 1.0' in server.client.get("/metrics").text

    with serving(built.bento, tmp_path / "two", service=SERVICE, extra=extra) as server:
        assert asked(server) == "scorecard"  # from its first answer on
        items.put(replace(off, stopped=False, moves=2).item(SERVICE), expect={"moves": 1})
        until(lambda: asked(server) == "model")
        process.kill()
        process.wait(10)
        assert asked(server) == "model"  # what was known a moment ago still holds

    with serving(built.bento, tmp_path / "three", service=SERVICE, extra=extra) as server:
        assert asked(server) == "scorecard"  # nobody can say that it was not stopped
        assert stopped_by_last_record(server)
