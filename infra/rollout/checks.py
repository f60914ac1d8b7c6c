"""What a candidate must hold while users get its answers: the contract's limits as PromQL. Pure.

Windows are seconds long here, so a share is judged by where it lies at least: three standard errors below
what was counted. A candidate with few requests is not undone by chance, a broken one is seen at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.readiness.contract import Contract
from services.readiness.metrics import CONFIDENCE_BUCKETS, SECONDS_BUCKETS

BURN = 14.4
"""How many times faster than allowed a budget may burn for seconds: the fastest pair of the SRE workbook's
multi-window alerts, which asks a person to come at once."""
ERRORS = 3
"""Standard errors that a counted share is taken lower."""
CANDIDATE = "{{ target }}-[0-9a-z]+-[0-9a-z]+"
"""Pods of the target's own Deployment; those of the stable copy have one part more in their names."""
_OWN = f'service="{{{{ target }}}}",instance=~"{CANDIDATE}"'


@dataclass(frozen=True, kw_only=True)
class Check:
    """One limit of one service.

    Args:
        name: Of the metric template; the same for all services.
        at_most: Largest value that is allowed.
        variables: What of the query is the service's own.
    """

    name: str
    at_most: float
    variables: Mapping[str, str] = field(default_factory=dict)


def _count(metric: str, more: str = "") -> str:
    return f"sum(increase({metric}{{{_OWN}{more}}}[{{{{ interval }}}}]))"


def _share(part: str, whole: str) -> str:
    """Return the PromQL of a share, as low as it can well be; nothing where nothing was counted."""
    share = f"(({part} or vector(0)) / ({whole} > 0))"
    return f"clamp_min({share} - {ERRORS} * sqrt({share} * (1 - {share}) / {whole}), 0)"


_REQUESTS = _count("plinth_requests_total")
_ANSWERS = _count("plinth_answers_total")
_SURE = _count("plinth_prediction_confidence_count")
_FAILED = _count("plinth_requests_total", ',status=~"5.."')
_TIMED = _count("plinth_request_seconds_count")
_QUICK = _count("plinth_request_seconds_bucket", ',le="{{ variables.border }}"')
_SHADOW = 'plinth_shadow_{}{{service="{{{{ target }}}}"}}'

QUERIES: Mapping[str, str] = {
    "failed-requests": f"({_FAILED} or vector(0)) / ({_REQUESTS} > 0)",
    "slow-requests": _share(f"({_TIMED} - {_QUICK})", _TIMED),
    "fallback-answers": _share(_count("plinth_answers_total", ',rung!="model"'), _ANSWERS),
    "unsure-answers": _share(
        _count("plinth_prediction_confidence_bucket", ',le="{{ variables.border }}"'), _SURE
    ),
    "unfamiliar-inputs": _share(
        _count("plinth_guard_verdicts_total", ',verdict="out_of_distribution"'),
        _count("plinth_guard_verdicts_total"),
    ),
    "drift": f"max(plinth_drift_value{{{_OWN}}} / plinth_drift_border{{{_OWN}}}) or vector(0)",
    "shadow-disagreement": f"max({_SHADOW.format('disagreement_share')}) or vector(0)",
    "shadow-distance": f"max({_SHADOW.format('score_distance')}) or vector(0)",
}
"""Name of each metric template to its query, as Flagger fills it in."""

FALLBACK_LIMIT = 0.2
"""Share of answers by another rung than the model, where the contract has no rule on it."""


def checks(contract: Contract) -> list[Check]:
    """Return what a service's candidate must hold."""
    objectives = contract.objectives
    fallback = [rule.at_most for rule in contract.failing if rule.figure == "fallback_share"]
    return [
        Check(name="failed-requests", at_most=_burning(objectives.availability_percent)),
        Check(
            name="slow-requests",
            at_most=_burning(objectives.latency_percentile),
            variables={"border": _border(objectives.latency_ms / 1000, SECONDS_BUCKETS)},
        ),
        Check(name="fallback-answers", at_most=next((x for x in fallback if x is not None), FALLBACK_LIMIT)),
        Check(
            name="unsure-answers",
            at_most=contract.confidence.low_share_at_most,
            variables={"border": _border(contract.confidence.low_below, CONFIDENCE_BUCKETS)},
        ),
        Check(name="unfamiliar-inputs", at_most=contract.out_of_distribution.flagged_share_at_most),
        Check(name="drift", at_most=1.0),
        Check(name="shadow-disagreement", at_most=contract.shadow.disagreement_share_at_most),
        Check(name="shadow-distance", at_most=contract.shadow.score_distance_at_most),
    ]


def _burning(percent: float) -> float:
    """Return the share of bad requests that is too many even for seconds."""
    return round(min(1.0, BURN * (100 - percent) / 100), 6)


def _border(value: float, borders: tuple[float, ...]) -> str:
    """Return the smallest border of a histogram that is not below a value."""
    return str(next((one for one in borders if one >= value), borders[-1]))
