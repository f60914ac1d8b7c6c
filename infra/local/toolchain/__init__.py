"""The toolchain: the real Pulumi engine, providers and control plane, made once and kept in the user's cache.

``ensure()`` is what the rest of the code calls; ``status()``, ``build()`` and ``verify()`` stand behind
``./plinth toolchain``. What the parts are, and what pins them, stands in parts.toml; why it is done
so, in README.md.
"""

from infra.local.toolchain.installed import Toolchain
from infra.local.toolchain.progress import Event, PlainProgress, Progress, silent
from infra.local.toolchain.service import PartReport, PartStatus, build, ensure, status, verify
from infra.local.toolchain.verification import Problem

__all__ = [
    "Event",
    "PartReport",
    "PartStatus",
    "PlainProgress",
    "Problem",
    "Progress",
    "Toolchain",
    "build",
    "ensure",
    "silent",
    "status",
    "verify",
]
