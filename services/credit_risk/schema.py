"""Requests and answers of the service, and with them the one definition of its features.

Training reads the data set through :class:`CreditApplication` too, so a model can never have been
trained on a field, a unit or a category that a client cannot send. The order of the fields is the
order of the model's inputs. Amounts are in Deutsche Mark, as in the data (Germany, 1973 to 1975).

Sex, marital status, age and foreign-worker status are not here: they are protected, and kept aside
by ``data.py`` for measuring fairness only.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.readiness.answers import AnswerBase

CheckingAccount = Literal["overdrawn", "below_200_dm", "at_least_200_dm", "no_account"]
CreditHistory = Literal["no_credits", "all_paid_here", "paid_duly_so_far", "past_delays", "critical"]
Purpose = Literal[
    "car_new",
    "car_used",
    "furniture",
    "radio_television",
    "domestic_appliances",
    "repairs",
    "education",
    "retraining",
    "business",
    "other",
]
Savings = Literal["below_100_dm", "below_500_dm", "below_1000_dm", "at_least_1000_dm", "unknown_or_none"]
Employment = Literal["unemployed", "below_1_year", "below_4_years", "below_7_years", "at_least_7_years"]
OtherDebtors = Literal["none", "co_applicant", "guarantor"]
Property = Literal["real_estate", "savings_agreement_or_life_insurance", "car_or_other", "unknown_or_none"]
InstallmentPlans = Literal["none", "bank", "stores"]
Housing = Literal["own", "rent", "free"]
Job = Literal["unskilled_non_resident", "unskilled_resident", "skilled", "management_or_highly_qualified"]
Telephone = Literal["none", "registered"]

# Codes of the data set: 1 is the lowest level, 4 the highest.
Level = Annotated[int, Field(ge=1, le=4)]


class CreditApplication(BaseModel):
    """One application for a loan. Every field is required; unknown fields are refused."""

    # strict: "24" is not 24; a client that sends text for a number has a mistake to find.
    # hide_input_in_errors: an error that is logged somewhere must not carry what was sent.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)

    checking_account: CheckingAccount = Field(description="Balance of the checking account at this bank.")
    duration_months: int = Field(
        ge=1, le=120, description="Duration of the loan, months. The data holds 4 to 72."
    )
    credit_history: CreditHistory = Field(description="How earlier credits were paid back.")
    purpose: Purpose = Field(description="What the loan is for.")
    credit_amount_dm: int = Field(
        ge=100, le=100_000, description="Amount of the loan, Deutsche Mark. The data holds 250 to 18,424."
    )
    savings: Savings = Field(description="Balance of savings accounts and bonds.")
    employment: Employment = Field(description="Time in the present employment.")
    installment_rate: Level = Field(
        description="Instalment as share of disposable income, as coded: 1 is 35 % or more, 4 below 20 %."
    )
    other_debtors: OtherDebtors = Field(description="Further debtors or guarantors of this loan.")
    residence_since: Level = Field(
        description="Time at the present address, as coded: 1 is below one year, 4 seven or more."
    )
    property: Property = Field(description="The most valuable property.")
    other_installment_plans: InstallmentPlans = Field(description="Instalment plans with others.")
    housing: Housing = Field(description="How the applicant lives.")
    existing_credits: Level = Field(
        description="Credits at this bank, this one included, as coded: 1 is one, 4 is six or more."
    )
    job: Job = Field(description="Kind of job.")
    liable_people: int = Field(ge=1, le=2, description="People to maintain, as coded (1 or 2).")
    telephone: Telephone = Field(description="Whether a telephone is registered under the name.")


Outcome = Literal["approve", "refer_to_human", "decline"]
Reason = Literal["low_risk", "between_thresholds", "high_risk", "outside_training_range"]


class Decision(AnswerBase):
    """The answer to one application."""

    decision: Outcome = Field(description="What follows from the probability and the costs of a mistake.")
    probability_of_default: float | None = Field(
        ge=0, le=1, description="Probability that the loan goes bad; null where a person decides without one."
    )
