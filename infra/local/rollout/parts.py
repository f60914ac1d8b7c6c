"""The part of the platform that decides about releases."""

from collections.abc import Mapping

from infra.local.parts import Part, answers
from infra.local.supervisor.layout import Site

METRICS_SERVER = "http://prometheus.monitoring:9090"
"""The program's Prometheus by its Service; ``names.py`` leads there."""
MESH = "gatewayapi:v1"
LABELS = "app.kubernetes.io/part-of,plinth.dev/"
"""Prefixes of labels and annotations that the stable Deployment takes over from the target."""
MEMORY_MIB = 128
"""Where Go's collector begins to work hard; a dozen releases need about 40."""


def parts(site: Site, *, base: Mapping[str, str]) -> list[Part]:
    """Return it.

    Args:
        site: The platform.
        base: Environment of a part.
    """
    return [
        Part(
            name="flagger",
            title="rollouts (Flagger)",
            command=lambda: [
                str(site.tools["flagger"]),
                f"-kubeconfig={site.kube / 'rollout.kubeconfig'}",
                f"-mesh-provider={MESH}",
                f"-metrics-server={METRICS_SERVER}",
                f"-include-label-prefix={LABELS}",
                # Keys and settings are part of a pod's annotations here; without this, Flagger need not
                # read a single Secret.
                "-enable-config-tracking=false",
                "-log-level=info",
                f"-port={site.ports['flagger']}",
            ],
            probe=lambda _: answers(site.ports["flagger"], "/healthz"),
            after=("apiserver", "monitor"),
            ports=("flagger",),
            env={
                **base,
                "HTTP_PROXY": f"http://127.0.0.1:{site.ports['names']}",
                "GOMEMLIMIT": f"{MEMORY_MIB}MiB",
                "GOMAXPROCS": "1",
            },
        )
    ]
