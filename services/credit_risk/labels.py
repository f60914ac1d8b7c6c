"""From what reviewers found to data that training reads: the file of labels becomes a delivery.

The export of the review queue has one row for each settled case: the application's fields, the label
(``good`` or ``bad``) and where it comes from. Nobody may ask for protected attributes while deciding, so
a reviewed case has none; its groups count as unknown and are left out of fairness figures.
"""

import csv
import io

from services.credit_risk.data import AGE, COLUMNS, FOREIGN, SEX, TARGET, TARGET_VALUES
from services.readiness.errors import DataError

LABEL = "label"


def delivery(labels: bytes) -> bytes:
    """Return labels as a delivery of the data set's schema. Values are not judged here; ingestion does.

    Raises:
        DataError: The file is no CSV of labels.
    """
    fix = "export the settled cases of the review queue anew"
    try:
        rows = list(csv.DictReader(io.StringIO(labels.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"The labels are no CSV: {type(error).__name__}.", fix=fix) from None
    fields = {name for name, _ in COLUMNS.values()}
    missing = sorted((fields | {LABEL}) - set(rows[0] if rows else ()))
    if missing:
        raise DataError(f"The labels lack the column(s) {', '.join(missing)}.", fix=fix)
    text = io.StringIO()
    writer = csv.DictWriter(text, [*COLUMNS, AGE, FOREIGN, SEX, TARGET], lineterminator="\n")
    writer.writeheader()
    known = {
        raw: {value: said for said, value in (named or {}).items()} for raw, (_, named) in COLUMNS.items()
    }
    for row in rows:
        values = {raw: known[raw].get(row[name], row[name]) for raw, (name, _) in COLUMNS.items()}
        found = row[LABEL] if row[LABEL] in TARGET_VALUES else ""
        writer.writerow({**values, AGE: "", FOREIGN: "", SEX: "", TARGET: found})
    return text.getvalue().encode()
