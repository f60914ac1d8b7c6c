"""The packed service, built once for all tests that look at it."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

sys.path.insert(0, str(Path(__file__).parent))

from services.lifecycle import streaming

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class Built:
    out: Path
    package: dict[str, Any]

    @property
    def bento(self) -> Path:
        return self.out / "bento"

    @property
    def model(self) -> Path:
        return self.bento / "src" / "services" / "credit_risk" / "model"


@pytest.fixture(scope="session")
def two_builds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Built, Built]:
    """Two whole builds, trained apart: own caches, own folders (one hidden), own hash seeds."""
    running = []
    for hash_seed, name in (("1", "one"), ("3", ".two")):
        folder = tmp_path_factory.mktemp("build")
        argv = [sys.executable, "-m", "services.credit_risk.packaging"]
        argv += ["--out", str(folder / name), "--cache", str(folder / "cache")]
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        process = subprocess.Popen(
            argv, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        running.append((folder / name, process))
    built = []
    for out, process in running:
        stdout, stderr = process.communicate(timeout=300)
        assert process.returncode == 0, stderr
        built.append(Built(out=out, package=json.loads(stdout)))
    return built[0], built[1]


@pytest.fixture(scope="session")
def built(two_builds: tuple[Built, Built]) -> Built:
    return two_builds[0]


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bento of digit-reader."""
    out = tmp_path_factory.mktemp("digits")
    argv = [sys.executable, "-m", "services.digit_reader.packaging", "--out", str(out / "one")]
    done = subprocess.run(
        [*argv, "--cache", str(out / "cache")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return out / "one" / "bento"


@pytest.fixture
def example() -> dict[str, Any]:
    content = (ROOT / "services" / "credit_risk" / "example.json").read_text()
    application: dict[str, Any] = json.loads(content)
    return application


@pytest.fixture
def queues(monkeypatch):
    """A client of SQS, and a service's queues (moto, in this process)."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        client = boto3.client("sqs", region_name="eu-central-1")
        made = {
            # What is not removed comes back at once.
            name: client.create_queue(QueueName=name, Attributes={"VisibilityTimeout": seconds})["QueueUrl"]
            for name, seconds in (("requests", "0"), ("answers", "600"), ("failed", "600"))
        }
        yield client, streaming.Queues(**made)
