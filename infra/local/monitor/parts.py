"""The parts of the platform that watch it."""

from collections.abc import Mapping, Sequence

from infra.local.monitor import ALERTMANAGER_FILE, PROMETHEUS_FILE
from infra.local.parts import Part, answers
from infra.local.supervisor.layout import Site

RETENTION = "6h"
"""How long the laptop's Prometheus keeps samples: a working day's morning, in some 50 MB."""
RETENTION_MB = 512
"""Most disk for them, whatever their age."""
MEMORY_MIB = 512
"""Where Go's collector begins to work hard; a dozen targets need about 100."""


def parts(
    site: Site, *, base: Mapping[str, str], isolated: Mapping[str, str], module: Sequence[str]
) -> list[Part]:
    """Return them, in the order in which they can be started.

    Args:
        site: The platform.
        base: Environment of a part.
        isolated: Environment of one that reaches the local AWS API, and no other.
        module: Command that runs a module of Python.
    """

    def on(name: str) -> str:
        return f"127.0.0.1:{site.ports[name]}"

    own = site.monitoring
    return [
        Part(
            name="monitor",
            title="monitoring controller",
            command=lambda: [*module, "infra.local.monitor", f"--site={site.local / 'site.json'}"],
            probe=lambda _: (
                answers(site.ports["monitor"], "/metrics")
                if (own / PROMETHEUS_FILE).exists() and (own / ALERTMANAGER_FILE).exists()
                else "it has not written the configuration yet"
            ),
            after=("apiserver",),
            ports=("monitor",),
            env=dict(base),
        ),
        Part(
            name="prometheus",
            title="Prometheus",
            command=lambda: [
                str(site.tools["prometheus"]),
                f"--config.file={own / PROMETHEUS_FILE}",
                f"--storage.tsdb.path={own / 'data'}",
                f"--storage.tsdb.retention.time={RETENTION}",
                f"--storage.tsdb.retention.size={RETENTION_MB}MB",
                f"--web.listen-address={on('prometheus')}",
                "--web.enable-lifecycle",  # the monitoring controller tells it of new files
                "--log.level=warn",
            ],
            probe=lambda _: answers(site.ports["prometheus"], "/-/ready"),
            after=("monitor",),
            ports=("prometheus",),
            env={**base, "GOMEMLIMIT": f"{MEMORY_MIB}MiB", "GOMAXPROCS": "1"},
        ),
        Part(
            name="alertmanager",
            title="Alertmanager",
            command=lambda: [
                str(site.tools["alertmanager"]),
                f"--config.file={own / ALERTMANAGER_FILE}",
                f"--storage.path={own / 'alerts'}",
                f"--web.listen-address={on('alertmanager')}",
                "--cluster.listen-address=",  # one alone has nobody to agree with
                "--log.level=warn",
            ],
            probe=lambda _: answers(site.ports["alertmanager"], "/-/ready"),
            after=("monitor", "aws"),
            ports=("alertmanager",),
            # Its messages go to the local AWS API's topics, and nowhere else (translate.py); it reads the
            # authority from its configuration, and refuses to start a client where the variable is set too.
            env={**{k: v for k, v in isolated.items() if k != "AWS_CA_BUNDLE"}, "GOMAXPROCS": "1"},
        ),
        Part(
            name="operations",
            title="operations exporter",
            command=lambda: [
                *module,
                "infra.operations",
                "--stack=local",
                f"--listen={on('operations')}",
                f"--kubeconfig={site.kube / 'monitor.kubeconfig'}",
                f"--certificates={site.pki}",
                "--retrains",
            ],
            probe=lambda _: answers(site.ports["operations"], "/livez"),
            after=("apiserver", "aws"),
            ports=("operations",),
            env=dict(isolated),
        ),
    ]
