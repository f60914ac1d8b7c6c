"""A copy of Prometheus that finds its targets in files and in Kubernetes, and nowhere else.

Prometheus registers 24 ways of finding targets in other people's clouds, most of them with the cloud's own
SDK. This blueprint uses one of them. A file of its own, because filters.py is part of the keys of the big
providers: a change there would cost everyone their build.
"""

import re
import shutil
from pathlib import Path

from infra.errors import PlatformError

MODULE = "github.com/prometheus/prometheus"
PLUGINS = Path("plugins/plugins.go")
KEPT = ("file", "http", "kubernetes")
"""Those in use; ``file`` and ``http`` come along with any of them."""

_REGISTERED = re.compile(rf'\t_ "{re.escape(MODULE)}/discovery/(\w+)"')


def fewer_plugins(source: Path, _package: Path, copy: Path) -> None:
    """Copy Prometheus with the kept ways of finding targets only.

    Args:
        source: The module's folder.
        copy: The folder to make.

    Raises:
        PlatformError: This version registers them elsewhere, or no longer has one that is in use.
    """
    shutil.copytree(
        source,
        copy,
        ignore=shutil.ignore_patterns("*_test.go", "documentation", "react-app", "mantine-ui"),
        copy_function=_copy_writable,
    )
    for path in (copy, *copy.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
    registry = copy / PLUGINS
    known = _REGISTERED.findall(registry.read_text(encoding="utf-8")) if registry.is_file() else []
    if "kubernetes" not in known:
        raise PlatformError(
            "The list of plug-ins is not where it was in this version of Prometheus.",
            where=str(registry),
            fix="Adapt infra/local/toolchain/fewer_plugins.py to the new version, or go back to the old one.",
        )
    imports = "".join(f'\t_ "{MODULE}/discovery/{name}"\n' for name in KEPT)
    registry.write_text(f"package plugins\n\nimport (\n{imports})\n", encoding="utf-8")


def _copy_writable(source: str, target: str) -> None:
    shutil.copyfile(source, target)
