"""A pod's volumes as folders, and its mount paths translated to them where the pod spells them out.

Without a container nothing can be mounted at ``/models``. A variable or an option whose value is a
mount path, or lies under one, is rewritten to the folder instead, so that a service which is told its
places by its environment finds them. A path written in the service's code is not found: see UNPROVEN.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.local.runner.environment import EnvironmentConfigError, Lookup


def make_volumes(pod: Mapping[str, Any], lookup: Lookup, folder: Path) -> None:
    """Create one folder for each volume under ``folder`` and fill those made of config maps or secrets.

    Raises:
        EnvironmentConfigError: A config map, secret or key that is not optional is missing.
    """
    for volume in pod["spec"].get("volumes") or []:
        target = folder / volume["name"]
        target.mkdir(parents=True, exist_ok=True)
        if config := volume.get("configMap"):
            _fill(target, "configmaps", config["name"], config, lookup)
        elif secret := volume.get("secret"):
            _fill(target, "secrets", secret["secretName"], secret, lookup)


def _fill(target: Path, resource: str, name: str, source: Mapping[str, Any], lookup: Lookup) -> None:
    data = lookup(resource, name)
    if data is None:
        if source.get("optional"):
            return
        raise EnvironmentConfigError(f"volume {target.name}: {resource} {name!r} not found")
    items = source.get("items") or [{"key": key, "path": key} for key in data]
    for item in items:
        if item["key"] not in data:
            if source.get("optional"):
                continue
            raise EnvironmentConfigError(
                f"volume {target.name}: {resource} {name!r} has no key {item['key']!r}"
            )
        file = target / item["path"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(str(data[item["key"]]))


def translate(text: str, pod: Mapping[str, Any], folder: Path) -> str:
    """Return ``text`` with a leading mount path of the pod's container replaced by the volume's folder."""
    mounts = pod["spec"]["containers"][0].get("volumeMounts") or []
    for mount in sorted(mounts, key=lambda item: len(item["mountPath"]), reverse=True):
        path = mount["mountPath"].rstrip("/")
        if text == path or text.startswith(f"{path}/"):
            place = folder / mount["name"] / mount.get("subPath", "")
            return f"{place}{text[len(path) :]}"
    return text
