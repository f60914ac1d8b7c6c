"""The operations exporter fetches answers from pods over HTTP and compares them, each once."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from infra.operations import gates
from infra.operations.shadows import Shadows
from services.readiness import contract_file
from services.readiness.shadow import Recent

pytestmark = pytest.mark.parts

CONTRACT = contract_file.load(Path(__file__).parents[2] / "services" / "credit_risk")
SERVICE = "credit-risk"


class Pod:
    """One pod's page of latest answers, on loopback."""

    def __init__(self, *, stable: bool, revision: str = "r1") -> None:
        self.recent, self.stable, self.revision = Recent(), stable, revision
        pod = self

        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(pod.recent.page(self.path.partition("?")[2])).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, numbers: range, *, label: str = "approve", shadow: bool | None = None) -> None:
        for number in numbers:
            content = {"decision": label, "probability_of_default": 0.1}
            copy = not self.stable if shadow is None else shadow
            self.recent.add(request=str(number), shadow=copy, status=200, content=content, seconds=0.01)

    def listed(self) -> dict[str, Any]:
        name = f"{SERVICE}-primary" if self.stable else SERVICE
        return {
            "metadata": {
                "name": f"{name}-{self.revision}-x",
                "labels": {"app.kubernetes.io/name": name, "pod-template-hash": self.revision},
                "annotations": {"plinth.dev/endpoint": f"127.0.0.1:{self.server.server_port}"},
            },
            "status": {"phase": "Running"},
        }


@pytest.fixture
def pods() -> Iterator[list[Pod]]:
    found = [Pod(stable=True), Pod(stable=False)]
    yield found
    for one in found:
        one.server.shutdown()
        one.server.server_close()


def watching(pods: list[Pod]) -> Shadows:
    return Shadows(lambda: [one.listed() for one in pods], {SERVICE: CONTRACT})


def said(shadows: Shadows, gate: str) -> int:
    sources = gates.Sources(
        contracts={SERVICE: CONTRACT},
        shadows=shadows,
        target=lambda _: {},
        stable=lambda _: None,
        experiments=lambda _: [],
        objections=lambda *_: [],
    )
    return gates.answer(sources, gate, SERVICE)[0]


def test_each_answer_is_compared_once_over_several_rounds(pods: list[Pod]) -> None:
    stable, candidate = pods
    shadows = watching(pods)
    for start in (0, 60):
        stable.answer(range(start, start + 60))
        candidate.answer(range(start, start + 60))
        assert shadows.look()
    known = shadows.of(SERVICE)

    assert known is not None
    assert known.comparison.tally.pairs == 120
    assert said(shadows, "shadow") == gates.YES
    assert said(shadows, "undo") == gates.NO


def test_a_bad_candidate_is_undone_and_its_successor_begins_with_nothing(pods: list[Pod]) -> None:
    stable, candidate = pods
    shadows = watching(pods)
    stable.answer(range(40))
    candidate.answer(range(40), label="decline")
    shadows.look()
    assert said(shadows, "undo") == gates.YES

    candidate.recent, candidate.revision = Recent(), "r2"
    shadows.look()
    assert said(shadows, "undo") == gates.NO
    assert said(shadows, "shadow") == gates.NO


def test_what_a_candidate_answers_users_is_compared_with_nothing(pods: list[Pod]) -> None:
    _, candidate = pods
    shadows = watching(pods)
    candidate.answer(range(30), shadow=False)
    candidate.answer(range(30))
    shadows.look()
    known = shadows.of(SERVICE)

    assert known is not None
    assert known.comparison.tally.pairs == 0


def test_a_candidate_that_has_gone_is_neither_undone_nor_shown(pods: list[Pod]) -> None:
    stable, candidate = pods
    there = list(pods)
    shadows = watching(there)
    stable.answer(range(40))
    candidate.answer(range(40), label="decline")
    shadows.look()
    assert {one.name for one in shadows.samples()} >= {"plinth_shadow_pairs"}
    there.remove(candidate)

    assert not shadows.look()
    assert said(shadows, "undo") == gates.NO
    assert list(shadows.samples()) == []


def test_a_pod_that_was_started_anew_is_read_from_its_beginning(pods: list[Pod]) -> None:
    stable, candidate = pods
    shadows = watching(pods)
    stable.answer(range(10))
    candidate.answer(range(10))
    shadows.look()
    candidate.recent = Recent()
    stable.answer(range(10, 15))
    candidate.answer(range(10, 15))
    shadows.look()  # sees another process
    shadows.look()  # reads it
    known = shadows.of(SERVICE)

    assert known is not None
    assert known.comparison.tally.pairs == 15
