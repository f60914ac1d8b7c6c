"""A platform's life: started twice, stopped, started elsewhere, purged."""

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from infra.errors import PlatformError
from infra.local import isolation, session
from infra.local.paths import repo_root
from infra.local.supervisor import processes
from infra.local.supervisor.layout import Site
from infra.local.supervisor.status import Platform

pytestmark = pytest.mark.local


def test_stop_leaves_no_process_and_no_port_and_the_state_comes_back(rig: Any, site: Site) -> None:
    before, old = rig.remember(), rig.current()
    session.stop()
    assert session.current() is None
    assert processes.ours(rig.home) == []
    assert processes.ours(rig.home, processes.SUPERVISOR_MARKER) == []
    assert not (rig.home / "local" / "platform.json").exists()
    for port in site.ports.values():
        with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), timeout=2):
            pass
    new = session.start(tools=rig.tools)
    assert new.endpoints == old.endpoints
    assert rig.read_back() == before


def test_two_starts_at_once_make_one_platform(rig: Any, up: Platform) -> None:
    assert up.ready
    session.stop()
    found: list[Platform] = []
    threads = [
        threading.Thread(target=lambda: found.append(session.start(tools=rig.tools))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    assert len({platform.pid for platform in found}) == 1
    assert len(processes.ours(rig.home, processes.SUPERVISOR_MARKER)) == 1


def test_a_local_run_without_its_proxy_is_refused(rig: Any, up: Platform) -> None:
    env = up.env()
    isolation.require_proxy(env)
    session.stop()
    with pytest.raises(PlatformError, match="no Plinth AWS API answers"):
        isolation.require_proxy(env)
    assert rig.home.exists()


def test_it_runs_from_any_folder_and_survives_the_shell(rig: Any, tmp_path: Path) -> None:
    site = Site.load(rig.home / "local" / "site.json")
    code = (
        "import sys\nfrom pathlib import Path\nfrom infra.local import session\n"
        "from infra.local.supervisor.layout import Site\n"
        "class Tools:\n"
        "    site = Site.load(Path(sys.argv[1]))\n"
        "    def bin(self, name): return self.site.tools[name]\n"
        "    file = bin\n"
        "print(session.start(tools=Tools(), parts=('aws',)).pid)\n"
    )
    shell = subprocess.run(
        [sys.executable, "-c", code, str(site.save())],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(repo_root())},
        start_new_session=True,
        capture_output=True,
        text=True,
        check=True,
    )
    assert rig.current().pid == int(shell.stdout)
    assert rig.current().ready
    session.stop()


def test_a_purge_leaves_no_file_and_no_process(rig: Any, up: Platform) -> None:
    assert up.ready
    session.stop(purge=True)
    assert not rig.home.exists()
    assert list(rig.home.parent.iterdir()) == []
    commands = [" ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"])]
    assert [command for command in commands if str(rig.home) in command] == []
