"""Many runs: a row is kept of each as it ends, several go at once, and what was cut off goes on.

A run waits more than it works, since the provider asks again later and later. So several processes share the
runs, each with an AWS API and a home of its own.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from infra.errors import PlinthError, Stopped
from infra.local.paths import home, repo_root
from infra.ops.chaos.runs import Each, Outcome
from infra.ops.chaos.small_stack import AT_A_TIME

LOOK_SECONDS = 1.0
"""How often the processes are looked at."""
END_SECONDS = 60.0
"""How long a process may take to stop its AWS API after it was told to end."""


def rows_file(kind: str) -> Path:
    """Return where the rows of one kind of drill are kept."""
    return home() / "drills" / f"{kind}.jsonl"


def keep(path: Path, outcome: Outcome, commit: str) -> None:
    """Write a row down; rows of several processes do not mix, since one is written at once."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    row = json.dumps({**asdict(outcome), "commit": commit}, sort_keys=True) + "\n"
    handle = os.open(path, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        os.write(handle, row.encode())
    finally:
        os.close(handle)


def kept(path: Path, seeds: Iterable[int]) -> tuple[list[Outcome], dict[str, int]]:
    """Return the newest row of each seed, and how many of them were made at each commit."""
    wanted, found, commits = set(seeds), {}, dict[str, int]()
    with suppress(OSError):
        for line in path.read_text(encoding="utf-8").splitlines():
            with suppress(ValueError, TypeError):
                row = json.loads(line)
                commit = str(row.pop("commit", ""))
                if row["seed"] in wanted:
                    found[row["seed"]] = Outcome(**row), commit
    for _, commit in found.values():
        commits[commit] = commits.get(commit, 0) + 1
    return [found[seed][0] for seed in sorted(found)], commits


def shares(seeds: Sequence[int], at_once: int) -> list[tuple[int, int]]:
    """Return first seed and number of runs of each share: seeds in a row, few enough for all to have work."""
    largest = max(1, min(AT_A_TIME, -(-len(seeds) // at_once)))
    found: list[tuple[int, int]] = []
    for seed in sorted(seeds):
        if found and found[-1][0] + found[-1][1] == seed and found[-1][1] < largest:
            found[-1] = found[-1][0], found[-1][1] + 1
        else:
            found.append((seed, 1))
    return found


def here(each: Each, path: Path, share: tuple[int, int], say: Callable[[str], None], commit: str) -> None:
    """Do one share of the runs in this process."""
    first, runs = share
    for outcome in each(runs, first, say):
        keep(path, outcome, commit)


def in_processes(
    kind: str, path: Path, todo: Sequence[tuple[int, int]], at_once: int, say: Callable[[str], None]
) -> None:
    """Do the shares in several processes of this command; an end of this one ends them.

    Raises:
        PlinthError: One of them failed; what it said stands in its log.
    """
    waiting, working = list(todo), dict[int, tuple[subprocess.Popen[bytes], Path]]()
    seeds = [seed for first, runs in todo for seed in range(first, first + runs)]
    try:
        while waiting or working:
            for place in set(range(at_once)) - set(working):
                if waiting:
                    working[place] = _begin(kind, path, place, waiting.pop(0))
            time.sleep(LOOK_SECONDS)
            say(f"{len(kept(path, seeds)[0])} of {len(seeds)}")
            for place, (process, log) in list(working.items()):
                if process.poll() is not None:
                    del working[place]
                    _require_done(kind, process.returncode, log)
    except BaseException:
        for process, _ in working.values():
            process.terminate()
        for process, _ in working.values():
            with suppress(subprocess.TimeoutExpired, Stopped):
                process.wait(END_SECONDS)
        raise


def _begin(kind: str, path: Path, place: int, share: tuple[int, int]) -> tuple[subprocess.Popen[bytes], Path]:
    root = path.parent / f"{kind}-{place}"
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    log = root / "log"
    first, runs = share
    words = ["drill", kind, "--seed", str(first), "--runs", str(runs), "--rows", str(path), "--json"]
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "infra.ops", *words],
            cwd=repo_root(),
            env={**os.environ, "PLINTH_HOME": str(root)},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,  # Ctrl-C comes to us first; we pass on exactly one
        )
    return process, log


def _require_done(kind: str, code: int, log: Path) -> None:
    if code not in {0, 1}:  # 1: a run was not mended, which its row says
        raise PlinthError(
            f"A process with runs of 'drill {kind}' ended with {code}.",
            where=str(log),
            fix="Mend what its log says; the same command with --go-on does what is left.",
        )
