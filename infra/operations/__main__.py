"""``python -m infra.operations --stack NAME``: the operations exporter, until it is told to stop."""

import argparse
import logging
import signal
import sys
import threading
from itertools import chain
from pathlib import Path

from infra.errors import PlinthError
from infra.operations import gates, releases
from infra.operations.exporter import Exporter, serve
from infra.operations.readings import readings
from infra.operations.training import Trainer, in_a_process

LOOK_SECONDS = 20.0
"""Between two rounds of readings: each costs a few calls of AWS, and the alerts on them wait minutes."""

parser = argparse.ArgumentParser(prog="python -m infra.operations", description=__doc__)
parser.add_argument("--stack", required=True, help="the environment whose stores are read")
parser.add_argument("--listen", default="0.0.0.0:9464", help="address of the metrics page")
parser.add_argument(
    "--kubeconfig", type=Path, help="outside of a cluster: with which the API server is asked"
)
parser.add_argument("--certificates", type=Path, help="folder of certificates to watch")
parser.add_argument("--retrains", action="store_true", help="retrain services where the settings ask for it")
options = parser.parse_args()
logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stdout)
ended = threading.Event()
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda *_: ended.set())
host, _, port = options.listen.rpartition(":")
try:
    exporter = Exporter(readings(options.stack, options.kubeconfig, options.certificates))
    sources = releases.sources(options.stack, options.kubeconfig)
except PlinthError as error:
    print(error, file=sys.stderr)
    sys.exit(int(error.code))
sources.shadows.start()
trainer = Trainer(lambda: releases.wanted(options.stack), lambda name: in_a_process(name, options.stack))
if options.retrains:
    trainer.start()
server = serve(
    exporter,
    host,
    int(port),
    lambda gate, service: gates.answer(sources, gate, service),
    lambda: chain(sources.shadows.samples(), trainer.samples()),
)
while not ended.is_set():
    exporter.look()
    ended.wait(LOOK_SECONDS)
trainer.close()
server.shutdown()
