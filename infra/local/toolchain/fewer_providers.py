"""A copy of Flagger for a laptop: without the SDKs of four clouds, and heard on loopback only.

Flagger can ask eleven systems for metrics, four of them with an SDK that is larger than Flagger itself, and
its main imports a code generator for the benefit of ``go mod``. This blueprint asks Prometheus. A file of its
own, like fewer_plugins.py: filters.py is part of the keys of the big providers.
"""

import re
import shutil
from pathlib import Path

from infra.errors import PlatformError

MODULE = "github.com/fluxcd/flagger"
PROVIDERS = Path("pkg/metrics/providers")
LEFT_OUT = {
    "cloudwatch": "CloudWatch",
    "stackdriver": "StackDriver",
    "influxdb": "Influxdb",
    "splunk": "Splunk",
}
"""Name of the file, and of the function that makes the provider; a template of such a type is refused."""
ADDRESS, LOOPBACK = '":" + port', '"127.0.0.1:" + port'
"""Where its page of metrics listens: everywhere, which no setting changes; here nobody else may ask."""
GENERATOR = '\t_ "k8s.io/code-generator/cmd/client-gen/generators"\n'


def fewer_providers(source: Path, _package: Path, copy: Path) -> None:
    """Copy Flagger without the four providers, its page on loopback.

    Args:
        source: The module's folder.
        copy: The folder to make.

    Raises:
        PlatformError: This version keeps them elsewhere.
    """
    shutil.copytree(
        source,
        copy,
        ignore=shutil.ignore_patterns("*_test.go", "docs", "charts", "test"),
        copy_function=_copy_writable,
    )
    for path in (copy, *copy.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
    factory = copy / PROVIDERS / "factory.go"
    text = factory.read_text(encoding="utf-8") if factory.is_file() else ""
    for name, function in LEFT_OUT.items():
        file = copy / PROVIDERS / f"{name}.go"
        call = rf'(case "{name}":\n\t\treturn )New{function}Provider\([^\n]*\)\n'
        refusal = rf'\1nil, fmt.Errorf("metrics provider {name} is left out of this build")' + "\n"
        text, found = re.subn(call, refusal, text)
        if found != 1 or not file.is_file():
            raise _moved(factory, f"the metrics provider {name}")
        file.unlink()
    factory.write_text(text.replace("import (\n", 'import (\n\t"fmt"\n\n', 1), encoding="utf-8")
    _change(copy / "cmd" / "flagger" / "main.go", GENERATOR, "", "the import of the code generator")
    _change(copy / "pkg" / "server" / "server.go", ADDRESS, LOOPBACK, "the address of the metrics page")


def _change(path: Path, old: str, new: str, what: str) -> None:
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if text.count(old) != 1:
        raise _moved(path, what)
    path.write_text(text.replace(old, new), encoding="utf-8")


def _copy_writable(source: str, target: str) -> None:
    """Copy contents without the module cache's read-only mode."""
    shutil.copyfile(source, target)


def _moved(path: Path, what: str) -> PlatformError:
    return PlatformError(
        f"{what.capitalize()} is not where it was in this version of Flagger.",
        where=str(path),
        fix="Adapt infra/local/toolchain/fewer_providers.py to the new version, or go back to the old one.",
    )
