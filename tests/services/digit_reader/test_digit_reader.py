"""The second service: packed, served, asked; what it cannot read goes to a person."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import numpy as np
import pytest

from services.digit_reader import dataset, training
from services.digit_reader.features import FEATURES, encode
from services.digit_reader.likeness import Likeness, fit
from services.digit_reader.pipeline import PIPELINE
from services.digit_reader.schema import DARKEST, SIDE, Image
from services.lifecycle import gates, inference
from services.readiness import contract_file
from services.readiness.figures import of_record
from services.readiness.model import verify

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "services" / "digit_reader"
START_SECONDS = 60


@pytest.fixture(scope="module")
def bento(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("digits")
    argv = [sys.executable, "-m", "services.digit_reader.packaging", "--out", str(out / "one")]
    done = subprocess.run(
        [*argv, "--cache", str(out / "cache")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return out / "one" / "bento"


@pytest.fixture(scope="module")
def record(bento) -> dict:
    return verify(bento / "src/services/digit_reader/model")


@pytest.fixture(scope="module")
def client(bento, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True"}
    argv = [sys.executable, "-m", "bentoml", "serve", str(bento), "--host", "127.0.0.1", "--port", str(port)]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(argv, env=environment, stdout=log, stderr=log, cwd=home)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10) as found:
            end = time.monotonic() + START_SECONDS
            while time.monotonic() < end:
                try:
                    if found.get("/readyz").status_code == 200:
                        break
                except httpx.HTTPError:
                    pass
                time.sleep(0.2)
            yield found
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


@pytest.fixture
def example() -> dict:
    return json.loads((FOLDER / "example.json").read_text())


@pytest.mark.serving
def test_a_digit_is_read(client, example, record) -> None:
    answer = client.post("/v1/decisions", json=example).json()

    assert (answer["decision"], answer["digit"], answer["reasons"]) == ("read", 3, ["sure"])
    assert answer["confidence"] > 0.9
    assert answer["unlikeness"] < 1
    assert answer["model_digest"] == record["model_digest"]


@pytest.mark.serving
def test_what_is_no_digit_goes_to_a_person(client, example) -> None:
    negative = {"pixels": [[DARKEST - pixel for pixel in row] for row in example["pixels"]]}
    answer = client.post("/v1/decisions", json=negative).json()

    assert answer["decision"] == "refer_to_human"
    assert "unlike_training" in answer["reasons"]


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
def test_what_is_no_image_is_refused_without_an_echo(client, pixels) -> None:
    answer = client.post("/v1/decisions", json={"pixels": pixels})

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
    assert f"{figures['unlike.shifted']:.0%}".replace("%", " %") in readme


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


def test_likeness_is_the_same_after_writing_and_flags_the_designed_share() -> None:
    rows = np.asarray([encode(one) for one in dataset.images(dataset.frame())], dtype=np.float32)
    found = fit(rows[:1200], rows[1200:], false_positive_rate=0.05, seed=1)
    read = Likeness.read(json.loads(json.dumps(found.document())))

    assert np.allclose(found.unlikeness(rows), read.unlikeness(rows), rtol=1e-4)
    assert (read.unlikeness(rows[1200:]) > 1).mean() == pytest.approx(0.05, abs=0.005)
    assert training.unlike(read, rows[1200:])["inverted"] > 0.95


def test_the_service_is_short() -> None:
    for path in ROOT.glob("services/*/service.py"):
        assert len(path.read_text().splitlines()) <= 150, path


@pytest.mark.serving
def test_real_time_and_a_file_are_answered_alike(client, bento) -> None:
    images = dataset.images(dataset.frame())[:40]
    lines = [image.model_dump_json() for image in images]
    scorer = PIPELINE.scorer(bento / "src/services/digit_reader/model")

    in_a_file = list(inference.batch(scorer, lines))
    waited_for = [client.post("/v1/decisions", json=json.loads(line)).json() for line in lines]

    for number, (one, other) in enumerate(zip(in_a_file, waited_for, strict=True), start=1):
        assert one.pop("line") == number
        assert other.pop("request_id")
        # Rows are added up in another order in a batch; 32 bits round at the seventh digit.
        for figure in ("confidence", "unlikeness"):
            assert one.pop(figure) == pytest.approx(other.pop(figure), abs=1e-6)
        assert one == other
