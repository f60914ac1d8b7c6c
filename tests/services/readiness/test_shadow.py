"""A shadow answer is decided and logged as one, asks nobody and counts nowhere but in figures of its own."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwk, jwt
from prometheus_client import REGISTRY

from services.credit_risk.answering import HOSTED
from services.readiness import contract_file, tally
from services.readiness.api import Api, Endpoints
from services.readiness.assessment import Assessment
from services.readiness.decision_log.reading import Reader
from services.readiness.decisions import FOLDER_VARIABLE, Decisions
from services.readiness.ladder import Ladder
from services.readiness.review import Case
from services.readiness.review_feed import from_record
from services.readiness.security import DECIDE_SCOPE, RateLimit, Tokens

HOST = "credit-risk.plinth.localhost"
ISSUER = "https://issuer.example"
REQUEST = "0123456789abcdef"


class Feed:
    """Takes cases as the feed of the review table does."""

    full = False

    def __init__(self) -> None:
        self.cases: list[Case] = []

    def ask(self, case: Case) -> None:
        self.cases.append(case)

    def close(self) -> None:
        """There is nothing to end."""


async def assess(_: list[float]) -> Assessment:
    return Assessment(rung="scorecard", probabilities=(0.9, 0.1))


class Served:
    """One process's API with its log; in the model's place stands what the scorecard would say."""

    def __init__(self, folder: Path) -> None:
        key = jwk.ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
        claims = {"iss": ISSUER, "aud": "credit-risk", "sub": "test", "scope": DECIDE_SCOPE}
        claims |= {"iat": int(time.time()), "exp": int(time.time()) + 600}
        self.token = jwt.encode({"alg": "ES256", "kid": key.kid}, claims, key, algorithms=["ES256"])
        contract = contract_file.load(HOSTED.folder)
        self.feed: Any = Feed()
        ladder: Any = Ladder(contract, features_digest=HOSTED.features_digest)
        ladder.assess = assess
        self.folder = folder
        self.decisions = Decisions(
            HOSTED.service,
            contract,
            ladder,
            environment={FOLDER_VARIABLE: str(folder)},
            reviews=self.feed,
        )
        ends = Endpoints(
            decisions=lambda: self.decisions,
            schema=HOSTED.schema,
            encode=HOSTED.encode,
            redact=HOSTED.redact,
            tokens=Tokens(
                issuer=ISSUER,
                audience="credit-risk",
                keys={"keys": [key.as_dict(private=False)]},
            ),
            rate=RateLimit(100, 100),
            describe=lambda: None,
        )
        self.api = Api("credit-risk", lambda: ends, prefix="/v1")
        self.body = json.loads((HOSTED.folder / "example.json").read_text(encoding="utf-8"))

    async def _ask(self, hosts: list[str]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        transport = httpx.ASGITransport(app=self.api)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            headers = {"authorization": f"Bearer {self.token}", "x-request-id": REQUEST}
            said = [
                (await client.post("/v1/decisions", json=self.body, headers=headers | {"host": host})).json()
                for host in hosts
            ]
            return said, self.api.recent.page("after=0")

    def ask(self, *hosts: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Return the answers to the same request under some host names, and the page of latest answers."""
        return asyncio.run(self._ask(list(hosts)))

    def records(self) -> list[dict[str, Any]]:
        self.decisions.close()
        return [one.body for one in Reader("credit-risk", store=None, spools=[self.folder]).decisions()]


def figure(name: str, **labels: str) -> float:
    tally.carry_over()
    return REGISTRY.get_sample_value(name, {"service": "credit-risk", **labels}) or 0.0


@pytest.fixture
def served(tmp_path: Path) -> Served:
    return Served(tmp_path)


def test_a_copy_gets_the_answer_that_the_request_got_and_is_logged_as_a_shadow(served: Served) -> None:
    (answer, copy), page = served.ask(HOST, f"{HOST}-shadow")
    first, second = served.records()

    own = ("request_id", "decision", "reasons", "rung", "probability_of_default")
    assert {key: answer[key] for key in own} == {key: copy[key] for key in own}
    assert "shadow" not in first
    assert second["shadow"] is True
    assert [(request, shadow, status) for _, request, shadow, status, *_ in page["answers"]] == [
        (REQUEST, False, 200),
        (REQUEST, True, 200),
    ]


def test_a_copy_asks_no_person_now_or_when_the_log_is_read_again(served: Served) -> None:
    served.decisions.contract = served.decisions.contract.model_copy(
        update={"review": served.decisions.contract.review.model_copy(update={"sample_share": 1.0})}
    )
    (answer, copy), _ = served.ask(HOST, f"{HOST}-shadow")
    first, second = served.records()

    assert answer["review"]
    assert not copy["review"]
    assert [case.decision for case in served.feed.cases] == [first["id"]]
    assert from_record("credit-risk", {**second, "review": "sample"}) is None


def test_a_copy_counts_in_figures_of_its_own_only(served: Served) -> None:
    names = ("plinth_requests_total", "plinth_shadow_requests_total")
    before = [figure(name, status="200") for name in names] + [
        figure("plinth_answers_total", rung="scorecard")
    ]
    served.ask(f"{HOST}-shadow", f"{HOST}-shadow", HOST)
    after = [figure(name, status="200") for name in names] + [
        figure("plinth_answers_total", rung="scorecard")
    ]

    assert [new - old for old, new in zip(before, after, strict=True)] == [1, 2, 1]
