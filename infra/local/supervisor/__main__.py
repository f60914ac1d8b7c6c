"""``python -m infra.local.supervisor --site FILE [--parts A,B]``: started by ``infra.local.session``."""

import argparse
import sys
from pathlib import Path

from infra.local.supervisor.loop import main

parser = argparse.ArgumentParser(prog="infra.local.supervisor", description=__doc__)
parser.add_argument("--site", type=Path, required=True, help="what infra.local.session wrote")
parser.add_argument("--parts", help="only these parts, separated by commas")
arguments = parser.parse_args()
sys.exit(main(arguments.site, tuple(arguments.parts.split(",")) if arguments.parts else None))
