"""From a probability to a decision: the cost of each mistake, in one place.

The unit of cost is the loss from declining an applicant who would have paid.
"""

from services.credit_risk.schema import Outcome, Reason

COST_OF_BAD_APPROVAL = 5.0
"""Units lost when an approved loan goes bad; from the data set's own cost matrix (5 to 1)."""

COST_OF_GOOD_DECLINE = 1.0
"""Units lost when a good applicant is declined; the unit itself."""

COST_OF_REVIEW = 0.7
"""Units that a person's review costs, with what it still gets wrong. This is OUR assumption, not the
data's: above 5/6 no review would ever pay, at 0.7 about a third of applications is referred. Set it
from the price and the error rate of real reviews."""


def thresholds() -> tuple[float, float]:
    """Return the probabilities up to which to approve and from which to decline.

    Approving costs ``5 p``, declining costs ``1 - p``, a review costs ``COST_OF_REVIEW``; each
    application gets the cheapest. So approve while ``5 p <= review`` and decline when
    ``1 - p <= review``.
    """
    approve_up_to = COST_OF_REVIEW / COST_OF_BAD_APPROVAL
    decline_from = 1.0 - COST_OF_REVIEW / COST_OF_GOOD_DECLINE
    # Where no review pays, both borders meet where approving and declining cost the same.
    even = COST_OF_GOOD_DECLINE / (COST_OF_BAD_APPROVAL + COST_OF_GOOD_DECLINE)
    return min(approve_up_to, even), max(decline_from, even)


APPROVE_UP_TO, DECLINE_FROM = thresholds()


def decide(probability: float, *, in_training_range: bool = True) -> tuple[Outcome, list[Reason]]:
    """Return the decision and its reasons.

    Args:
        probability: Probability of default, 0 to 1.
        in_training_range: Whether every number of the application lies within what the model has
            seen. Outside, the probability is a guess, so a person decides.
    """
    if not in_training_range:
        return "refer_to_human", ["outside_training_range"]
    if probability <= APPROVE_UP_TO:
        return "approve", ["low_risk"]
    if probability >= DECLINE_FROM:
        return "decline", ["high_risk"]
    return "refer_to_human", ["between_thresholds"]


def cost(outcome: Outcome, *, defaulted: bool) -> float:
    """Return what a decision cost once it is known whether the loan went bad, in units."""
    if outcome == "refer_to_human":
        return COST_OF_REVIEW
    if outcome == "approve":
        return COST_OF_BAD_APPROVAL if defaulted else 0.0
    return 0.0 if defaulted else COST_OF_GOOD_DECLINE
