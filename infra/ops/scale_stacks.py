"""Stacks with more of something than anybody wrote down: what the growth of previews is measured on."""

import copy
from pathlib import Path
from typing import Any

import yaml

from infra.ops import graph
from services.readiness.contract import CONTRACT_FILE


def service_names(count: int) -> list[str]:
    """Return the names of the invented services. Pure."""
    return [f"service-{number:02}" for number in range(1, count + 1)]


def invent_services(root: Path, *, like: str, count: int) -> None:
    """Write what a draft needs so that invented services are judged as the real one that they are copies of.

    Args:
        root: The draft.
        like: The service that they are copies of.
        count: How many there are.
    """
    folders = root / "services"
    contract = (folders / like.replace("-", "_") / CONTRACT_FILE).read_text(encoding="utf-8")
    for name in service_names(count):
        folder = folders / name.replace("-", "_")
        folder.mkdir()
        text = contract.replace(f"service: {like}\n", f"service: {name}\n")
        (folder / CONTRACT_FILE).write_text(text, encoding="utf-8")
    file = root / "policies" / "exemptions.yaml"
    rows = yaml.safe_load(file.read_text(encoding="utf-8"))
    for row in rows["exemptions"]:
        if like in row["names"]:
            row["names"] += service_names(count)
    file.write_text(yaml.safe_dump(rows), encoding="utf-8")


def document(base: dict[str, Any], *, services: int, pools: int) -> dict[str, Any]:
    """Return the local stack's file with more services and pools, all built alike. Pure."""
    made = copy.deepcopy(base)
    config = made["config"]
    (service,) = list(config["plinth:services"].values())[:1]
    (pool,) = list(config["plinth:gpu"]["pools"].values())[:1]
    names = service_names(services)
    config["plinth:services"] = dict.fromkeys(names, service)
    config["plinth:gpu"]["pools"] = {
        f"pool-{number:02}": {**pool, "max_nodes": 1} for number in range(1, pools + 1)
    }
    config["plinth:gpu"]["quota"] = 4
    config["plinth:cost"] = {**config.get("plinth:cost", {}), "monthly_budget_usd": 10_000_000}
    image = f"123456789012.dkr.ecr.eu-central-1.amazonaws.com/plinth-local/{{}}@{graph.DIGEST}"
    config["plinth:releases"] = {
        name: {"image": image.format(name), "model_digest": graph.DIGEST} for name in names
    }
    return made
