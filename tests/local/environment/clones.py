"""A working tree and the environment that is driven from it, used as a person uses them."""

import contextlib
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import httpx
import psutil
import pytest
from botocore.config import Config
from commands import PATIENCE, Done, Running

from infra.errors import Exit
from infra.local.runner.rest import _credentials
from infra.naming import PROJECT
from infra.ops import draft, state


@dataclass
class Clone:
    """A working tree and the environment that is driven from it.

    Args:
        root: The tree; its own, or a draft of it with a deliberate change.
        home: What this environment keeps.
        extra: Variables of the caller's shell, beside those that the tests themselves run in.
        prefix: What every command is started by, such as something that takes the network away.
    """

    root: Path
    home: Path
    extra: dict[str, str] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()

    def environ(self, **extra: str) -> dict[str, str]:
        """Return the environment of a person's shell in this tree."""
        return {**os.environ, "PLINTH_HOME": str(self.home), "NO_COLOR": "1", **self.extra, **extra}

    def plinth(self, *words: str, given: str = "", patience: float = PATIENCE, **extra: str) -> Done:
        """Run ``./plinth`` to its end, with ``given`` as its input; kill it after ``patience`` seconds."""
        done = subprocess.run(
            self._argv(words),
            cwd=self.root,
            env=self.environ(**extra),
            input=given,
            capture_output=True,
            text=True,
            timeout=patience,
            check=False,
        )
        return Done(" ".join(["./plinth", *words]), done.returncode, done.stdout, done.stderr)

    @contextlib.contextmanager
    def running(self, *words: str, **extra: str) -> Iterator[Running]:
        """Run ``./plinth`` beside the test; it does not outlive the block."""
        with tempfile.TemporaryDirectory() as folder:
            run = Running(self._argv(words), self.root, self.environ(**extra), Path(folder))
            try:
                yield run
            finally:
                if not run.over():
                    run.process.kill()
                    run.process.wait()

    def shell(self, script: str, **extra: str) -> Done:
        """Run a bash script in this tree."""
        done = subprocess.run(
            [*self.prefix, "bash", "-c", script],
            cwd=self.root,
            env=self.environ(**extra),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return Done(script, done.returncode, done.stdout, done.stderr)

    def _argv(self, words: tuple[str, ...]) -> list[str]:
        # The launcher under the interpreter of this tree, whatever `python3` means on this machine.
        launcher = [str(self.root / ".venv" / "bin" / "python"), str(self.root / "plinth")]
        return [*self.prefix, *launcher, *words]

    # What this environment is, read from its files ----------------------------------------------------

    @property
    def releases_file(self) -> Path:
        return self.home / "releases" / "local.json"

    @property
    def state_file(self) -> Path:
        return self.home / "state" / ".pulumi" / "stacks" / PROJECT / "local.json"

    def checkpoint(self) -> dict[str, Any]:
        """Return what the engine last wrote down; empty while it is writing."""
        return state.load(self.state_file) or {}

    def resources(self) -> str:
        """Return the state's resources as text that can be compared.

        Sorted, without times, and without secrets, which the engine encrypts anew each time.
        """
        known = {r["urn"]: r for r in self.checkpoint().get("resources", [])}
        kept = ("id", "inputs", "outputs", "protect")
        found = {urn: {name: r.get(name) for name in kept} for urn, r in sorted(known.items())}
        return re.sub(r'"ciphertext": "[^"]*"', '"ciphertext": ""', json.dumps(found, sort_keys=True))

    def platform(self) -> dict[str, Any]:
        return dict(json.loads((self.home / "local" / "platform.json").read_text(encoding="utf-8")))

    def access_log(self) -> list[str]:
        """Return the requests that the AWS API has answered or refused."""
        log = (self.home / "local" / "logs" / "aws.log").read_text(encoding="utf-8")
        return [line for line in log.splitlines() if " key=" in line]

    def working_on(self, prefix: str) -> bool:
        """Tell whether the engine is changing a resource of this type right now."""
        pending = self.checkpoint().get("pending_operations") or []
        return any(operation["resource"]["type"].startswith(prefix) for operation in pending)

    def processes(self) -> list[psutil.Process]:
        """Return every process that has anything to do with this home."""
        found = []
        for process in psutil.process_iter():
            try:
                told = [*process.cmdline(), *process.environ().values(), process.cwd()]
            except (psutil.Error, OSError):
                continue
            if process.pid != os.getpid() and any(str(self.home) in word for word in told):
                found.append(process)
        return found

    def engines(self) -> list[psutil.Process]:
        """Return engines of this home, with their language hosts, plugins and programs."""
        return [p for p in self.processes() if str(self.home) in p.environ().get("PULUMI_BACKEND_URL", "")]

    # The two APIs, asked directly --------------------------------------------------------------------

    @contextlib.contextmanager
    def aws(self, service: str) -> Iterator[Any]:
        """Give a boto3 client in the environment that ``./plinth env`` prints."""
        known = self.plinth("env", "--json").ended(Exit.OK).json
        with pytest.MonkeyPatch.context() as patch:
            for name in known["unset"]:
                patch.delenv(name, raising=False)
            for name, value in known["set"].items():
                patch.setenv(name, value)
            session: Any = boto3.Session(region_name="eu-central-1")
            client = session.client(service, config=Config(retries={"max_attempts": 1}))
            try:
                yield client
            finally:
                client.close()

    def buckets(self) -> list[str]:
        with self.aws("s3") as s3:
            return sorted(bucket["Name"] for bucket in s3.list_buckets()["Buckets"])

    @contextlib.contextmanager
    def kubernetes(self) -> Iterator[httpx.Client]:
        """Give a client of the API server, as the administrator of the kubeconfig."""
        server, tls, headers = _credentials(Path(self.platform()["files"]["kubeconfig"]))
        with httpx.Client(
            base_url=server, verify=tls, headers=headers, trust_env=False, timeout=30
        ) as client:
            yield client

    # Sentences that several tests say ----------------------------------------------------------------

    def converges(self) -> None:
        """Require that the next ``up`` succeeds, and that there is nothing to do after it."""
        told = self.plinth("up", "--json").ended(Exit.OK).json
        assert told["status"]["healthy"], told
        if told["changes"]:
            told = self.plinth("preview", "--json").ended(Exit.OK).json
            assert told["changes"] == {}, told


def draft_of(original: Clone, folder: Path) -> Clone:
    """Return a copy of a tree that may be changed, driving the same environment."""
    draft.make(original.root, folder)
    # The launcher's own rule for an environment that needs no making (see `_wanted` there).
    wanted = f"{sys.version_info[:3]} {folder}".encode() + (folder / "requirements.lock").read_bytes()
    (folder / ".venv" / "plinth-lock.sha256").write_text(hashlib.sha256(wanted).hexdigest(), encoding="ascii")
    return Clone(folder, original.home, original.extra, original.prefix)


def edit(file: Path, pattern: str, replacement: str) -> None:
    """Replace exactly one place in a file."""
    text, count = re.subn(pattern, replacement, file.read_text(encoding="utf-8"))
    assert count == 1, f"{pattern!r} is there {count} times in {file.name}"
    file.write_text(text, encoding="utf-8")
