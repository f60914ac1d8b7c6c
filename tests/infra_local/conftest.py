"""Fixtures of the local platform's unit tests: real processes, no toolchain, no network."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from infra.local import aws_api
from infra.local.isolation import ACCESS_KEY, SECRET_KEY

READY_SECONDS = 60.0
REGION = "eu-central-1"


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class AwsProcess:
    """One local AWS API as a process of its own, started and killed by a test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.journal = folder / "journal"
        self.log = folder / "log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.clients: dict[str, Any] = {}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, limit: Callable[[], None] | None = None) -> dict[str, Any]:
        """Start it and return its health document."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "infra.local.aws_api",
                    f"--port={self.port}",
                    f"--journal={self.journal}",
                ],
                stdout=log,
                stderr=log,
                env={"PATH": os.environ["PATH"], "AWS_PROFILE": "of-the-user", "PYTHONHASHSEED": "0"},
                preexec_fn=limit,  # noqa: PLW1509 - one system call
            )
        deadline = time.monotonic() + READY_SECONDS
        while (answer := aws_api.health(self.url)) is None:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, "the AWS API did not answer"
            time.sleep(0.05)
        return answer

    def kill(self) -> None:
        """End it as kill -9 does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def restart(self) -> dict[str, Any]:
        """Kill it and start it again."""
        self.kill()
        return self.start()

    def client(self, service: str) -> Any:
        """Return a boto3 client that reaches this process."""
        if service in self.clients:  # one is enough for all lives of the process
            return self.clients[service]
        make: Any = boto3.client
        self.clients[service] = made = make(
            service,
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            verify=str(self.folder / "aws-ca.crt"),
            config=Config(proxies={"http": self.url, "https": self.url}, retries={"max_attempts": 1}),
        )
        return made


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[AwsProcess]:
    api = AwsProcess(tmp_path / "aws")
    yield api
    api.kill()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsProcess]:
    """Return one running API for tests that leave no trace which the next one minds."""
    api = AwsProcess(tmp_path_factory.mktemp("shared") / "aws")
    api.start()
    yield api
    api.kill()
