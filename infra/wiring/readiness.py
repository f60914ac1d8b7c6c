"""What a service shows of its readiness contract in the cluster, for people and for controls."""

import json
from collections.abc import Sequence

from infra.local.paths import repo_root
from infra.naming import ANNOTATIONS
from services.readiness import contract_file, dsse, signers
from services.readiness.contract import CONTRACT_FILE, Contract


def contract(service: str) -> Contract | None:
    """Return the contract of a service; None without one, which controls refuse.

    Args:
        service: Name of the service.
    """
    folder = repo_root() / "services" / service.replace("-", "_")
    return contract_file.load(folder) if (folder / CONTRACT_FILE).is_file() else None


def card(service: str) -> dict[str, str]:
    """Return the annotations of a service, from its contract; none without one, which controls refuse.

    Args:
        service: Name of the service.
    """
    place = f"services/{service.replace('-', '_')}"
    promised = contract(service)
    if promised is None:
        return {}
    shown = {
        "contract": f"{place}/{CONTRACT_FILE}",
        "contract-expires": promised.expires.isoformat(),
        "data-sets": ",".join(data.name for data in promised.data_sets),
        "drift-figures": ",".join(limit.figure for limit in promised.drift),
        "fallback": ",".join(dict.fromkeys(rung.step for rung in promised.fallback)),
        "human-review": (
            f"unsure cases, and a share of {promised.review.sample_share} of the sure ones; "
            f"escalated after {promised.review.escalate_after_hours} hours"
        ),
        "model": promised.service,
        "owner": promised.owners.ml.contact,
        "purpose": promised.purpose,
        "risk-class": promised.risk_class,
        "technical-file": f"{place}/README.md",
    }
    return {f"{ANNOTATIONS}{key}": text for key, text in shown.items()}


def feature_keys(own: Sequence[str]) -> str:
    """Return whose signatures on features count, as JSON: the builders' on the list, and these.

    Args:
        own: Further public keys: a clone's own, on emulated stacks.
    """
    known = [dsse.public_text(key) for key in signers.load(repo_root() / "services").builders()]
    return json.dumps([*known, *own])
