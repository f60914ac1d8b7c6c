"""The process of the local AWS API: ``python -m infra.local.aws_api --port N --journal PATH``."""

import argparse
import os
import signal
import sys
import uuid
from pathlib import Path

# Sets of strings iterate in an order that depends on this; a replay must see the same order. It has
# to be set before the interpreter starts, so the process replaces itself once.
if os.environ.get("PYTHONHASHSEED") != "0":
    os.environ["PYTHONHASHSEED"] = "0"
    os.execv(sys.executable, [sys.executable, "-m", "infra.local.aws_api", *sys.argv[1:]])  # noqa: S606

from infra.errors import PlinthError
from infra.local.aws_api import shortcuts
from infra.local.aws_api.emulator import Emulator
from infra.local.aws_api.fence import raise_fence
from infra.local.aws_api.proxy import Proxy, authority_in


def instance_id(folder: Path) -> str:
    """Return the identity of this clone's AWS API, kept in ``folder`` beside the journal."""
    path = folder / "instance"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(uuid.uuid4().hex)
    return path.read_text().strip()


def main() -> int:
    """Replay the journal, then serve until a signal ends the process."""
    parser = argparse.ArgumentParser(prog="infra.local.aws_api", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    parser.add_argument("--journal", type=Path, required=True, help="file that holds the state")
    arguments = parser.parse_args()
    # moto builds boto3 sessions of its own: nothing of the user's may be in sight of them.
    for name in [n for n in os.environ if n.upper().startswith("AWS_")]:
        del os.environ[name]
    os.environ |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    os.environ |= {"AWS_EC2_METADATA_DISABLED": "true"}
    raise_fence()
    shortcuts.collect_rarely()
    folder = arguments.journal.parent
    try:
        emulator = Emulator(arguments.journal)
        server = Proxy(arguments.port, emulator, authority_in(folder), instance_id(folder))
    except (PlinthError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    # A record is appended in one piece and a torn one is cut: ending at once is safe.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    server.serve_forever(poll_interval=3600)
    return 0


if __name__ == "__main__":
    sys.exit(main())
