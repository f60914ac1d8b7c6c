"""Where a drill takes place: in a home of its own, or in this clone's."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from infra.local import session
from infra.local.paths import home
from infra.local.session import homes

STACK = "local"
"""The stack on which drills are held."""


@contextmanager
def own(name: str, *, here: bool) -> Iterator[None]:
    """Use a home of the drill's own while the body runs; its platform is stopped and removed afterwards.

    Args:
        name: Name of the drill.
        here: Use this clone's home instead, whose platform stays as the drill leaves it.
    """
    if here:
        yield
        return
    homes.make(home())
    before, place = os.environ.get("PLINTH_HOME"), home() / "drills" / name
    os.environ["PLINTH_HOME"] = str(place)
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        yield
    finally:
        session.stop(purge=True)
        if before is None:
            os.environ.pop("PLINTH_HOME", None)
        else:
            os.environ["PLINTH_HOME"] = before
