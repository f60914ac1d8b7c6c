"""What a service shows of its readiness contract in the cluster, for people and for controls."""

import json
from collections.abc import Sequence

from infra.local.paths import repo_root
from infra.naming import ANNOTATIONS
from services.readiness import contract_file, dsse, signers
from services.readiness.contract import CONTRACT_FILE


def card(service: str) -> dict[str, str]:
    """Return the annotations of a service, from its contract; none without one, which controls refuse.

    Args:
        service: Name of the service.
    """
    place = f"services/{service.replace('-', '_')}"
    folder = repo_root() / place
    if not (folder / CONTRACT_FILE).is_file():
        return {}
    contract = contract_file.load(folder)
    shown = {
        "contract": f"{place}/{CONTRACT_FILE}",
        "contract-expires": contract.expires.isoformat(),
        "data-sets": ",".join(data.name for data in contract.data_sets),
        "drift-figures": ",".join(limit.figure for limit in contract.drift),
        "fallback": ",".join(dict.fromkeys(rung.step for rung in contract.fallback)),
        "human-review": (
            f"unsure cases, and a share of {contract.review.sample_share} of the sure ones; "
            f"escalated after {contract.review.escalate_after_hours} hours"
        ),
        "model": contract.service,
        "owner": contract.owners.ml.contact,
        "purpose": contract.purpose,
        "risk-class": contract.risk_class,
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
