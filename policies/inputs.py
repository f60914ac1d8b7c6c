"""Files to judge: resources of all of them together, with the place where each is written."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from policies.core import PolicyError, Resource
from policies.core.documents import LARGEST_BYTES
from policies.core.loaders import placed, read_text
from policies.sarif import Place

STANDARD_INPUT = "-"
_ENGINES_OWN = "pulumi:"
"""Beginning of types that are the engine's own: the stack, its providers."""


@dataclass(frozen=True)
class Inputs:
    """What is to be judged."""

    resources: tuple[Resource, ...]
    places: dict[str, Place]


def read(names: Iterable[str]) -> Inputs:
    """Read files; ``-`` is the standard input.

    Raises:
        PolicyError: One of them cannot be read or is nothing that can be judged; nothing is skipped.
    """
    resources: list[Resource] = []
    places: dict[str, Place] = {}
    for name in names:
        text = sys.stdin.read(LARGEST_BYTES) if name == STANDARD_INPUT else read_text(Path(name))
        source = "standard input" if name == STANDARD_INPUT else Path(name).as_posix()
        try:
            every = placed(text, source=source)
        except PolicyError as error:
            raise PolicyError(error.what, where=error.where or source, fix=error.fix) from None
        found = [(r, line) for r, line in every if not r.type.startswith(_ENGINES_OWN)]
        if not found:
            raise PolicyError(
                "There is no resource in it, so there is nothing to judge.",
                where=source,
                fix="Give a file of what is deployed.",
            )
        for resource, line in found:
            resources.append(resource)
            places.setdefault(resource.urn, Place(source, line))
    return Inputs(tuple(resources), places)
