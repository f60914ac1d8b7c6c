"""Versions of credit-risk that are bad in one way each: the packed service with a few lines more."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.local import images
from infra.local.images import ImageRef

SERVED = Path("src/services/credit_risk/service.py")
"""The file of a packed service that BentoML loads first."""
SLOW_SECONDS = 1.0
"""How much slower the slow one is: four times what the contract allows, so that no busy core explains it."""

_WRAPPED = """

import asyncio as _asyncio
import dataclasses as _dataclasses
from services.credit_risk.features import FEATURES as _FEATURES

_COUNT = 0
_DURATION = [one.name for one in _FEATURES].index("duration_months")
_start = PROCESS.start


async def _change(row, found):
    {body}


def _started():
    _start()
    assess = PROCESS.ladder.assess

    async def changed(row):
        return await _change(row, await assess(row))

    PROCESS.ladder.assess = changed


PROCESS.start = _started


def _other(found, second):
    second = min(max(second, 0.0), 1.0)
    return _dataclasses.replace(found, probabilities=(1 - second, second))
"""
_USERS_ONLY = """

_begin = PROCESS.start


def _begun():
    _begin()
    decide = PROCESS.decisions.decide

    async def failing(*given, **named):
        if not named.get("shadow"):
            raise RuntimeError("a drill's defect")
        return await decide(*given, **named)

    PROCESS.decisions.decide = failing


PROCESS.start = _begun
"""


def _changing(*lines: str) -> str:
    return _WRAPPED.format(body="\n    ".join(lines))


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One version.

    Args:
        name: How the drill calls it.
        title: What is wrong with it, in words.
        code: What is added to the service's first file.
        good: Whether it should come into service.
    """

    name: str
    title: str
    code: str
    good: bool = False


GOOD = Candidate(name="good", title="another build of the same service", code="\n# {tag}\n", good=True)
BAD = (
    Candidate(
        name="errors",
        title="every fourth request ends in an error",
        code=_changing(
            "global _COUNT",
            "_COUNT += 1",
            "if _COUNT % 4 == 0:",
            '    raise RuntimeError("a drill\'s defect")',
            "return found",
        ),
    ),
    Candidate(
        name="slow",
        title=f"every answer takes {SLOW_SECONDS:g} s longer",
        code=_changing(f"await _asyncio.sleep({SLOW_SECONDS})", "return found"),
    ),
    Candidate(
        name="slice",
        title="wrong about loans of more than two years, right about the others",
        code=_changing(
            "if row[_DURATION] <= 24 or not found.probabilities:",
            "    return found",
            "return _other(found, 1 - found.probabilities[1])",
        ),
    ),
    Candidate(
        name="overconfident",
        title="on the same side of one half, but always nearly sure",
        code=_changing(
            "if not found.probabilities:",
            "    return found",
            "return _other(found, 0.98 if found.probabilities[1] > 0.5 else 0.02)",
        ),
    ),
    Candidate(
        name="drifting",
        title="right at first, then further off with each answer",
        code=_changing(
            "global _COUNT",
            "_COUNT += 1",
            "if not found.probabilities:",
            "    return found",
            "return _other(found, found.probabilities[1] + 0.002 * _COUNT)",
        ),
    ),
    Candidate(
        name="crash",
        title="ends as soon as it starts",
        code='\nraise SystemExit("a drill\'s defect")\n',
    ),
    Candidate(
        name="late",
        title="good in shadow, fails for users only",
        code=_USERS_ONLY,
    ),
)
BY_NAME: Mapping[str, Candidate] = {one.name: one for one in (GOOD, *BAD)}


def build(candidate: Candidate, bento: Path, folder: Path, stable: ImageRef, tag: str) -> ImageRef:
    """Make a version and put it into the image store; return its image.

    Args:
        candidate: Which one.
        bento: The packed service.
        folder: An empty folder to work in.
        stable: Image of the packed service, for its repository.
        tag: Makes one build of the good version differ from another.
    """
    copy = folder / candidate.name
    shutil.copytree(bento, copy)
    served = copy / SERVED
    code = candidate.code.replace("{tag}", tag)
    served.chmod(0o644)
    served.write_text(served.read_text(encoding="utf-8") + code, encoding="utf-8")
    found = images.put(copy, "credit-risk", {}, repository=stable.repository)
    shutil.rmtree(copy)
    return found
