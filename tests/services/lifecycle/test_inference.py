"""One model answers the same alone, in a file, and from a queue."""

import json
from collections.abc import Sequence

import pytest
from pydantic import BaseModel, ConfigDict

from services.lifecycle.inference import BATCH_ROWS, Scorer, batch

pytestmark = pytest.mark.parts


class Number(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    value: int


def halves(numbers: Sequence[Number]) -> list[dict]:
    return [{"half": number.value / 2} for number in numbers]


SCORER = Scorer(schema=Number, answers=halves, model_digest="sha256:1")
LINES = [json.dumps({"value": n}) if n % 7 else f'{{"value": "secret-{n}"}}' for n in range(BATCH_ROWS + 40)]


def alone(line: str) -> dict:
    return SCORER.score([line])[0]


def test_a_file_is_answered_as_each_line_alone() -> None:
    found = list(batch(SCORER, [LINES[0], "  \n", *LINES[1:]]))

    assert [one.pop("line") for one in found] == [1, *range(3, len(LINES) + 2)]
    assert found == [alone(line) for line in LINES]
    assert found[1] == {"half": 0.5, "model_digest": "sha256:1"}


def test_a_broken_line_names_its_problem_and_never_its_value() -> None:
    found = alone('{"value": "secret-0", "key-of-mine": 1}')

    assert found["error"] == "invalid"
    assert {one["field"] for one in found["problems"]} == {"value", "(unknown field)"}
    assert "secret" not in json.dumps(found)
    assert "mine" not in json.dumps(found)
    assert alone("{")["error"] == "invalid"
