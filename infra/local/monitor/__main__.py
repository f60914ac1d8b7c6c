"""``python -m infra.local.monitor --site FILE``: one of the platform's parts."""

import argparse
import contextlib
import logging
import sys
from pathlib import Path

from infra.local.control_plane.kube_api import KubeApi
from infra.local.monitor import NAMESPACE, translate
from infra.local.monitor.loop import Sources, run, serve_pages
from infra.local.rollout import names
from infra.local.supervisor.layout import Site

parser = argparse.ArgumentParser(prog="python -m infra.local.monitor", description=__doc__)
parser.add_argument("--site", type=Path, required=True, help="what infra.local.session wrote")
site = Site.load(parser.parse_args().site)
logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stdout)


def at(name: str) -> str:
    """Return the address of one of the platform's ports."""
    return f"127.0.0.1:{site.ports[name]}"


serve_pages(site.ports["monitor"], site.monitoring)
# Flagger asks Prometheus and the gates by their Services' names.
names.serve(
    site.ports["names"],
    {f"{name}.{NAMESPACE}": site.ports[name] for name in ("prometheus", "operations")},
)
client = site.pki / "client-monitor"
with contextlib.suppress(KeyboardInterrupt):
    run(
        Sources(
            kube=KubeApi(
                site.ports["apiserver"],
                site.pki / "kube-ca.crt",
                client.with_suffix(".crt"),
                client.with_suffix(".key"),
            ),
            folder=site.monitoring,
            places=translate.Places(
                kubeconfig=str(site.kube / "monitor.kubeconfig"),
                processes={name: at(name) for name in ("alertmanager", "operations", "prometheus")},
                simulated=at("monitor"),
                alertmanager=at("alertmanager"),
                aws=f"http://{at('aws')}",
                aws_authority=str(site.aws / "aws-ca.crt"),
            ),
            prometheus=site.ports["prometheus"],
            alertmanager=site.ports["alertmanager"],
        )
    )
