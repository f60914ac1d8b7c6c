"""Changed copies of three Go modules, mostly with less in them: a build compiles only what is in use.

The AWS provider registers 263 services; a handful is in use. The Kubernetes provider registers four
components that pull the whole generated Go SDK. Neither has a build tag for it, so the build uses a copy
of the module that leaves them out.
"""

import re
import shutil
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.errors import PlatformError

SERVICES = Path("internal/service")
REGISTRY = Path("internal/provider/sdkv2/service_packages_gen.go")
CLIENTS = Path("internal/conns/awsclient_gen.go")
COMPONENTS = Path("pkg/provider/provider_construct.go")
UNUSED = frozenset(
    {"testdata", "test-fixtures", "acctest", "generate", "website", "docs", "examples", "infrastructure"}
)
"""Folders of the AWS provider that no binary is built from."""

_IMPORTED_SERVICE = re.compile(r'internal/service/([a-z0-9]+)[/"]')
_CLIENT_CALL = re.compile(r"\.(\w+Client)\(")
_CLIENT_MAKER = re.compile(r"func \(c \*AWSClient\) (\w+)\([^\n]+\n[^\n]+\bnames\.(\w+),")


@dataclass(frozen=True)
class Filter:
    """A module to copy, and the function that makes the copy.

    Attributes:
        module: The module's import path in go.mod.
        make: Called with (the module's folder, the folder of the package that is built, the folder to make).
    """

    module: str
    make: Callable[[Path, Path, Path], None]


def aws_services(source: Path, package: Path, copy: Path) -> None:
    """Copy the AWS provider with the services of ``resources.toml`` and those that these need in turn.

    Raises:
        PlatformError: The table names a type that no service package registers.
    """
    table = package / "resources.toml"
    kept = _with_needs(source, _services_of_table(source, table))

    def leave_out(folder: str, names: list[str]) -> set[str]:
        here = Path(folder)
        dropped = {name for name in names if name.endswith("_test.go") or name in UNUSED}
        if here.parent == source / SERVICES and here.name not in kept:
            # The error texts stay: the provider embeds those of all services by pattern.
            dropped |= {name for name in names if name != "smarterr.hcl"}
        return dropped

    shutil.copytree(source, copy, ignore=leave_out, copy_function=_copy_writable)
    _make_writable(copy)
    _filter_registry(copy / REGISTRY, kept)
    _filter_clients(copy)


def kubernetes_components(source: Path, package: Path, copy: Path) -> None:
    """Copy the Kubernetes provider without its components, and put its schema beside the main that embeds it.

    Left out are ConfigFile, ConfigGroup, Chart and Directory (the second generation, which the provider
    itself unfolds). Plain resources, Helm releases and patches stay.
    """
    shutil.copytree(
        source, copy, ignore=shutil.ignore_patterns("*_test.go", "testdata"), copy_function=_copy_writable
    )
    _make_writable(copy)
    path = copy / COMPONENTS
    text = path.read_text(encoding="utf-8")
    text, emptied = re.subn(
        r"(?s)(\bresourceProviders = map\[string\][\w.]+\{).*?\n\}", r"\1}", text, count=1
    )
    if not emptied:
        raise _moved(COMPONENTS, "the map resourceProviders")
    body = text[text.index("resourceProviders =") :]
    kept = [line for line in text.splitlines(keepends=True) if not _is_unused_import(line, body)]
    path.write_text("".join(kept), encoding="utf-8")
    shutil.copyfile(source / "cmd/pulumi-resource-kubernetes/schema.json", package / "schema.json")


def python_host(source: Path, _package: Path, copy: Path) -> None:
    """Copy the Python language host with one line more: what it starts writes its output unbuffered.

    The engine waits for the port that a policy pack prints. This host, older than the engine, does not ask
    Python to flush it: without PYTHONUNBUFFERED in the user's environment, previews with a pack would hang.
    """
    shutil.copytree(
        source, copy, ignore=shutil.ignore_patterns("*_test.go", "testdata"), copy_function=_copy_writable
    )
    _make_writable(copy)
    path = copy / "main.go"
    head, start, rest = path.read_text(encoding="utf-8").partition("\nfunc main() {\n")
    if not start:
        raise _moved(Path("main.go"), "the main function")
    path.write_text(f'{head}{start}\tos.Setenv("PYTHONUNBUFFERED", "1")\n{rest}', encoding="utf-8")


FILTERS = {
    "python-host": Filter("github.com/pulumi/pulumi/sdk/python/cmd/pulumi-language-python/v3", python_host),
    "aws-services": Filter("github.com/hashicorp/terraform-provider-aws", aws_services),
    "kubernetes-components": Filter("github.com/pulumi/pulumi-kubernetes/provider/v4", kubernetes_components),
}


def _services_of_table(source: Path, table: Path) -> set[str]:
    """Return the service packages that register the table's types."""
    rows = tomllib.loads(table.read_text(encoding="utf-8"))
    wanted = {*rows["resources"], *rows.get("functions", {})}
    home: dict[str, str] = {}
    for listing in sorted((source / SERVICES).glob("*/service_package_gen.go")):
        for name in re.findall(r'TypeName:\s+"(\w+)"', listing.read_text(encoding="utf-8")):
            home.setdefault(name, listing.parent.name)
    missing = sorted(wanted - home.keys())
    if missing:
        raise PlatformError(
            f"The AWS provider has no type named {', '.join(missing)}.",
            where=str(table),
            fix="Correct the name, or raise the provider's version in go/pulumi/go.mod.",
        )
    return {home[name] for name in wanted}


def _with_needs(source: Path, services: set[str]) -> set[str]:
    """Return the services with those that they import or whose client they ask for, and so on.

    A service that asks for the client of an unregistered one compiles, and ends the provider at run time.
    """
    owner = {
        found[1]: listing.parent.name
        for listing in (source / SERVICES).glob("*/service_package_gen.go")
        if (
            found := re.search(
                r"ServicePackageName\(\) string \{\s+return names\.(\w+)", listing.read_text("utf-8")
            )
        )
    }
    clients = dict(_CLIENT_MAKER.findall((source / CLIENTS).read_text(encoding="utf-8")))
    kept: set[str] = set()
    waiting = sorted(services)
    while waiting:
        service = waiting.pop()
        if service in kept:
            continue
        kept.add(service)
        for path in _go_files(source / SERVICES / service):
            text = path.read_text(encoding="utf-8")
            waiting += _IMPORTED_SERVICE.findall(text)
            waiting += [
                owner[clients[name]] for name in _CLIENT_CALL.findall(text) if clients.get(name) in owner
            ]
    return kept


def _filter_registry(path: Path, registered: set[str]) -> None:
    """Keep the lines of the registry that import or call a registered service."""
    line_of_service = re.compile(r'internal/service/(\w+)"|^\s+(\w+)\.ServicePackage\(ctx\)')
    kept, seen = [], set()
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        found = line_of_service.search(line)
        service = (found[1] or found[2]) if found else None
        if service is None or service in registered:
            kept.append(line)
            seen.add(service)
    if not registered <= seen:
        raise _moved(REGISTRY, "the list of service packages")
    path.write_text("".join(kept), encoding="utf-8")


def _filter_clients(copy: Path) -> None:
    """Keep the SDK clients that some file which is left calls for."""
    path = copy / CLIENTS
    called: set[str] = set()
    for file in _go_files(copy):
        if file != path:
            called |= set(_CLIENT_CALL.findall(file.read_text(encoding="utf-8")))
    head, *functions = re.split(r"(?m)^(?=func )", path.read_text(encoding="utf-8"))
    kept = [
        text
        for text in functions
        if (name := re.match(r"func \(c \*AWSClient\) (\w+)\(", text)) and name[1] in called
    ]
    if not kept:
        raise _moved(CLIENTS, "the functions that make a client")
    body = "".join(kept)
    imports = [line for line in head.splitlines(keepends=True) if not _is_unused_import(line, body)]
    path.write_text("".join(imports) + body, encoding="utf-8")


def _is_unused_import(line: str, body: str) -> bool:
    """Say whether the line imports a package whose name the code below never uses."""
    found = re.match(r'\t(?:(\w+) )?"([\w./-]+)"\s*$', line)
    if not found:
        return False
    name = found[1] or re.sub(r"^v\d+$", "", found[2].rsplit("/", 1)[-1]) or found[2].rsplit("/", 2)[-2]
    return not re.search(rf"\b{re.escape(name)}\.", body)


def _go_files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*.go")) if not path.name.endswith("_test.go"))


def _copy_writable(source: str, target: str) -> None:
    """Copy contents without the module cache's read-only mode."""
    shutil.copyfile(source, target)


def _make_writable(folder: Path) -> None:
    """Undo the read-only mode of folders that ``copytree`` takes over from the module cache."""
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)


def _moved(path: Path, what: str) -> PlatformError:
    return PlatformError(
        f"{what.capitalize()} is not where it was in this version of the provider.",
        where=str(path),
        fix="Adapt infra/local/toolchain/filters.py to the new version, or go back to the old one.",
    )
