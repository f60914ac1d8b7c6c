"""The features of a credit application, for the offline table and the online store.

The function is the one with which the service encodes a request, so there is nothing to keep equal.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from services.credit_risk.features import KNOWN, encode
from services.credit_risk.schema import CreditApplication
from services.lifecycle.features import FeatureSet


def _compute(record: Mapping[str, Any]) -> Sequence[float]:
    return encode(CreditApplication.model_validate(dict(record)))


FEATURE_SET = FeatureSet(
    name=KNOWN.name,
    version=KNOWN.version,
    columns=KNOWN.columns,
    compute=_compute,
    code=KNOWN.code,
)
