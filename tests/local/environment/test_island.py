"""A second environment with no network, a hostile shell and an awkward path: cut off, mended, purged."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from clones import Clone
from commands import until
from shells import hostile

from infra.emulation import EMULATED_KEY_ID
from infra.errors import Exit
from infra.local.paths import repo_root

pytestmark = pytest.mark.faults

LOOPBACK = """
import fcntl, os, socket, struct, sys
with socket.socket() as s:  # what `ip link set lo up` does, on machines that have no `ip`
    fcntl.ioctl(s, 0x8914, struct.pack("16sh", b"lo", 0x49))
print("up", flush=True)
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""Brings the loopback device of a new network namespace up (SIOCSIFFLAGS; up, loopback, running)."""
REACH = "import socket; socket.create_connection(('198.51.100.1', 443), timeout=5)"
"""Tries to leave; the address is reserved for documentation, so that nobody is bothered where it can."""


KNOCK = """
import socket, sys
sys.exit(any(socket.socket().connect_ex(("127.0.0.1", int(port))) == 0 for port in sys.argv[1:]))
"""
"""Ends well when nothing listens on any of the ports."""


@pytest.fixture(scope="module")
def namespace() -> Iterator[tuple[str, ...]]:
    """Return what starts a command where there is no network but loopback; empty when that is forbidden."""
    holder = ["unshare", "--map-root-user", "--net", sys.executable, "-c", LOOPBACK, "sleep", "infinity"]
    try:
        held = subprocess.Popen(
            holder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    except FileNotFoundError:
        yield ()
        return
    assert held.stdout is not None
    with held:
        permitted = held.stdout.readline() == b"up\n"
        enter = ("nsenter", "--user", "--net", "--preserve-credentials", "--target", str(held.pid))
        yield enter if permitted else ()
        held.kill()


@pytest.fixture(scope="module")
def island(namespace: tuple[str, ...]) -> Iterator[Clone]:
    """Return an environment in which nothing is yet; purged after the last test of this file."""
    with tempfile.TemporaryDirectory(prefix="plinth-") as folder:
        extra = hostile(Path(folder) / "user", "http://192.0.2.1:3128")  # a documentation address
        clone = Clone(repo_root(), Path(folder) / "a home with späces", extra, namespace)
        try:
            yield clone
        finally:
            clone.plinth("down", "--purge").ended(Exit.OK)


def test_a_first_up_that_is_killed_in_its_middle_is_finished_by_the_next(island: Clone) -> None:
    with island.running("up") as run:
        until(lambda: island.working_on("aws:s3/bucket:Bucket") or run.over(), "a bucket is being made")
        assert not run.over(), run.done().text
        run.engine().kill()
        first = run.done()
    assert first.code not in {Exit.OK, Exit.USAGE}
    assert "Traceback" not in first.text

    told = island.plinth("up", "--json").ended(Exit.OK).json

    assert told["status"]["healthy"]
    assert island.plinth("preview", "--json").ended(Exit.OK).json["changes"] == {}


def test_it_was_made_without_a_network(island: Clone, namespace: tuple[str, ...]) -> None:
    if not namespace:
        pytest.skip("this machine does not permit network namespaces (unshare --map-root-user --net)")
    out = subprocess.run(
        [*namespace, sys.executable, "-c", REACH], capture_output=True, text=True, check=False
    )
    assert "Network is unreachable" in out.stderr, "the namespace has a way out and proves nothing"
    island.plinth("predict", "--json").ended(Exit.OK)
    assert all(f"key={EMULATED_KEY_ID} " in line for line in island.access_log())


def test_a_state_that_is_gone_is_brought_back_from_the_bucket_of_its_environment(island: Clone) -> None:
    before = {tuple(r["urn"].split("::")[2:]): r.get("id") for r in island.checkpoint()["resources"]}
    for name in ("stacks", "backups", "history"):
        shutil.rmtree(island.home / "state" / ".pulumi" / name)

    island.plinth("up").ended(Exit.OK, "the state was gone; brought back that of record ")
    island.converges()

    after = {tuple(r["urn"].split("::")[2:]): r.get("id") for r in island.checkpoint()["resources"]}
    assert after == before, "the same things, none of them twice"
    island.plinth("predict").ended(Exit.OK)


def test_a_purge_leaves_no_process_no_port_and_no_file(island: Clone, namespace: tuple[str, ...]) -> None:
    parts = island.platform()["parts"]
    ports = [part["port"] for part in parts.values() if part["port"]]
    beside = set(Path(tempfile.gettempdir()).glob("plinth*"))
    assert len(island.processes()) > len(parts)

    island.plinth("down", "--purge").ended(
        Exit.OK, "Stopped and removed", "The toolchain stays in the cache."
    )

    assert island.processes() == []
    assert not island.home.exists()
    assert [path.name for path in island.home.parent.iterdir()] == ["user"]
    assert set(Path(tempfile.gettempdir()).glob("plinth*")) <= beside
    answered = subprocess.run([*namespace, sys.executable, "-c", KNOCK, *map(str, ports)], check=False)
    assert len(ports) >= 7
    assert answered.returncode == 0
