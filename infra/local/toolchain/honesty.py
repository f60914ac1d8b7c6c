"""Compares a provider's schema with the Python package that programs are written against.

The official providers and their Python packages are made from one schema. A provider that was built here has
its own, so this states every difference: names, required inputs, outputs and types, down to the leaves of
nested blocks.
"""

import importlib
import inspect
import re
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from pulumi import Output
from pulumi import _types as names

Schema = Mapping[str, Any]
Problems = Iterator[str]

_SCALARS: dict[Any, str] = {str: "string", bool: "boolean", int: "integer", float: "number"}


def resource_differences(schema: Schema, token: str, package: str) -> list[str]:
    """Return how a resource differs between the schema and the package; empty when it does not.

    Args:
        schema: A Pulumi package schema.
        token: The resource type, such as ``aws:s3/bucket:Bucket``.
        package: The Python package, such as ``pulumi_aws``.
    """
    spec = schema["resources"].get(token)
    if spec is None:
        return [f"{token}: the provider does not have it"]
    cls = resource_class(schema, token, package)
    if cls is None:
        return [f"{token}: {package} does not have it"]
    home = sys.modules[cls.__module__]
    arguments = getattr(home, f"{cls.__name__}InitArgs", None) or getattr(home, f"{cls.__name__}Args")
    comparison = _Comparison(schema)
    given = {"properties": spec.get("inputProperties", {}), "required": spec.get("requiredInputs", [])}
    problems = list(comparison.objects(f"{token} input", given, arguments))
    outputs = {"properties": spec.get("properties", {})}
    problems += comparison.members(f"{token} output", outputs, names.resource_types(cls))
    return problems


def provider_differences(schema: Schema, package: str) -> list[str]:
    """Return how the provider's own arguments (region, tags, ...) differ."""
    arguments = importlib.import_module(f"{package}.provider").ProviderArgs
    given = {
        "properties": schema["provider"].get("inputProperties", {}),
        "required": schema["provider"].get("requiredInputs", []),
    }
    return list(_Comparison(schema).objects("provider", given, arguments))


def function_differences(schema: Schema, token: str, package: str) -> list[str]:
    """Return how a function such as ``aws:index/getCallerIdentity:getCallerIdentity`` differs."""
    spec = schema["functions"].get(token)
    if spec is None:
        return [f"{token}: the provider does not have it"]
    name = token.rpartition(":")[2]
    module = token.split(":")[1].partition("/")[0]
    home = importlib.import_module(package if module == "index" else f"{package}.{module}")
    function = getattr(home, _snake(name))
    accepted = set(inspect.signature(function).parameters) - {"opts"}
    offered = {_snake(key) for key in spec.get("inputs", {}).get("properties", {})}
    problems = list(_sets(f"{token} input", offered, accepted))
    result = getattr(home, f"{name[0].upper()}{name[1:]}Result")
    problems += _Comparison(schema).members(
        f"{token} output", spec["outputs"], names.output_type_types(result)
    )
    return problems


def resource_class(schema: Schema, token: str, package: str) -> type | None:
    """Return the Python class of a resource type; None when the package has none with this very token."""
    _, module, name = token.split(":")
    override = schema.get("language", {}).get("python", {}).get("moduleNameOverrides", {}).get(module)
    place = override if override is not None else module.split("/")[0]
    path = ".".join([package, *filter(None, place.replace("/", ".").split("."))])
    try:
        found = getattr(importlib.import_module(path), name, None)
    except ModuleNotFoundError:
        return None
    return found if getattr(found, "pulumi_type", None) == token else None


class _Comparison:
    """Walks schema types and Python types side by side; each pair once, since some types hold themselves."""

    def __init__(self, schema: Schema) -> None:
        self._types = schema.get("types", {})
        self._seen: set[tuple[str, type]] = set()

    def objects(self, where: str, spec: Schema, cls: type) -> Problems:
        """Compare an object with a class of arguments, required ones included."""
        python = names.input_type_py_to_pulumi_names(cls)
        yield from self.members(where, spec, names.input_type_types(cls))
        parameters = inspect.signature(cls).parameters
        required = {
            python[key]
            for key, parameter in parameters.items()
            if key in python and parameter.default is inspect.Parameter.empty
        }
        # The Python packages fill in constants (a Kubernetes kind) by themselves.
        wanted = {key for key in spec.get("required", []) if "const" not in spec["properties"].get(key, {})}
        yield from _sets(f"{where} required", wanted, required)

    def members(self, where: str, spec: Schema, found: Mapping[str, Any]) -> Problems:
        """Compare an object's members by name and type."""
        properties = spec.get("properties", {})
        yield from _sets(where, set(properties), set(found))
        for key in sorted(properties.keys() & found.keys()):
            yield from self._types_of(f"{where} {key}", properties[key], found[key])

    def _types_of(self, where: str, spec: Schema, python: Any) -> Problems:
        """Compare one type."""
        python = _plain(python)
        if choices := spec.get("oneOf"):
            # Python leaves such outputs untyped; where it names a type, one of the choices has to be it.
            tried = (
                [] if python is Any else [list(self._types_of(where, choice, python)) for choice in choices]
            )
            yield from tried[0] if all(tried) and tried else ()
            return
        reference = self._reference(spec)
        if isinstance(python, type) and (names.is_input_type(python) or names.is_output_type(python)):
            if reference is None or reference.get("type") != "object":
                yield f"{where}: {_name(spec)} in the provider, {python.__name__} in the package"
            elif (pair := (spec["$ref"], python)) not in self._seen:
                self._seen.add(pair)
                if names.is_input_type(python):
                    yield from self.objects(where, reference, python)
                else:
                    yield from self.members(where, reference, names.output_type_types(python))
            return
        origin = typing.get_origin(python)
        if origin is not None and issubclass(origin, Mapping):
            yield from self._inside(where, spec, "additionalProperties", typing.get_args(python)[1])
        elif origin is not None:
            yield from self._inside(where, spec, "items", typing.get_args(python)[0])
        elif (kind := _SCALARS.get(python, "any")) != _kind(spec, reference):
            yield f"{where}: {_name(spec)} in the provider, {kind} in the package"

    def _inside(self, where: str, spec: Schema, member: str, python: Any) -> Problems:
        """Compare what an array or a map holds."""
        if member in spec:
            yield from self._types_of(f"{where}[]", spec[member], python)
        else:
            yield f"{where}: {_name(spec)} in the provider, a collection in the package"

    def _reference(self, spec: Schema) -> Schema | None:
        target = spec.get("$ref", "").removeprefix("#/types/").replace("%2F", "/")
        return typing.cast("Schema | None", self._types.get(target))


def _plain(python: Any) -> Any:
    """Return a Python type without None, futures and outputs; of several, the scalar or collection."""
    python = names.unwrap_type(python)
    if isinstance(python, type) and issubclass(python, Enum):
        return str
    if typing.get_origin(python) not in (typing.Union, types.UnionType):
        return python
    choices = [choice for choice in typing.get_args(python) if not _is_future(choice)]
    scalars = [choice for choice in choices if choice in _SCALARS]
    return (scalars or choices)[0]


def _is_future(choice: Any) -> bool:
    origin = typing.get_origin(choice)
    return choice is type(None) or origin is Output or getattr(origin, "__name__", "") == "Awaitable"


def _kind(spec: Schema, reference: Schema | None) -> str:
    if spec.get("$ref", "").startswith("pulumi.json#"):
        return "any"  # JSON and the like, which Python leaves untyped
    return str((reference or spec).get("type", "any"))


def _name(spec: Schema) -> str:
    return str(spec.get("$ref", "").rsplit(":", 1)[-1] or spec.get("type", "any"))


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def _sets(where: str, provider: set[str], package: set[str]) -> Problems:
    for key in sorted(provider - package):
        yield f"{where}: {key} is in the provider only"
    for key in sorted(package - provider):
        yield f"{where}: {key} is in the package only"
