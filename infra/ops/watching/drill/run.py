"""Goes through the alerts: breaks, waits, reads the runbook's commands, heals, waits again."""

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import boto3

from infra.errors import PlinthError
from infra.local import session
from infra.local.certs import write_private
from infra.local.monitor import DRILL_FILE, FED_FILE
from infra.local.paths import home, repo_root
from infra.local.supervisor.layout import Site
from infra.monitoring import rules
from infra.monitoring.model import Alert
from infra.ops import changes, emulated
from infra.ops.watching import asking, runbooks
from infra.ops.watching.drill import feeding, loading
from infra.ops.watching.drill.causes import CAUSES, Ground, wait
from infra.wiring import monitoring

DIVISOR, SCRAPE_SECONDS = 60, 2
"""Hours become minutes, minutes seconds; ranges still span four scrapes."""
LONGEST_SECONDS = 150.0
"""Longest wait for an alert to fire, and again for it to resolve: three times what the slowest takes."""
READY_SECONDS = 60.0
COMMAND_SECONDS = 120
TAKEN = (0, 1, 8)
"""Exit codes of a command that did its work: well, found something, differs."""
WATCHDOG = asking.WATCHDOG


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one alert did.

    Attributes:
        cause: What was broken, or that its metrics were fed and why.
        detected_seconds: From the cause to the alert in Alertmanager; None when it never came.
        resolved_seconds: From the healing to its end; None when it stayed.
        commands: How many of the runbook's commands ran, of how many.
    """

    alert: str
    labels: dict[str, str]
    real: bool
    cause: str
    detected_seconds: float | None
    resolved_seconds: float | None
    commands: str
    problems: list[str]

    @property
    def passed(self) -> bool:
        """Return whether it fired, resolved, and its runbook works."""
        return not self.problems


def chosen(only: Sequence[str]) -> list[Alert]:
    """Return the alerts of the local stack that are drilled: each name once for each rule of one service.

    Raises:
        PlinthError: There is no alert of such a name.
    """
    settings = changes.stack_settings(emulated.stack_file("local"), {})
    known = rules.alerts(rules.groups(monitoring.watched(settings)))
    first = next(iter(sorted(settings.services)))
    found = [alert for alert in known if alert.labels.get("service", first) == first]
    if unknown := sorted(set(only) - {alert.name for alert in found}):
        raise PlinthError(
            f"There is no alert '{unknown[0]}'.", fix="./plinth runbook lists them; names are as they stand."
        )
    # Of the rules of one contract, the one that a slow service breaks stands for all: they are one template.
    found = [alert for alert in found if alert.labels.get("rule", "too_slow") == "too_slow"]
    return [alert for alert in found if not only or alert.name in only]


def drill(only: Sequence[str], say: Callable[[str], None], path: Path) -> list[Outcome]:
    """Drill alerts, one after the other; those whose metrics are fed all at once.

    Args:
        only: Names of alerts; all for none.
        say: Told of each step.
        path: Outcomes are kept in this file as they come: a drill that is cut off was not for nothing.

    Raises:
        PlatformError: The platform is not up.
        PlinthError: There is no such alert.
    """
    wanted = chosen(only)
    platform = session.ready("drill")
    site = Site.load(home() / "local" / "site.json")
    with _shorter(site, say) as more:
        ground = _ground(site, platform, more)
        fed = [alert for alert in wanted if alert.cause == "synthetic"]
        found = _fed(fed, site, ground.service, say) if fed else []
        keep(found, path)
        for alert in wanted:
            if alert.name == WATCHDOG:
                found.append(_watchdog(alert, ground.service))
            elif alert.cause == "local":
                found.append(_broken(alert, ground, say))
            keep(found, path)
    return found


def _ground(site: Site, platform: session.Platform, more: Callable[[Mapping[str, Any]], None]) -> Ground:
    settings = changes.stack_settings(emulated.stack_file("local"), {})
    env = platform.env()

    def client(service: str) -> Any:
        from botocore.config import Config  # noqa: PLC0415 - with boto3 only

        keys = boto3.Session(
            aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
            region_name=settings.aws.region,
        )
        make: Any = keys.client
        proxy = platform.endpoints["aws_proxy"]
        config = Config(proxies={"http": proxy, "https": proxy})
        return make(service, config=config, verify=platform.files["aws_ca"])

    service = next(iter(sorted(settings.services)))
    return Ground(
        site=site,
        platform=platform,
        settings=settings,
        service=service,
        client=client,
        more=more,
        load=lambda kind, ended: loading.load(service, kind, ended),
    )


@contextlib.contextmanager
def _shorter(site: Site, say: Callable[[str], None]) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Make times shorter while the block runs; yields how to add to what the controller reads."""
    path = site.monitoring / DRILL_FILE
    base: dict[str, Any] = {"divisor": DIVISOR, "scrape_seconds": SCRAPE_SECONDS}

    def more(keys: Mapping[str, Any]) -> None:
        write_private(path, json.dumps(base | dict(keys)))

    say(f"DRILL: every time in the rules is divided by {DIVISOR}, scrapes come every {SCRAPE_SECONDS} s")
    more({})
    try:
        if wait(READY_SECONDS, lambda: bool(asking.query("count_over_time(up[10s]) > 3"))) is None:
            raise PlinthError(
                "Prometheus did not take the drill's shorter times.", fix="./plinth logs monitor"
            )
        yield more
    finally:
        (site.monitoring / FED_FILE).unlink(missing_ok=True)
        path.unlink(missing_ok=True)


def _fires(alert: Alert) -> bool:
    return bool(asking.alerts(alert.name, alert.labels))


def _broken(alert: Alert, ground: Ground, say: Callable[[str], None]) -> Outcome:
    cause, words = CAUSES[alert.name]
    say(f"{alert.name}: {words}")
    problems: list[str] = []
    detected: float | None = None
    ran = total = 0
    try:
        with cause(ground):
            detected = wait(LONGEST_SECONDS, lambda: _fires(alert))
            if detected is not None:
                ran, total, problems = _commands(alert.name, "Diagnose", ground.service)
    except (PlinthError, OSError) as error:
        problems.append(str(error))
    return _judged(alert, words, detected, (ran, total), problems, ground.service)


def _judged(  # noqa: PLR0917 - a row of the table
    alert: Alert, words: str, detected: float | None, ran: tuple[int, int], problems: list[str], service: str
) -> Outcome:
    """Wait for the end of an alert whose cause is healed, run Verify, and say how it did."""
    resolved = wait(LONGEST_SECONDS, lambda: not _fires(alert)) if detected is not None else None
    if detected is None:
        problems = [*problems, f"did not fire in {LONGEST_SECONDS:.0f} s"]
    elif resolved is None:
        problems = [*problems, f"did not resolve in {LONGEST_SECONDS:.0f} s"]
    done, total, more = _commands(alert.name, "Verify", service)
    return Outcome(
        alert=alert.name,
        labels=dict(alert.labels),
        real=alert.cause == "local",
        cause=words,
        detected_seconds=None if detected is None else round(detected, 1),
        resolved_seconds=None if resolved is None else round(resolved, 1),
        commands=f"{ran[0] + done} of {ran[1] + total}",
        problems=[*problems, *more],
    )


def _fed(wanted: list[Alert], site: Site, service: str, say: Callable[[str], None]) -> list[Outcome]:
    """Feed the proofs of alerts all at once: their metrics do not meet, so neither do they."""
    say(f"{len(wanted)} alerts are fed, since their causes cannot be brought about here")
    begun, ended = time.monotonic(), threading.Event()
    series: dict[str, str] = {}
    steps: dict[str, float] = {}
    for alert in wanted:
        for name, values in alert.proof.firing.items():
            series.setdefault(name, values)
            steps.setdefault(name, alert.proof.step / DIVISOR)

    def feed() -> None:
        while not ended.is_set():
            passed = time.monotonic() - begun
            text = "".join(
                feeding.exposition({name: values}, steps=passed / steps[name])
                for name, values in series.items()
            )
            write_private(site.monitoring / FED_FILE, text)
            ended.wait(1)

    thread = threading.Thread(target=feed, daemon=True)
    thread.start()
    detected: dict[int, float] = {}
    try:
        end = begun + LONGEST_SECONDS
        while len(detected) < len(wanted) and time.monotonic() < end:
            for number, alert in enumerate(wanted):
                if number not in detected and _fires(alert):
                    detected[number] = time.monotonic() - begun
            time.sleep(0.5)
        told = {}
        for number in sorted(detected):
            say(f"{wanted[number].name}: fired; its runbook's commands")
            told[number] = _commands(wanted[number].name, "Diagnose", service)
    finally:
        ended.set()
        thread.join(10)
        write_private(site.monitoring / FED_FILE, _buried(wanted, steps, time.monotonic() - begun))
    found = []
    for number, alert in enumerate(wanted):
        ran, total, problems = told.get(number, (0, 0, []))
        words = f"fed: {alert.why_synthetic}"
        found.append(_judged(alert, words, detected.get(number), (ran, total), problems, service))
        say(f"{alert.name}: {'fired' if number in detected else 'DID NOT FIRE'}")
    return found


def _buried(wanted: list[Alert], steps: Mapping[str, float], passed: float) -> str:
    """Return what heals alerts whose windows outlast the drill; each series once, as it was fed."""
    pages: dict[str, str] = {}
    for alert in wanted:
        if alert.proof.diluted_by:
            for name, values in alert.proof.firing.items():
                silent = {name: alert.proof.silent[name]}
                by, gone = alert.proof.diluted_by, passed / steps[name]
                pages.setdefault(name, feeding.diluted({name: values}, silent, steps=gone, by=by))
    return "".join(pages.values())


def _watchdog(alert: Alert, service: str) -> Outcome:
    detected = wait(LONGEST_SECONDS, lambda: bool(asking.alerts(WATCHDOG)))
    ran, total, problems = _commands(alert.name, "Diagnose", service)
    return Outcome(
        alert=alert.name,
        labels={},
        real=True,
        cause="none: it always fires, and must never resolve",
        detected_seconds=None if detected is None else round(detected, 1),
        resolved_seconds=None,
        commands=f"{ran} of {total}",
        problems=problems if detected is not None else [*problems, "does not fire"],
    )


def _commands(alert: str, section: str, service: str) -> tuple[int, int, list[str]]:
    """Run a section's commands; return how many ran, of how many, and what did not."""
    settings = changes.stack_settings(emulated.stack_file("local"), {})
    wanted = runbooks.load(alert, runbooks.names(settings, service=service)).commands(section)
    problems, done = [], 0
    for words in wanted:
        told = subprocess.run(
            [sys.executable, "-m", "infra.ops", *words[1:]],
            cwd=repo_root(),
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        if told.returncode in TAKEN:
            done += 1
        else:
            last = (told.stderr or told.stdout).strip().splitlines()[:1]
            problems.append(f"{section}: {' '.join(words)} ends with {told.returncode}: {' '.join(last)}")
    return done, len(wanted), problems


def as_json(found: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return outcomes as data for ``--json``."""
    return [asdict(one) | {"passed": one.passed} for one in found]


def keep(found: Sequence[Outcome], path: Path) -> None:
    """Keep outcomes beside earlier ones of other alerts, so that a drill can be gone through in parts."""
    try:
        known = {row["alert"]: row for row in json.loads(path.read_text(encoding="utf-8"))}
    except (OSError, ValueError, TypeError, KeyError):
        known = {}
    known |= {row["alert"]: row for row in as_json(found)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps(sorted(known.values(), key=lambda row: row["alert"]), indent=1) + "\n", "utf-8"
    )
