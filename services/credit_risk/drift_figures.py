"""What the drift watch of credit-risk is tried with: rows that were held out, and drifts that may come."""

import numpy as np
from sklearn.model_selection import train_test_split

from services.credit_risk.data import load
from services.credit_risk.features import FEATURES, encode
from services.credit_risk.lineage import SEED
from services.credit_risk.training import HOLDOUT_SHARE
from services.credit_risk.trust_figures import limits_of
from services.lifecycle.drift_trial import Source
from services.readiness import shifts


def source() -> Source:
    """Return the rows and the drifts."""
    data = load()
    rows = np.asarray([encode(application) for application in data.applications], dtype=np.float64)
    truth = np.asarray(data.defaulted, dtype=np.int64)
    _, held = train_test_split(
        np.arange(len(truth)), test_size=HOLDOUT_SHARE, stratify=truth, random_state=SEED
    )
    return Source(held_out=rows[held], everything=rows, truth=truth[held], shifts=_shifts())


def _shifts() -> dict[str, shifts.Shift]:
    names = [feature.name for feature in FEATURES]
    sizes = [len(feature.categories) for feature in FEATURES]
    amount, duration = names.index("credit_amount_dm"), names.index("duration_months")
    account = names.index("checking_account")
    return {
        "amounts_doubled": shifts.another_unit(amount, 2, *limits_of("credit_amount_dm")),
        "duration_in_years": shifts.another_unit(duration, 1 / 12, *limits_of("duration_months")),
        "other_customers": shifts.mostly(account, FEATURES[account].categories.index("overdrawn"), 0.8),
        "codes_off_by_one": shifts.codes_off_by_one(sizes),
        "categories_at_random": shifts.uniform_categories(sizes),
        "columns_from_different_rows": shifts.shuffled_columns,
    }
