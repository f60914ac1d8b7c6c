"""Where things live: the clone, what one clone keeps, and what all clones share."""

import os
from pathlib import Path


def repo_root() -> Path:
    """Return the root of this clone (the folder that holds ``Pulumi.yaml``)."""
    return Path(__file__).resolve().parents[2]


def home() -> Path:
    """Return the folder of state, logs and certificates of this clone.

    ``./plinth down --purge`` removes it whole. ``PLINTH_HOME`` moves it, which lets tests
    run beside an environment that is up.
    """
    return Path(os.environ.get("PLINTH_HOME") or repo_root() / ".plinth").absolute()


def cache_dir() -> Path:
    """Return the folder that all clones share: toolchain, downloads, build results.

    ``PLINTH_CACHE`` moves it; otherwise the XDG rule holds.
    """
    explicit = os.environ.get("PLINTH_CACHE")
    if explicit:
        return Path(explicit).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base).absolute() / "plinth"
