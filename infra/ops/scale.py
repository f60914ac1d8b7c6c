"""How the cost of a preview grows with services and GPU pools, measured with the real engine.

Figures are CPU seconds of the engine and of everything that it starts, and counts of resources: a busy
machine makes a preview slower, not dearer. The state is empty, so that every resource is new, which is the
dearest preview there is. What is previewed is a draft of this working tree in which the invented services
are real ones: each has its contract and its row in the exemptions, and every control judges all of them.
"""

import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import yaml

from infra.errors import PlinthError
from infra.local import isolation, session, toolchain
from infra.local.paths import home, repo_root
from infra.ops import changes, draft, emulated, environment, scale_stacks, state
from infra.ops.engine import ENGINE_VARIABLE, Engine

SERVICES, POOLS = (1, 10, 50), (1, 5, 10)
"""Points of the two series: from what the local stack has to what one cluster can hold."""
SAMPLE_SECONDS = 0.1
"""Pause between two looks at the processes; what one uses after the last look before its end is missed."""
_ROLES = (
    ("pulumi-resource-aws", "AWS provider"),
    ("pulumi-resource-kubernetes", "Kubernetes provider"),
    ("pulumi-analyzer", "policy pack"),
    ("/policies", "policy pack"),
    ("pulumi-language-python-exec", "program"),
    ("pulumi-language-python", "language host"),
    ("pulumi", "engine"),
)
"""Part of a command line to the part of a preview that it is; the first that fits counts."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One measured preview.

    Args:
        services: Model services.
        pools: GPU pools.
        resources: Resources that the preview would make.
        cpu_seconds: CPU time of the engine and everything that it started.
        wall_seconds: Time that passed; only worth something on a quiet machine.
        parts: CPU seconds by part.
    """

    services: int
    pools: int
    resources: int
    cpu_seconds: float
    wall_seconds: float
    parts: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Growth:
    """How one series grows.

    Args:
        of: What is more at each point.
        points: The points.
        resources_each: Resources for each more, from the first point to the last.
        cpu_seconds_each: CPU seconds for each more: the slope of the straight line that fits best.
        cpu_seconds_without: CPU seconds with none of them, where that line begins.
        off_line_share: Largest distance of a point from the line, as a share of the point.
        steepening: CPU seconds for each more in the last stretch, over those in the first: 1 is linear, more
            than 1 is worse.
        slowest: The part that takes most CPU time at the last point.
        grows_most: The part whose CPU time grows most from the first point to the last.
    """

    of: str
    points: list[Point]
    resources_each: float
    cpu_seconds_each: float
    cpu_seconds_without: float
    off_line_share: float
    steepening: float
    slowest: str
    grows_most: str


@dataclass
class Usage:
    """CPU time of the processes of one engine run, looked at while they run."""

    seconds: dict[int, float] = field(default_factory=dict)
    roles: dict[int, str] = field(default_factory=dict)

    def look(self) -> None:
        """Note what every process of the engine has used until now."""
        for process in psutil.Process().children(recursive=True):
            try:
                if process.pid not in self.roles:
                    if ENGINE_VARIABLE not in process.environ():
                        continue
                    self.roles[process.pid] = role_of(process.cmdline())
                times = process.cpu_times()
                self.seconds[process.pid] = times.user + times.system
            except (psutil.Error, OSError):  # ended meanwhile
                continue

    def parts(self) -> dict[str, float]:
        """Return CPU seconds by part."""
        found: dict[str, float] = {}
        for pid, used in self.seconds.items():
            found[self.roles[pid]] = found.get(self.roles[pid], 0.0) + used
        return {name: round(used, 2) for name, used in sorted(found.items())}


def role_of(command: Sequence[str]) -> str:
    """Return which part of a preview a process is. Pure."""
    line = " ".join(command)
    return next((role for part, role in _ROLES if part in line), "other")


def growth(of: str, points: list[Point], count: Callable[[Point], int]) -> Growth:
    """Return how a series grows. Pure.

    Args:
        of: What is more at each point.
        points: Three or more, by rising count.
        count: How many there are at a point.
    """

    def each(first: Point, last: Point, value: Callable[[Point], float]) -> float:
        return (value(last) - value(first)) / (count(last) - count(first))

    first, second, *_, last = points
    before = points[-2]
    early, late = each(first, second, _cpu), each(before, last, _cpu)
    slope, start = statistics.linear_regression([count(p) for p in points], [_cpu(p) for p in points])
    off = max(abs(_cpu(p) - start - slope * count(p)) / _cpu(p) for p in points)
    grown = {name: last.parts.get(name, 0.0) - first.parts.get(name, 0.0) for name in last.parts}
    return Growth(
        of=of,
        points=points,
        resources_each=round(each(first, last, lambda p: p.resources), 2),
        cpu_seconds_each=round(slope, 3),
        cpu_seconds_without=round(start, 2),
        off_line_share=round(off, 3),
        steepening=round(late / early, 2) if early > 0 else float("inf"),
        slowest=max(last.parts, key=lambda name: last.parts[name]),
        grows_most=max(grown, key=lambda name: grown[name]),
    )


def _cpu(point: Point) -> float:
    return point.cpu_seconds


def measure(say: Callable[[str], None]) -> list[Growth]:
    """Measure both series on a platform of their own, which is stopped afterwards.

    Args:
        say: Told of each point.

    Raises:
        PlinthError: A preview failed.
    """
    tools = toolchain.ensure()
    with emulated.platform_of("local") as file, tempfile.TemporaryDirectory(dir=home()) as folder:
        base = yaml.safe_load(file.read_text(encoding="utf-8"))
        root = Path(folder)
        draft.make(repo_root(), root)
        scale_stacks.invent_services(
            root, like=next(iter(base["config"]["plinth:services"])), count=SERVICES[-1]
        )
        session.start(tools=tools)

        def point(services: int, pools: int) -> Point:
            say(f"{services} services, {pools} GPU pools")
            text = yaml.safe_dump(
                scale_stacks.document(base, services=services, pools=pools), sort_keys=False
            )
            file.write_text(text, encoding="utf-8")
            return _preview(file, root, tools, services=services, pools=pools)

        point(1, 1)  # the first one fills caches and imports; it is not counted
        by_services = [point(count, 1) for count in SERVICES]
        by_pools = [by_services[0], *(point(1, count) for count in POOLS[1:])]
    return [
        growth("services", by_services, lambda p: p.services),
        growth("GPU pools", by_pools, lambda p: p.pools),
    ]


def _preview(file: Path, root: Path, tools: toolchain.Toolchain, *, services: int, pools: int) -> Point:
    settings = changes.stack_settings(file, {})
    platform = session.current()
    assert platform is not None
    environ = environment.complete(environment.variables(settings, file, tools, platform))
    environ["PULUMI_OPTION_POLICY_PACK"] = str(root / "policies")
    isolation.require_proxy(environ)
    state.ensure_stack(settings.environment)
    engine, usage, over = (
        Engine(settings.environment, environ, tools.bin("pulumi"), root),
        Usage(),
        threading.Event(),
    )

    def watch() -> None:
        while not over.wait(SAMPLE_SECONDS):
            usage.look()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    started = time.monotonic()
    try:
        run = engine.run("preview")
    finally:
        over.set()
        watcher.join()
    if run.exit_code:
        lines = "\n".join(run.errors[:5] + [violation.message for violation in run.blocking[:5]])
        raise PlinthError(
            f"The preview with {services} services and {pools} GPU pools failed:\n{lines}",
            fix="./plinth logs engine",
        )
    parts = usage.parts()
    return Point(
        services=services,
        pools=pools,
        resources=sum(run.changes.values()),
        cpu_seconds=round(sum(parts.values()), 2),
        wall_seconds=round(time.monotonic() - started, 1),
        parts=parts,
    )
