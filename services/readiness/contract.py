"""The readiness contract: what a service promises, what it may never do, and who answers for it.

``services/<service>/contract.yaml`` is parsed once into a frozen tree (``contract_file.py``). The
numbers in it are the only place where a service's limits stand: training gates, the guards at
inference, alerts and rollouts read them from here. Who signed it for which model is no part of this
file; see ``attestation.py``.
"""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.readiness import passable

CONTRACT_FILE = "contract.yaml"

Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.-]{0,62}$")]
Sentence = Annotated[str, Field(min_length=10, max_length=600)]
Share = Annotated[float, Field(ge=0, le=1)]
Step = Literal["simple_model", "cached_answer", "refer_to_human", "unavailable"]
Trouble = Literal[
    "out_of_distribution",
    "low_confidence",
    "model_unavailable",
    "model_slow",
    "model_wrong_shape",
    "features_unavailable",
    "decision_log_unavailable",
    "review_queue_full",
    "overloaded",
    "stopped",
]
TROUBLES: tuple[Trouble, ...] = Trouble.__args__  # type: ignore[attr-defined]  # typing leaves it open
"""Everything that is known to go wrong while answering; a contract says what happens for each. ``stopped``
is no fault: people have taken the model out of service (``stopping.py``)."""


class Part(BaseModel):
    """A part of the contract: cannot be changed, refuses unknown keys, converts nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Owner(Part):
    """Who answers, and how to reach them."""

    team: Annotated[str, Field(min_length=2, max_length=60, description="Team that answers.")]
    contact: Annotated[str, Field(min_length=3, max_length=120, description="Mail address or channel.")]


class Owners(Part):
    """Both owners: neither can release alone."""

    ml: Annotated[Owner, Field(description="Answers for what the model says.")]
    operations: Annotated[Owner, Field(description="Answers for keeping it running.")]


class Limit(Part):
    """A border that a measured figure must not cross."""

    figure: Annotated[Word, Field(description="Name of the figure, such as `holdout.auc`.")]
    at_least: Annotated[float | None, Field(description="Smallest value that is allowed.")] = None
    at_most: Annotated[float | None, Field(description="Largest value that is allowed.")] = None
    unit: Annotated[str, Field(min_length=1, max_length=40, description="Unit, or `ratio`, `share`.")]
    reason: Annotated[Sentence, Field(description="Why the border lies there; the source of the number.")]

    @model_validator(mode="after")
    def _can_pass(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("names no border: set at_least, at_most or both")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("can never pass: at_least is more than at_most")
        return self

    def breach(self, value: float) -> str | None:
        """Return how a value breaks the limit, or None. NaN breaks every limit."""
        if self.at_least is not None and not value >= self.at_least:
            return f"{self.figure} is {value:g} {self.unit}, at least {self.at_least:g} is allowed"
        if self.at_most is not None and not value <= self.at_most:
            return f"{self.figure} is {value:g} {self.unit}, at most {self.at_most:g} is allowed"
        return None


class FailingRule(Limit):
    """One measurable meaning of "failing": over the border for so long, and the service fails."""

    name: Annotated[Word, Field(description="Name of the rule, as alert and runbook know it.")]
    window_minutes: Annotated[int, Field(ge=1, le=1440, description="Minutes over which it is measured.")]


class Objectives(Part):
    """Service level objectives."""

    availability_percent: Annotated[
        float, Field(ge=90, lt=100, description="Share of requests that get a designed answer.")
    ]
    latency_ms: Annotated[int, Field(ge=1, le=60_000, description="Longest answer, at the percentile.")]
    latency_percentile: Annotated[float, Field(ge=50, lt=100, description="Percentile of the latency.")] = 99
    window_days: Annotated[int, Field(ge=1, le=90, description="Days over which both are measured.")] = 28


class Confidence(Part):
    """When the model is not sure enough."""

    low_below: Annotated[Share, Field(description="Confidence below which an answer counts as unsure.")]
    low_share_at_most: Annotated[
        Share, Field(description="Share of unsure answers in an hour above which people are told.")
    ]
    coverage: Annotated[
        float, Field(gt=0.5, lt=1, description="Share of truths that conformal sets must hold.")
    ]
    coverage_gap_at_most: Annotated[Share, Field(description="Largest distance from that, measured.")] = 0.02


class OutOfDistribution(Part):
    """When an input is unlike everything that the model learned from."""

    false_positive_rate: Annotated[
        float, Field(gt=0, le=0.2, description="Share of ordinary inputs that the guard may flag.")
    ]
    flagged_share_at_most: Annotated[
        Share, Field(description="Share of flagged inputs in an hour above which people are told.")
    ]


class Rung(Part):
    """One step of the fallback ladder."""

    when: Annotated[list[Trouble], Field(min_length=1, description="What has gone wrong.")]
    step: Annotated[Step, Field(description="What is answered instead.")]
    reason: Annotated[Sentence, Field(description="Why this answer is the safe one.")]


class Review(Part):
    """How people look at what the machine does not decide."""

    sample_share: Annotated[Share, Field(description="Share of sure answers that is reviewed all the same.")]
    claim_minutes: Annotated[int, Field(ge=1, description="Minutes until a claimed case is free again.")]
    escalate_after_hours: Annotated[int, Field(ge=1, le=720, description="Age at which a case escalates.")]
    queue_at_most: Annotated[int, Field(ge=1, description="Waiting cases above which the queue is full.")]


class Shadow(Part):
    """What a new version must show on copies of live requests before a user gets its answers."""

    smallest_comparison: Annotated[
        int, Field(ge=20, le=100_000, description="Compared answers before which nothing is allowed.")
    ] = 100
    disagreement_share_at_most: Annotated[
        Share, Field(description="Share of answers whose outcome may differ from the version in service.")
    ] = 0.05
    score_distance_at_most: Annotated[
        Share, Field(description="Mean distance of the probabilities that stand for the answers.")
    ] = 0.05


class DriftLimit(Limit):
    """How far live data may move from the training data."""

    kind: Annotated[
        Literal["inputs", "correlation", "outputs", "outcomes", "concept"],
        Field(description="What has moved; the last two are told from reviewers' labels."),
    ]
    window_requests: Annotated[int, Field(ge=50, description="Requests that are compared at a time.")]


class FairnessLimit(Limit):
    """How far groups may fare apart."""

    attribute: Annotated[Word, Field(description="Protected attribute, kept for measuring only.")]
    smallest_group: Annotated[int, Field(ge=1, description="Rows below which a group is not judged.")]


class DataLimits(Part):
    """What a batch of data may look like; over a limit, training does not begin."""

    quarantined_share_at_most: Annotated[Share, Field(description="Rows that break the schema.")]
    missing_share_at_most: Annotated[Share, Field(description="Missing values in any one column.")]
    anomalous_share_at_most: Annotated[Share, Field(description="Rows far from all that was seen before.")]
    duplicate_share_at_most: Annotated[Share, Field(description="Rows that are copies of others.")]
    group_share_change_at_most: Annotated[
        Share, Field(description="Change of a protected group's share against the reference batch.")
    ]
    label_rate_gap_at_most: Annotated[
        Share, Field(description="Distance between groups in the share of positive labels.")
    ]
    smallest_batch: Annotated[int, Field(ge=1, description="Rows below which a batch says nothing.")]


class DataSet(Part):
    """Who owns a data set and how long it is kept."""

    name: Word
    owner: Annotated[str, Field(min_length=2, max_length=60, description="Team that answers for the data.")]
    data_class: Annotated[
        Literal["public", "internal", "personal", "sensitive"], Field(description="How it is to be treated.")
    ]
    retention_days: Annotated[int, Field(ge=1, le=3650, description="Days after which it is removed.")]
    licence: Annotated[str, Field(min_length=2, max_length=120, description="Under which it may be used.")]
    protected: Annotated[
        list[Word], Field(description="Columns that no model sees; they are kept to measure fairness.")
    ] = []


class Validation(Part):
    """What a model must show before it may become a candidate."""

    limits: Annotated[list[Limit], Field(min_length=1, description="Borders of measured figures.")]
    compare: Annotated[
        list[Word], Field(description="Figures, higher is better, in which it must hold its own.")
    ]
    worse_by_at_most: Annotated[
        Share, Field(description="How far below the model in production each of these may lie.")
    ]


class Retraining(Part):
    """When the service is trained anew without anybody asking, and what that may use."""

    drift: Annotated[
        list[Literal["inputs", "correlation", "outputs", "outcomes", "concept"]],
        Field(description="Kinds of drift that ask for it."),
    ]
    settled_cases: Annotated[int, Field(ge=1, description="Newly settled cases that ask for it.")]
    runs_a_day: Annotated[int, Field(ge=1, le=24, description="Most runs in 24 hours.")]
    cpu_seconds_at_most: Annotated[int, Field(ge=1, description="CPU seconds at which a run is ended.")]
    approved_before: Annotated[
        Literal["canary", "production", "nothing"], Field(description="First stage that a person approves.")
    ]


class Rollback(Part):
    """How a bad release is undone."""

    target: Annotated[Literal["previous"], Field(description="Model that is put back.")]
    within_seconds: Annotated[int, Field(ge=1, le=3600, description="From the first bad answer to the last.")]


class Cost(Part):
    """What the service may cost."""

    usd_per_month: Annotated[int, Field(ge=1, description="US dollars for a month, all in.")]
    usd_per_thousand_answers: Annotated[float, Field(gt=0, description="US dollars for 1,000 answers.")]


class EvidenceRule(Part):
    """A proof that must lie beside the signatures."""

    name: Annotated[Word, Field(description="Such as `validation`, `policies` or `drill-rollback`.")]
    at_most_days: Annotated[int, Field(ge=1, le=400, description="Age at which it proves nothing more.")]


class Contract(Part):
    """The whole contract of one service."""

    version: Annotated[Literal[1], Field(description="Version of this form.")]
    service: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}[a-z0-9]$")]
    purpose: Annotated[Sentence, Field(description="What it decides, for whom, and what it is not for.")]
    owners: Owners
    risk_class: Annotated[
        Literal["minimal", "limited", "high"], Field(description="Class after the EU AI Act.")
    ]
    failing: Annotated[list[FailingRule], Field(min_length=1, description="What counts as failing.")]
    objectives: Objectives
    confidence: Confidence
    out_of_distribution: OutOfDistribution
    fallback: Annotated[list[Rung], Field(min_length=1, description="What is answered when things go wrong.")]
    review: Review
    shadow: Shadow = Shadow()
    drift: Annotated[list[DriftLimit], Field(min_length=1)]
    fairness: list[FairnessLimit]
    no_fairness_because: Annotated[str, Field(description="Why there are no fairness limits.")] = ""
    data: DataLimits
    data_sets: Annotated[list[DataSet], Field(min_length=1)]
    validation: Validation
    retraining: Annotated[Retraining | None, Field(description="None: people start each training.")] = None
    rollback: Rollback
    runbooks: Annotated[dict[Word, str], Field(description="Failing rule -> file that has it as a heading.")]
    cost: Cost
    evidence: Annotated[list[EvidenceRule], Field(min_length=1)]
    expires: Annotated[date, Field(description="First day on which it holds no more.")]

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        mistakes = []
        covered = [trouble for rung in self.fallback for trouble in rung.when]
        mistakes += [f"fallback: nothing is designed for {t}" for t in TROUBLES if t not in covered]
        mistakes += [
            f"fallback: {t} has two answers" for t in sorted({t for t in covered if covered.count(t) > 1})
        ]
        rules = [rule.name for rule in self.failing]
        mistakes += [
            f"failing: {name} is named twice" for name in sorted({r for r in rules if rules.count(r) > 1})
        ]
        mistakes += [f"runbooks: {name} has none" for name in rules if name not in self.runbooks]
        mistakes += [f"runbooks: {name} is no failing rule" for name in self.runbooks if name not in rules]
        if self.risk_class == "high" and not self.fairness:
            mistakes.append("fairness: a service of high risk needs limits")
        if bool(self.fairness) == bool(self.no_fairness_because):
            mistakes.append("fairness: give either limits or, in no_fairness_because, why there are none")
        if self.risk_class == "high" and self.retraining and self.retraining.approved_before == "nothing":
            mistakes.append("retraining: a person approves what a service of high risk rolls out")
        mistakes += passable.hopeless(self)
        if mistakes:
            raise ValueError("; ".join(mistakes))
        return self

    def answer_to(self, trouble: Trouble) -> Step:
        """Return the designed answer for a trouble."""
        return next(rung.step for rung in self.fallback if trouble in rung.when)

    def measured_limits(self) -> list[Limit]:
        """Return the limits that evidence has to show before a release."""
        return [*self.validation.limits, *self.fairness]


def _twice(names: Sequence[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})
