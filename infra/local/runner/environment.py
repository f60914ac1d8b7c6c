"""The process's environment: what the pod's specification says, on a minimal base, and nothing else.

The runner's own environment may hold keys, proxies and tokens of the person at the laptop, so not one
variable of it is passed on.
"""

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from infra.errors import PlatformError
from infra.local.isolation import local_env
from infra.local.supervisor.status import Platform

Lookup = Callable[[str, str], Mapping[str, Any] | None]
"""Takes ``configmaps`` or ``secrets`` and a name in the pod's namespace; gives texts by key, or ``None``."""

SANDBOX_VARIABLE = "PLINTH_SANDBOX"
"""Marks each process of a pod, down to workers that left its session, so that none can be lost."""

_SOURCES = {
    "configMapRef": "configmaps",
    "configMapKeyRef": "configmaps",
    "secretRef": "secrets",
    "secretKeyRef": "secrets",
}

_REFERENCE = re.compile(r"\$\$|\$\((?P<name>[A-Za-z_][A-Za-z0-9_.-]*)\)")


class EnvironmentConfigError(Exception):
    """A variable's source is missing; the text says which."""


def base_environment(sandbox: Path, temporary: Path) -> dict[str, str]:
    """Return what every serving process gets.

    Args:
        sandbox: The pod's folder.
        temporary: A folder with a short path: BentoML puts unix sockets there, whose paths end at 107 bytes.
    """
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": str(sandbox / "home"),
        "TMPDIR": str(temporary),
        "PYTHONUNBUFFERED": "1",
        "BENTOML_DO_NOT_TRACK": "True",
    }


def aws_environment(home: Path) -> dict[str, str]:
    """Return what EKS Pod Identity would give a pod: here, the way to this clone's AWS API and dummy keys.

    Nothing is given while the platform does not say where that API is; real credentials never are.

    Args:
        home: The ``local`` folder of the home.
    """
    platform = Platform.load(home / "platform.json")
    if platform is None or not platform.endpoints.get("aws_proxy"):
        return {}
    try:
        found = local_env({}, platform)
    except PlatformError:
        return {}
    return {name: value for name, value in found.items() if name != "KUBECONFIG"}


def forced_environment(sandbox: Path) -> dict[str, str]:
    """Return what holds even against the pod's specification, since the runner itself rests on it."""
    return {
        SANDBOX_VARIABLE: str(sandbox),
        # Each server wipes the metrics of its home when it starts, so servers never share one.
        "BENTOML_HOME": str(sandbox / "bentoml"),
        # As in the image: a lost worker ends the server and the pod is restarted, no silent respawn.
        "BENTOML_CONTAINERIZED": "true",
        # A compiled file in the image folder would change its digest.
        "PYTHONDONTWRITEBYTECODE": "1",
        # On a machine in AWS, its own identity would be one request away.
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def container_environment(
    pod: Mapping[str, Any], lookup: Lookup, *, pod_ip: str, host_ip: str
) -> dict[str, str]:
    """Return the variables of the pod's container, references to earlier ones expanded.

    Raises:
        EnvironmentConfigError: A source that is not optional is missing, or of an unknown kind.
    """
    container = pod["spec"]["containers"][0]
    result = dict(_from_whole_objects(container, lookup))
    for entry in container.get("env") or []:
        name, source = entry["name"], entry.get("valueFrom")
        if source:
            value = _from_source(name, source, pod, lookup, pod_ip=pod_ip, host_ip=host_ip)
            if value is not None:
                result[name] = value
        else:
            result[name] = expand(entry.get("value") or "", result)
    return result


def referenced(pod: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Return what the pod's environment and volumes are made of: (``configmaps`` or ``secrets``, name)."""
    spec = pod["spec"]
    container = spec["containers"][0]
    found: set[tuple[str, str]] = set()
    for source in (
        *(container.get("envFrom") or []),
        *(e.get("valueFrom") or {} for e in container.get("env") or []),
    ):
        for field, resource in _SOURCES.items():
            if reference := source.get(field):
                found.add((resource, reference["name"]))
    for volume in spec.get("volumes") or []:
        if config := volume.get("configMap"):
            found.add(("configmaps", config["name"]))
        if secret := volume.get("secret"):
            found.add(("secrets", secret["secretName"]))
    return found


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace ``$(NAME)`` by the variable; an unknown one stays as written, ``$$`` is one ``$``."""

    def one(match: re.Match[str]) -> str:
        name = match["name"]
        return "$" if name is None else variables.get(name, match[0])

    return _REFERENCE.sub(one, text)


def _from_whole_objects(container: Mapping[str, Any], lookup: Lookup) -> Iterator[tuple[str, str]]:
    for source in container.get("envFrom") or []:
        for field, resource in (("configMapRef", "configmaps"), ("secretRef", "secrets")):
            if reference := source.get(field):
                data = lookup(resource, reference["name"])
                if data is None and not reference.get("optional"):
                    raise EnvironmentConfigError(f"{resource} {reference['name']!r} not found")
                for key, value in (data or {}).items():
                    yield f"{source.get('prefix', '')}{key}", value


def _from_source(
    name: str, source: Mapping[str, Any], pod: Mapping[str, Any], lookup: Lookup, *, pod_ip: str, host_ip: str
) -> str | None:
    if field := source.get("fieldRef"):
        return _pod_field(name, field["fieldPath"], pod, pod_ip=pod_ip, host_ip=host_ip)
    for kind, resource in (("configMapKeyRef", "configmaps"), ("secretKeyRef", "secrets")):
        if reference := source.get(kind):
            data = lookup(resource, reference["name"]) or {}
            if reference["key"] in data:
                return str(data[reference["key"]])
            if reference.get("optional"):
                return None
            raise EnvironmentConfigError(
                f"variable {name}: {resource} {reference['name']!r} has no key {reference['key']!r}"
            )
    raise EnvironmentConfigError(f"variable {name}: source {', '.join(sorted(source))} is not provided here")


def _pod_field(name: str, path: str, pod: Mapping[str, Any], *, pod_ip: str, host_ip: str) -> str:
    meta, spec = pod["metadata"], pod["spec"]
    fields = {
        "metadata.name": meta["name"],
        "metadata.namespace": meta["namespace"],
        "metadata.uid": meta["uid"],
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", ""),
        "status.podIP": pod_ip,
        "status.podIPs": pod_ip,
        "status.hostIP": host_ip,
        "status.hostIPs": host_ip,
    }
    if path in fields:
        return str(fields[path])
    for part in ("labels", "annotations"):
        prefix = f"metadata.{part}['"
        if path.startswith(prefix) and path.endswith("']"):
            return str((meta.get(part) or {}).get(path[len(prefix) : -2], ""))
    raise EnvironmentConfigError(f"variable {name}: field {path} is not provided here")
