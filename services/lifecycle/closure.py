"""Which files of ``services/`` a file needs, found by reading imports; nothing is run."""

import ast
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[2]


def needed(*start: str, root: Path = ROOT) -> tuple[str, ...]:
    """Return the files that the given ones need, themselves included, sorted.

    Args:
        start: Paths below the root, such as ``services/credit_risk/service.py``.
        root: The root of the repository.

    Imports inside functions count too: what is needed later is needed.
    """
    found: set[str] = set()
    todo = list(start)
    while todo:
        name = todo.pop()
        if name in found or not (root / name).is_file():
            continue
        found.add(name)
        todo += [str(parent / "__init__.py") for parent in PurePosixPath(name).parents if parent.name]
        for module in _modules((root / name).read_text(encoding="utf-8")):
            path = module.replace(".", "/")
            todo += [f"{path}.py", f"{path}/__init__.py"]
    return tuple(sorted(found))


def _modules(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from services.readiness import dsse` may name a module or something in the package.
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        yield from (name for name in names if name.split(".")[0] == "services")
