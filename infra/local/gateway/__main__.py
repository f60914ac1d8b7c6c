"""``python -m infra.local.gateway --kubeconfig PATH --home PATH --port N --xds-dir PATH``."""

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from pathlib import Path

from infra.errors import PlinthError
from infra.local.gateway.loop import Controller
from infra.local.runner.rest import Api


def main() -> int:
    """Run the command line and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.gateway", description=__doc__)
    parser.add_argument(
        "--kubeconfig", type=Path, required=True, help="credentials with the role plinth:gateway"
    )
    parser.add_argument("--home", type=Path, required=True, help="the home folder (PLINTH_HOME)")
    parser.add_argument("--port", type=int, required=True, help="loopback port on which Envoy serves")
    parser.add_argument("--xds-dir", type=Path, required=True, help="folder of Envoy's files")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        asyncio.run(_serve(options.kubeconfig, options.xds_dir, options.port))
    except PlinthError as error:
        print(error, file=sys.stderr)
        return error.code
    return 0


async def _serve(kubeconfig: Path, xds_dir: Path, port: int) -> None:
    api = Api(kubeconfig)
    task = asyncio.create_task(Controller(api, xds_dir, port).run())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await task
    finally:
        await api.close()


sys.exit(main())
