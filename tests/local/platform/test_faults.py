"""A platform that is hurt: it recovers with its state, or says why it cannot."""

import os
import shutil
import signal
import socket
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest

from infra.errors import PlatformError
from infra.local import session
from infra.local.parts import NAMES
from infra.local.supervisor import processes
from infra.local.supervisor.layout import Site, instance

pytestmark = pytest.mark.local


@pytest.mark.parametrize("part", NAMES)
@pytest.mark.usefixtures("up")
def test_a_killed_part_comes_back_with_its_state(rig: Any, part: str) -> None:
    before = rig.remember()
    old = rig.current().parts[part]
    assert old.pid is not None
    os.kill(old.pid, signal.SIGKILL)
    rig.until(lambda: rig.current().parts[part].pid not in {None, old.pid} and rig.current().ready)
    new = rig.current().parts[part]
    assert new.restarts == old.restarts + 1
    assert new.port == old.port
    assert rig.read_back() == before


@pytest.mark.usefixtures("up")
def test_a_killed_supervisor_leaves_nothing_behind_and_the_next_start_recovers(rig: Any) -> None:
    before = rig.remember()
    old = rig.current()
    os.kill(old.pid, signal.SIGKILL)
    if sys.platform == "linux":  # elsewhere the next start ends them
        rig.until(lambda: not processes.ours(rig.home))
    assert session.current() is None
    new = session.start(tools=rig.tools)
    assert new.pid != old.pid
    assert new.endpoints == old.endpoints
    assert not {part.pid for part in new.parts.values()} & {part.pid for part in old.parts.values()}
    commands = [" ".join(process.cmdline()) for process in processes.ours(rig.home)]
    for program in ("infra.local.aws_api", "kube-apiserver", "kube-scheduler", "infra.local.runner"):
        assert len([command for command in commands if program in command]) == 1, commands
    assert rig.read_back() == before


def test_a_port_that_was_taken_meanwhile_moves_and_everything_follows(rig: Any, site: Site) -> None:
    before = rig.remember()
    session.stop()
    with ExitStack() as thieves:
        for name in ("etcd-peer", "apiserver"):
            thief = thieves.enter_context(socket.socket())
            thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            thief.bind(("127.0.0.1", site.ports[name]))
            thief.listen(1)
        platform = session.start(tools=rig.tools)
    moved = Site.load(rig.home / "local" / "site.json")
    assert moved.ports["apiserver"] != site.ports["apiserver"]
    assert moved.ports["etcd-peer"] != site.ports["etcd-peer"]
    assert str(moved.ports["apiserver"]) in Path(platform.files["kubeconfig"]).read_text()
    assert f"port {site.ports['apiserver']} of apiserver is taken by" in site.log("supervisor").read_text()
    assert rig.read_back() == before


def test_a_torn_journal_is_repaired_on_the_way_up(rig: Any, site: Site) -> None:
    before = rig.remember()
    session.stop()
    with (site.aws / "journal").open("ab") as journal:
        journal.write(b"PLJ1\x00\x00\x01\x00 torn while it was written")
    session.start(tools=rig.tools)
    assert rig.read_back() == before
    assert "cut off and kept beside the journal" in site.log("aws").read_text()


def test_a_part_that_cannot_run_is_named_and_tried_again_by_the_next_start(rig: Any) -> None:
    session.stop()
    journal = rig.home / "local" / "aws" / "journal"
    kept = journal.read_bytes()
    journal.unlink()
    journal.mkdir()  # what makes the AWS API fail at every start
    with pytest.raises(PlatformError, match="aws is failed") as refused:
        session.start(tools=rig.tools, parts=("aws",))
    assert "Is a directory" in str(refused.value)
    assert str(rig.home / "local" / "logs" / "aws.log") in str(refused.value)
    journal.rmdir()
    journal.write_bytes(kept)
    assert session.start(tools=rig.tools).ready
    session.stop()


def test_a_home_that_is_removed_takes_its_platform_along(rig: Any) -> None:
    session.start(tools=rig.tools, parts=("aws", "etcd"))
    commands = [process.cmdline() for process in processes.ours(rig.home)]
    identity = instance(rig.home)
    assert len(commands) == 2
    shutil.rmtree(rig.home)

    def left() -> list[psutil.Process]:
        markers = (processes.MARKER, processes.SUPERVISOR_MARKER)
        return [process for marker in markers for process in processes.ours(rig.home, marker, identity)]

    rig.until(lambda: not left())
    assert not rig.home.exists()
