"""Judges a program before it may register anything: the child process of :mod:`infra.rehearsal`."""

import contextlib
import json
import sys
from datetime import UTC, datetime
from typing import Any

from infra import collecting
from infra.errors import PlinthError
from infra.ops import planned
from infra.policy_settings import policy_settings
from infra.settings import Settings
from policies.core import PolicyError, Resource
from policies.judgement import Judgement, judge
from policies.waivers import load


def judged(settings: Settings, resources: list[Resource]) -> Judgement:
    """Judge a stack's resources under its own settings and the project's waivers."""
    return judge(resources, policy_settings(settings), load(), today=datetime.now(UTC).date())


def answer(raw: dict[str, Any], stack: str) -> dict[str, Any]:
    """Return what the program violates, or how it broke, and type and name of all that it asks for.

    Args:
        raw: Settings, as the program has them.
        stack: Name of the stack.
    """
    try:
        settings = Settings.parse(raw, stack=stack, environ={})
        resources = planned.resources(settings)
        judgement = judged(settings, resources)
    except (PlinthError, PolicyError) as error:
        return {"broken": str(error), "violations": [], "resources": []}
    return {
        "broken": "",
        "violations": judgement.refusals(),
        "resources": [[resource.type, resource.name] for resource in resources],
    }


def main() -> None:
    """Read settings from standard input and write the answer to standard output."""
    order = json.load(sys.stdin)
    with contextlib.redirect_stdout(sys.stderr):  # what a program prints must not be taken for the answer
        said = answer(order["settings"], order["stack"])
    json.dump(said, sys.stdout)


if __name__ == "__main__":
    collecting.rarely()
    main()
