"""What every service's answer holds, as its clients see it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ConfidenceShown(BaseModel):
    """How sure the answer is. What is unknown, such as for another rung than the model, is null."""

    likelier: float | None = Field(ge=0, le=1, description="Probability of the likeliest class.")
    band: tuple[float, float] | None = Field(
        description="Venn-Abers band: here lies the calibrated probability of the second class of two."
    )
    classes: list[str] | None = Field(
        description="Conformal set: holds the true class at the contract's coverage."
    )
    credibility: float | None = Field(description="Low when no class fits this input.")


class GuardShown(BaseModel):
    """Whether the input is like those that the model learned from."""

    verdict: Literal["in_distribution", "unusual", "out_of_distribution", "not_judged"]
    p_value: float | None = Field(description="Share of ordinary inputs that are at least as odd.")
    outside: list[str] = Field(description="Fields beyond what training saw.")


class Effect(BaseModel):
    """What one part of the input did; positive is towards the second of two classes, else the likeliest."""

    feature: str
    effect: float = Field(description="Exact Shapley value, or points of the scorecard.")
    unit: Literal["log_odds", "points"]


class AnswerBase(BaseModel):
    """The part of an answer that all services share; a service adds its outcome."""

    # `model_` is a prefix that pydantic keeps for itself; here it is the field's own word.
    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    request_id: str = Field(
        description="Identifies this answer in the logs: the caller's X-Request-Id, or a new one."
    )
    decision_id: str = Field(description="Finds the record: ./plinth audit search ID.")
    reasons: list[str] = Field(description="Why this decision was taken.")
    confidence: ConfidenceShown = Field(description="How sure the answer is.")
    guard: GuardShown = Field(description="Whether the input is like those that were learned from.")
    rung: Literal["model", "scorecard", "cached_answer", "none"] = Field(
        description="Rung of the fallback ladder that gave the answer; with none, a person decides."
    )
    explanation: list[Effect] = Field(description="The parts of the input that moved the answer most.")
    review: bool = Field(description="Whether a person is asked to look at it.")
    model_digest: str | None = Field(description="SHA-256 of the model file in service.")
