"""The tiers of tests: from seconds without any tool to the whole thing on the real engine."""

import os
import subprocess
import sys
from dataclasses import dataclass

from infra.errors import PlinthError
from infra.local.paths import repo_root


@dataclass(frozen=True, kw_only=True)
class Tier:
    """One tier: what it proves and the commands that run it."""

    name: str
    proves: str
    commands: tuple[tuple[str, ...], ...]
    again: tuple[tuple[str, ...], ...] = ()
    """What other tiers run as well: it is run here only for who asks for this tier by name."""


_PYTEST = (sys.executable, "-m", "pytest")
_PARALLEL = (*_PYTEST, "-n", "auto", "--dist", "loadfile")
"""All cores, each file on one of them: fixtures of a file are made once."""
_CODE = ("infra", "policies", "services")
TIERS: dict[str, Tier] = {
    tier.name: tier
    for tier in (
        Tier(
            name="unit",
            proves="pure code, contracts and policies: four minutes on two cores, no toolchain",
            commands=(
                (
                    *_PARALLEL,
                    "-m",
                    "not (parts or serving or toolchain or local or faults or monitoring)",
                ),
            ),
        ),
        Tier(
            name="parts",
            proves="each part against what it talks to: the emulated AWS API, child processes; no toolchain",
            commands=((*_PARALLEL, "-m", "parts"),),
        ),
        Tier(
            name="serving",
            proves="the service, packed and served, and the real Envoy; no toolchain",
            commands=((*_PYTEST, "-m", "serving"),),
        ),
        Tier(
            name="lint",
            proves="style, formatting and types",
            commands=(
                (sys.executable, "-m", "ruff", "check", "."),
                (sys.executable, "-m", "ruff", "format", "--check", "."),
                (sys.executable, "-m", "mypy", *_CODE),
            ),
        ),
        Tier(
            name="toolchain",
            proves="what is installed is what the recipes say, and the provider is the official one's equal",
            commands=((*_PYTEST, "-m", "toolchain"),),
        ),
        Tier(
            name="monitoring",
            proves="rules fire on their causes and are silent without; each alert has its runbook; a scrape",
            commands=((*_PYTEST, "-m", "monitoring and not local"),),
            again=(
                (*_PYTEST, "tests/monitoring", "-m", "not monitoring"),
                (*_PYTEST, "-m", "monitoring and local"),
            ),
        ),
        Tier(
            name="local",
            proves="the real engine, API server, proxy and service: up, refusals, read back, drift, destroy",
            commands=((*_PYTEST, "-m", "local"),),
        ),
        Tier(
            name="faults",
            proves="kills, isolation, no network, bad input; an hour, so not in `./plinth test`",
            commands=((*_PYTEST, "-m", "faults"),),
        ),
    )
}
ALL = tuple(name for name in TIERS if name != "faults")
"""Without ``faults``: each of its tests brings the environment back with a refresh of everything."""


def run(names: tuple[str, ...], extra: tuple[str, ...] = ()) -> int:
    """Run tiers one after the other, all of them even when one fails; return the first bad exit code.

    Args:
        names: Tiers; ``all`` stands for every one.
        extra: Options for pytest, such as ``-k WORDS``.

    Raises:
        PlinthError: There is no such tier.
    """
    wanted = ALL if not names or "all" in names else names
    unknown = sorted(set(wanted) - set(TIERS))
    if unknown:
        raise PlinthError(f"There is no tier '{unknown[0]}'.", fix=f"Use: {', '.join([*TIERS, 'all'])}.")
    worst = 0
    for name in wanted:
        tier = TIERS[name]
        for command in tier.commands if wanted is ALL else (*tier.commands, *tier.again):
            arguments = [*command, *(extra if "pytest" in command else ())]
            done = subprocess.run(arguments, cwd=repo_root(), env=dict(os.environ), check=False)
            worst = worst or done.returncode
    return worst
