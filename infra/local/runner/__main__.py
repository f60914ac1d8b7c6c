"""``python -m infra.local.runner --kubeconfig PATH --home PATH``: run pods; ``--reap``: end what is left."""

import argparse
import asyncio
import fcntl
import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.errors import BusyError, PlinthError
from infra.local.runner.loop import Runner, reap
from infra.local.runner.rest import Api


def main() -> int:
    """Run the command line and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.runner", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="the home folder (PLINTH_HOME)")
    parser.add_argument("--kubeconfig", type=Path, help="credentials with the role plinth:runner")
    parser.add_argument("--reap", action="store_true", help="end all serving processes of this home")
    options = parser.parse_args()
    if not options.reap and options.kubeconfig is None:
        parser.error("--kubeconfig is needed")
    # The image store asks paths.home(); both must mean the same folder.
    home = options.home.absolute()
    os.environ["PLINTH_HOME"] = str(home)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        with _only_one(home / "local"):
            if options.reap:
                print(f"{reap(home / 'local')} pods ended")
            else:
                asyncio.run(_serve(options.kubeconfig, home / "local"))
    except PlinthError as error:
        print(error, file=sys.stderr)
        return error.code
    return 0


async def _serve(kubeconfig: Path, home: Path) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    api = Api(kubeconfig)
    try:
        await Runner(api, home).run(stop)
    finally:
        await api.close()


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """Hold the runner's lock; two runners on one home would start each pod twice."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "runner.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError(f"a runner already works on {home}", fix="./plinth status") from error
        yield


sys.exit(main())
