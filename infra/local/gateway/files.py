"""Envoy's dynamic files: the same configuration gives the same bytes, and no reader meets half of one."""

import asyncio
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROUTES, CLUSTERS, ENDPOINTS = "rds.json", "cds.json", "eds"

_SETTLE_SECONDS = 0.3
"""Between clusters and routes. Envoy takes each file in as it appears; a new cluster must be there before a
route names it, and an old one may go only after the last route has left it. It takes some milliseconds."""


def render(routes: Mapping[str, Any], clusters: list[Any], endpoints: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the files by their path under the xDS folder."""
    files = {ROUTES: _resources([routes]), CLUSTERS: _resources(clusters)}
    for name, assignment in endpoints.items():
        files[f"{ENDPOINTS}/{name}.json"] = _resources([assignment])
    return files


def empty_config() -> dict[str, bytes]:
    """Return the files of a gateway without routes: each request is answered 404."""
    routes = {
        "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        "name": "plinth",
        "virtual_hosts": [],
    }
    return render(routes, [], {})


def write_atomically(path: Path, content: bytes) -> bool:
    """Replace a file by renaming, which is also what Envoy watches for; return whether it changed."""
    try:
        if path.read_bytes() == content:
            return False
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as draft:
        draft.write(content)
    Path(draft.name).replace(path)
    return True


async def publish(folder: Path, files: Mapping[str, bytes]) -> list[str]:
    """Bring the folder to ``files`` in an order in which no request is lost; return what changed, in order.

    Endpoints first, then clusters old and new, then routes, and last the removal of clusters that no route
    names any more.
    """
    changed = [
        name
        for name in sorted(files)
        if name.startswith(f"{ENDPOINTS}/") and write_atomically(folder / name, files[name])
    ]
    before = _clusters((folder / CLUSTERS).read_bytes() if (folder / CLUSTERS).exists() else b"{}")
    after = _clusters(files[CLUSTERS])
    both = _resources([{**before, **after}[name] for name in sorted({**before, **after})])
    if write_atomically(folder / CLUSTERS, both):
        changed.append(CLUSTERS)
        await asyncio.sleep(_SETTLE_SECONDS)
    if write_atomically(folder / ROUTES, files[ROUTES]):
        changed.append(ROUTES)
    if before.keys() - after.keys():
        await asyncio.sleep(_SETTLE_SECONDS)
        write_atomically(folder / CLUSTERS, files[CLUSTERS])
        changed.append(CLUSTERS)
    for stale in sorted(set((folder / ENDPOINTS).glob("*.json")) - {folder / name for name in files}):
        stale.unlink()
        changed.append(f"{ENDPOINTS}/{stale.name}")
    return changed


def _clusters(content: bytes) -> dict[str, Any]:
    return {cluster["name"]: cluster for cluster in json.loads(content).get("resources", [])}


def _resources(resources: list[Any]) -> bytes:
    return json.dumps({"resources": resources}, indent=1, sort_keys=True).encode()
