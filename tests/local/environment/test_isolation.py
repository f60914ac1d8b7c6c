"""Nothing can reach the real AWS: not with real keys at hand, not without a network to reach it by."""

import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from clones import Clone
from shells import KEY_ID, SECRET, hostile

from infra.emulation import EMULATED_KEY_ID
from infra.errors import Exit

pytestmark = pytest.mark.faults


class Trap:
    """A port on loopback where the internet's proxies and endpoints seem to be; it counts who comes."""

    def __init__(self) -> None:
        self.came = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                visitor, _ = self._socket.accept()
            except OSError:
                return
            self.came += 1
            visitor.close()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@pytest.fixture
def trap() -> Iterator[Trap]:
    found = Trap()
    yield found
    found.close()


def _keys(requests: list[str]) -> set[str]:
    return {word for line in requests for word in line.split() if word.startswith("key=")}


def _files_with(text: str, folder: Path) -> list[Path]:
    found = subprocess.run(
        ["grep", "--recursive", "--files-with-matches", "--fixed-strings", text, str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return [Path(line) for line in found.stdout.splitlines()]


def test_real_keys_endpoints_and_proxies_of_the_caller_are_left_outside(
    settled: Clone, draft: Clone, tmp_path: Path, trap: Trap
) -> None:
    assert draft.home == settled.home
    stack = draft.root / "stacks" / "Pulumi.local.yaml"
    text = stack.read_text(encoding="utf-8")
    stack.write_text(text.replace("plinth:cost_centre: none", "plinth:cost_centre: c1"), encoding="utf-8")
    asked, extra = len(draft.access_log()), hostile(tmp_path / "user", trap.url)

    assert draft.plinth("preview", "--json", **extra).ended(Exit.OK).json["changes"]["update"] >= 3
    draft.plinth("up", **extra).ended(Exit.OK)
    draft.plinth("predict", **extra).ended(Exit.OK)
    draft.plinth("doctor", **extra).ended(Exit.OK, "local runs leave them outside")
    plain = draft.shell(
        'set -e; eval "$(./plinth env)"; pulumi preview --color never\n'
        "python -c \"import boto3; print(boto3.client('sts').get_caller_identity()['Account'])\"",
        **extra,
    ).ended(Exit.OK)

    assert plain.out.rstrip().endswith("123456789012")
    assert trap.came == 0, "something left for where the caller's shell points"
    assert len(draft.access_log()) > asked
    # A request without a key is one to somewhere else, refused by the proxy: a library that reports home.
    assert _keys(draft.access_log()) == {f"key={EMULATED_KEY_ID}"}
    assert _files_with(KEY_ID, draft.home) == []
    assert _files_with(SECRET, draft.home) == []


def test_plain_pulumi_without_the_environment_is_refused_by_the_program(
    settled: Clone, tmp_path: Path, trap: Trap
) -> None:
    values = settled.plinth("env", "--json").ended(Exit.OK).json["set"]
    kept = {name: text for name, text in values.items() if name.startswith(("PULUMI_", "PLINTH_", "PATH"))}
    shell = hostile(tmp_path / "user", trap.url)
    # Without the proxies, through which Pulumi's SDK would even look for its own engine on loopback.
    extra = {name: text for name, text in shell.items() if not name.lower().endswith("_proxy")} | kept
    asked, before = len(settled.access_log()), settled.resources()
    for command in ("preview", "up --yes"):
        done = settled.shell(f"pulumi {command} --stack local --color never", **extra)
        assert done.code != 0
        assert "Traceback" not in done.text
        for sentence in (
            "Stack 'local' lives on the local AWS API; its traffic could leave it:",
            f"AWS_ACCESS_KEY_ID is not '{EMULATED_KEY_ID}'",
            "HTTPS_PROXY does not point to a proxy on loopback",
            "AWS_PROFILE is set",
            "AWS_ENDPOINT_URL is set",
            'eval "$(./plinth env)"',
        ):
            assert sentence in done.text, done.text
        assert KEY_ID not in done.text
    assert trap.came == 0
    since = settled.access_log()[asked:]
    assert [line for line in since if "agent=Terraform" in line] == [], "services go on asking; nobody else"
    assert settled.resources() == before
