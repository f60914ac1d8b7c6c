"""From a pod's specification to the process that stands for it: pure, and strict about what it cannot do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.errors import PlinthError
from infra.local.images import ImageRef
from infra.local.runner.probes import Probe, read_probe

_VALUED_OPTIONS = frozenset(
    {"--host", "--port", "-p", "--working-dir", "--arg", "--arg-file", "--timeout", "--backlog"}
    | {"--api-workers", "--timeout-keep-alive", "--timeout-graceful-shutdown"}
)
"""Options of `bentoml serve` that take the next word as their value."""

_PLACED_BY_RUNNER = frozenset({"--host", "--port", "-p", "--working-dir"})
"""Options that name a place inside the container; the runner gives its own."""

_DEFAULT_GRACE_SECONDS = 30
"""The API's own default for terminationGracePeriodSeconds."""

SUPPORTED_VOLUMES = frozenset({"emptyDir", "configMap", "secret", "projected", "downwardAPI"})


class UnsupportedError(Exception):
    """The pod asks for something that this runner cannot do honestly; the text says what."""


class NotByDigestError(Exception):
    """The image is named by tag, so that nobody can say which bytes it means."""


@dataclass(frozen=True, kw_only=True)
class ProcessPlan:
    """Everything about the process that follows from the pod alone."""

    container: str
    image: str
    """As the pod names it."""
    digest: str
    options: tuple[str, ...]
    """Further options of ``bentoml serve``, without bento, host and port."""
    port_names: Mapping[str, int]
    container_port: int | None
    """The port that the container listens on, for which the process's own port stands."""
    probes: tuple[Probe, ...]
    pre_stop_seconds: float
    grace_seconds: int
    log_on_error: bool
    """Whether the log's end is to be shown as the reason of a crash (terminationMessagePolicy)."""


def plan_process(pod: Mapping[str, Any]) -> ProcessPlan:
    """Return the plan of a pod.

    Raises:
        UnsupportedError: A feature that changes what runs and is not provided here.
        NotByDigestError: The image has no digest.
    """
    spec = pod["spec"]
    _refuse_unsupported(spec)
    container = spec["containers"][0]
    try:
        image = ImageRef.parse(container["image"])
    except PlinthError as error:
        raise NotByDigestError(error.what) from error
    ports = container.get("ports") or []
    plan = ProcessPlan(
        container=container["name"],
        image=container["image"],
        digest=image.digest,
        options=_serve_options([*(container.get("command") or []), *(container.get("args") or [])]),
        port_names={port["name"]: port["containerPort"] for port in ports if port.get("name")},
        container_port=_serving_port(ports),
        probes=_probes(container),
        pre_stop_seconds=_pre_stop_seconds((container.get("lifecycle") or {}).get("preStop")),
        grace_seconds=spec.get("terminationGracePeriodSeconds", _DEFAULT_GRACE_SECONDS),
        log_on_error=container.get("terminationMessagePolicy") == "FallbackToLogsOnError",
    )
    for probe in plan.probes:
        _check_probe_port(plan, probe)
    return plan


def _refuse_unsupported(spec: Mapping[str, Any]) -> None:
    if spec.get("initContainers"):
        raise UnsupportedError("init containers are not run here")
    if len(spec["containers"]) != 1:
        names = ", ".join(container["name"] for container in spec["containers"])
        raise UnsupportedError(f"one container a pod is run here, this pod has: {names}")
    if (policy := spec.get("restartPolicy", "Always")) != "Always":
        raise UnsupportedError(f"restartPolicy {policy}: only pods that always run are served here")
    for volume in spec.get("volumes") or []:
        kinds = set(volume) - {"name"}
        if not kinds <= SUPPORTED_VOLUMES:
            raise UnsupportedError(f"volume {volume['name']} is of kind {', '.join(sorted(kinds))}")


def _serve_options(words: Sequence[str]) -> tuple[str, ...]:
    """Map the container's command and arguments to options of ``bentoml serve``.

    Understood are nothing at all (the image's default), ``[python -m] bentoml serve [BENTO] [options]`` and
    options alone. A shell or another program would do something else than production does, so it is refused.
    """
    rest = list(words)
    if rest and rest[0].rsplit("/", 1)[-1].startswith("python") and rest[1:3] == ["-m", "bentoml"]:
        rest[:3] = ["bentoml"]
    if rest and rest[0].rsplit("/", 1)[-1] == "bentoml":
        if rest[1:2] != ["serve"]:
            raise UnsupportedError(f"command {' '.join(words)!r}: only `bentoml serve` is run here")
        rest = rest[2:]
    elif rest and not rest[0].startswith("-"):
        raise UnsupportedError(f"command {' '.join(words)!r}: only `bentoml serve` is run here")
    options: list[str] = []
    position = 0
    while position < len(rest):
        word = rest[position]
        name, joined, _ = word.partition("=")
        taken = 2 if name in _VALUED_OPTIONS and not joined else 1
        # A word that is no option is the bento's place in the image; the store's copy stands for it.
        if word.startswith("-") and name not in _PLACED_BY_RUNNER:
            options.extend(rest[position : position + taken])
        position += taken
    return tuple(options)


def _serving_port(ports: Sequence[Mapping[str, Any]]) -> int | None:
    """Return the port that traffic goes to: the one named ``http``, or else the first."""
    chosen = next((port for port in ports if port.get("name") == "http"), ports[0] if ports else None)
    return chosen["containerPort"] if chosen else None


def _probes(container: Mapping[str, Any]) -> tuple[Probe, ...]:
    try:
        return tuple(
            read_probe(kind, spec)
            for kind in ("startup", "readiness", "liveness")
            if (spec := container.get(f"{kind}Probe"))
        )
    except ValueError as error:
        raise UnsupportedError(str(error)) from error


def _check_probe_port(plan: ProcessPlan, probe: Probe) -> None:
    port = plan.port_names.get(probe.port) if isinstance(probe.port, str) else probe.port
    if port is None:
        raise UnsupportedError(
            f"the {probe.kind} probe names port {probe.port!r}, which no port of the container has"
        )
    if plan.container_port not in (None, port):
        raise UnsupportedError(
            f"the {probe.kind} probe asks port {port}, but the process listens on {plan.container_port} only"
        )


def _pre_stop_seconds(hook: Mapping[str, Any] | None) -> float:
    """Return how long the preStop hook sleeps; any other hook is refused, since it would not be run."""
    if not hook:
        return 0
    if sleep := hook.get("sleep"):
        return float(sleep["seconds"])
    words = (hook.get("exec") or {}).get("command") or []
    if len(words) == 3 and words[1] == "-c":  # noqa: PLR2004 - sh -c "sleep N"
        words = words[2].split()
    if len(words) == 2 and words[0].rsplit("/", 1)[-1] == "sleep":  # noqa: PLR2004 - sleep N
        try:
            return float(words[1])
        except ValueError:
            pass
    raise UnsupportedError("the preStop hook is not a sleep; another hook is not run here")
