"""The second service: packed, served, asked; what it cannot read goes to a person."""

import json
from pathlib import Path

import numpy as np
import pytest
from served import received, serving, token

from services.digit_reader import dataset, training
from services.digit_reader.answering import HOSTED
from services.digit_reader.features import FEATURES, encode
from services.digit_reader.schema import DARKEST, SIDE, Image, Reading
from services.lifecycle import gates, inference, streaming
from services.readiness import contract_file
from services.readiness.decision_log.reading import Reader
from services.readiness.figures import of_record
from services.readiness.likeness import Likeness
from services.readiness.model import verify
from services.readiness.reference_making.many_classes import fit_likeness

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "services" / "digit_reader"


@pytest.fixture(scope="module")
def bento(digits) -> Path:
    return digits


@pytest.fixture(scope="module")
def record(bento) -> dict:
    return verify(bento / "src/services/digit_reader/model")


@pytest.fixture(scope="module")
def server(bento, tmp_path_factory):
    with serving(bento, tmp_path_factory.mktemp("serve") / "one", service="digit-reader") as found:
        yield found


@pytest.fixture
def example() -> dict:
    return json.loads((FOLDER / "example.json").read_text())


@pytest.mark.serving
def test_a_digit_is_read_with_guard_confidence_explanation_and_record(server, example, record) -> None:
    answer = server.decide(example)
    reading = Reading.model_validate_json(answer.content)
    (found,) = server.reader().search(reading.decision_id)

    assert (reading.decision, reading.digit, reading.reasons) == ("read", 3, ["sure"])
    assert reading.confidence.likelier > 0.9
    assert reading.confidence.classes == ["3"]
    assert reading.guard.verdict == "in_distribution"
    assert {effect.feature for effect in reading.explanation} < set(training.zones())
    assert reading.model_digest == record["model_digest"]
    assert found["body"]["input"] == example
    assert found["body"]["output"] == {"decision": "read", "reasons": ["sure"], "digit": 3}
    assert server.reader().verify().findings == ()


@pytest.mark.serving
def test_what_is_no_digit_goes_to_a_person(server, example) -> None:
    negative = {"pixels": [[DARKEST - pixel for pixel in row] for row in example["pixels"]]}
    answer = server.decide(negative).json()

    assert (answer["decision"], answer["review"]) == ("refer_to_human", True)
    assert "out_of_distribution" in answer["reasons"]


@pytest.mark.serving
def test_who_has_no_token_for_this_service_is_refused(server, example) -> None:
    for header in ("", f"Bearer {token(service='credit-risk')}"):
        assert server.decide(example, Authorization=header).status_code == 401


@pytest.mark.serving
@pytest.mark.parametrize(
    "pixels",
    [
        [],
        [[0] * SIDE] * 7,
        [[0] * 9] * SIDE,
        [[17] * SIDE] * SIDE,
        [[0.5] * SIDE] * SIDE,
        [["0"] * SIDE] * SIDE,
        None,
    ],
)
def test_what_is_no_image_is_refused_without_an_echo(server, pixels) -> None:
    answer = server.decide({"pixels": pixels})

    assert answer.status_code == 400
    assert answer.json()["reason"] == "invalid"


@pytest.mark.serving
def test_the_record_keeps_the_contract_and_the_readme_tells_its_figures(record) -> None:
    figures = of_record(record)
    readme = (FOLDER / "README.md").read_text()

    assert gates.objections(contract_file.load(FOLDER), figures, None) == []
    for part in ("holdout", "cross_validation"):
        assert f"{figures[f'{part}.accuracy']:.3f}" in readme
        assert f"{figures[f'{part}.worst_digit_accuracy']:.3f}" in readme
    assert f"{figures['unreviewed.share']:.0%}".replace("%", " %") in readme
    assert f"{figures['unreviewed.accuracy']:.1%}".replace("%", " %") in readme


def test_an_image_is_encoded_row_by_row() -> None:
    pixels = [[(row * SIDE + column) % 17 for column in range(SIDE)] for row in range(SIDE)]
    values = encode(Image(pixels=pixels))

    assert [round(value * DARKEST) for value in values] == [pixel for row in pixels for pixel in row]
    assert len(FEATURES) == len(values) == 64


def test_what_was_delivered_is_what_scikit_learn_carries() -> None:
    frame = dataset.frame()

    assert len(frame) == 1797
    assert len(dataset.images(frame)) == 1797
    assert np.bincount(dataset.digits(frame)).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_likeness_flags_the_designed_share_of_images_that_it_did_not_see() -> None:
    rows = np.asarray([encode(one) for one in dataset.images(dataset.frame())], dtype=np.float32)
    found = Likeness(fit_likeness(rows[:1200], directions=training.DIRECTIONS, seed=1))
    flagged = training.unlike(found, rows[1200:])

    assert flagged["unlike"]["ordinary"] < 0.03
    assert flagged["unlike_at_5_percent"]["ordinary"] < 0.1
    assert flagged["unlike"]["inverted"] > 0.95


def test_the_service_is_short() -> None:
    for path in ROOT.glob("services/*/service.py"):
        assert len(path.read_text().splitlines()) <= 150, path


@pytest.mark.serving
def test_real_time_a_file_and_a_queue_are_answered_alike(server, bento, tmp_path, queues) -> None:
    lines = [image.model_dump_json() for image in dataset.images(dataset.frame())[:40]]
    folder = bento / "src/services/digit_reader/model"
    client, asked = queues
    sent = [client.send_message(QueueUrl=asked.requests, MessageBody=line)["MessageId"] for line in lines]
    with inference.scoring(HOSTED, folder, log=tmp_path / "log", caller="test") as scorer:
        in_a_file = list(inference.batch(scorer, lines))
        worker = streaming.Stream(scorer, client, asked, earlier=list)
        while worker.once(wait_seconds=0):
            pass

    waited_for = [server.decide(json.loads(line)).json() for line in lines]
    by_message = {one.pop("message"): one for one in received(client, asked.answers)}
    log = Reader("digit-reader", store=None, spools=[tmp_path / "log"])

    for number, (one, other, message) in enumerate(zip(in_a_file, waited_for, sent, strict=True), start=1):
        assert one.pop("line") == number
        assert same(one, other)
        assert same(one, by_message[message])
    assert len({record.body["id"] for record in log.decisions()}) == 2 * len(lines)
    assert log.verify().findings == ()


def same(one: dict, other: dict) -> bool:
    """Rows are added up in another order in a batch: 32 bits round at the seventh digit."""
    own = {"request_id", "decision_id", "review"}  # a sample of the sure ones is reviewed, drawn by id
    return leaves(one, own) == pytest.approx(leaves(other, own), abs=2e-5)


def leaves(value: dict, without: set[str]) -> dict:
    found = {}
    for key, inner in value.items():
        if key not in without:
            rows = enumerate(inner) if isinstance(inner, list) else [("", inner)]
            for place, item in rows:
                name = f"{key}.{place}"
                found |= (
                    {f"{name}.{k}": v for k, v in leaves(item, without).items()}
                    if isinstance(item, dict)
                    else {name: item}
                )
    return found
