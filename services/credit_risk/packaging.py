"""Pack credit-risk as a bento: ``python -m services.credit_risk.packaging --out DIR``."""

import sys
from pathlib import Path
from typing import Any

from services.credit_risk.data import DATA_DIGEST
from services.credit_risk.features import FEATURES_DIGEST
from services.credit_risk.lineage import NAME, inputs
from services.lifecycle.packing import Packable, main


def _train(folder: Path) -> dict[str, Any]:
    # Only now: the libraries that train take seconds to import, and most builds need none.
    from services.credit_risk.training import train  # noqa: PLC0415

    return train(folder)


SERVICE = Packable(
    name=NAME,
    entry="services.credit_risk.service:CreditRisk",
    features_digest=FEATURES_DIGEST,
    inputs=lambda: inputs(DATA_DIGEST),
    train=_train,
)

if __name__ == "__main__":
    sys.exit(main(SERVICE))
