"""A new service from the template: one folder that works as it stands, and its tests."""

import keyword
import re
from pathlib import Path

from services.lifecycle.closure import ROOT
from services.readiness.errors import ServiceError

TEMPLATE = Path(__file__).parent / "template"
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST = 32
"""Characters: names of services become names of pods, hosts and buckets' prefixes."""
TAKEN = frozenset({"readiness", "lifecycle", "services", "test", "tests"})


def files(name: str) -> dict[str, str]:
    """Return the files of a new service: path below the root -> text. Pure.

    Raises:
        ServiceError: The name is not one.
    """
    if not NAME.fullmatch(name) or len(name) > LONGEST or name in TAKEN or keyword.iskeyword(name):
        raise ServiceError(
            f"'{name}' cannot be the name of a service.",
            fix=f"lower-case words joined by dashes, at most {LONGEST} characters, such as spam-filter",
        )
    module = name.replace("-", "_")
    words = {
        "__NAME__": name,
        "__MODULE__": module,
        "__CLASS__": "".join(word.capitalize() for word in name.split("-")),
    }
    made = {}
    for source in sorted(TEMPLATE.glob("*.txt")):
        text = source.read_text(encoding="utf-8")
        for word, value in words.items():
            text = text.replace(word, value)
        target = source.name.removesuffix(".txt")
        place = (
            f"services/{module}/{target}"
            if target != "test.py"
            else f"tests/services/{module}/test_{module}.py"
        )
        made[place] = text
    return made


def write(name: str, root: Path = ROOT) -> list[Path]:
    """Write a new service; return its files.

    Raises:
        ServiceError: The name is not one, or there is such a service already; nothing was written.
    """
    made = files(name)
    folder = root / "services" / name.replace("-", "_")
    if folder.exists():
        raise ServiceError(
            f"There is a service '{name}' already.", where=str(folder), fix="choose another name"
        )
    written = []
    for place, text in made.items():
        path = root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written
