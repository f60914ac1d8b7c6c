"""Metrics that every service has, with the same names, so that one dashboard fits all.

BentoML's own metrics (requests, durations, in progress) stand beside them. Labels are few and closed:
nothing that a client sends ever becomes one.
"""

from functools import cache
from typing import Any, Literal

from prometheus_client import Counter, Gauge, Histogram

PROBABILITY_BUCKETS = tuple(round(step / 20, 2) for step in range(1, 21))
"""Steps of 0.05: fine enough to see the distribution drift, 20 series a model."""

CONFIDENCE_BUCKETS = (0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
"""The likelier of two outcomes has at least 0.5; contracts set their limit at a step of this."""

SECONDS_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""From one answer on an idle core to the longest that anything here waits."""

MODEL_LABEL_DIGITS = 12
"""Hex digits of the model's digest in labels: 48 bits tell any two models of a service apart."""

PREDICTIONS = Counter(
    "plinth_predictions", "Answers given, by decision and model.", ["service", "decision", "model"]
)
PROBABILITY = Histogram(
    "plinth_prediction_probability",
    "Probability that the model gave, by model.",
    ["service", "model"],
    buckets=PROBABILITY_BUCKETS,
)
CONFIDENCE = Histogram(
    "plinth_prediction_confidence",
    "Probability of the likelier outcome, by model.",
    ["service", "model"],
    buckets=CONFIDENCE_BUCKETS,
)
RUNGS = Counter("plinth_answers", "Answers given, by the rung of the fallback ladder.", ["service", "rung"])
TROUBLES = Counter(
    "plinth_troubles", "What went wrong while answering, in the contract's words.", ["service", "trouble"]
)
GUARD = Counter("plinth_guard_verdicts", "What the guard said of an input.", ["service", "verdict"])
REVIEWS = Counter("plinth_reviews_asked", "Decisions for which a person was asked.", ["service", "reason"])
UNAVAILABLE = Counter(
    "plinth_unavailable_answers", "Requests answered 'unavailable', by why.", ["service", "trouble"]
)
UNDESIGNED = Counter(
    "plinth_undesigned_errors", "Requests that ended in an error that nobody designed.", ["service"]
)
LOG_SECONDS = Histogram(
    "plinth_decision_log_seconds",
    "Wait of an answer until its record was on disk.",
    ["service"],
    buckets=SECONDS_BUCKETS,
)
LOG_UNSHIPPED = Gauge(
    "plinth_decision_log_unshipped_seconds",
    "How long the oldest complete segment has waited for the store; a service stops deciding at its limit.",
    ["service"],
    multiprocess_mode="livemax",
)
STOPPED = Gauge(
    "plinth_stopped",
    "1 while people keep the model out of service.",
    ["service"],
    multiprocess_mode="livemax",
)
STOP_UNREAD = Gauge(
    "plinth_stop_unread_seconds",
    "How long ago the stop switch was read; at 300 the model is not asked any more.",
    ["service"],
    multiprocess_mode="livemax",
)
REJECTED = Counter(
    "plinth_rejected_requests", "Requests refused before the model, by reason.", ["service", "reason"]
)


REQUESTS = Counter("plinth_requests", "Requests answered, by status.", ["service", "status"])
REQUEST_SECONDS = Histogram(
    "plinth_request_seconds", "From a request's head to its answer.", ["service"], buckets=SECONDS_BUCKETS
)
SHADOW_REQUESTS = Counter(
    "plinth_shadow_requests", "Copies of requests answered in shadow, by status.", ["service", "status"]
)
IN_PROGRESS = Gauge(
    "plinth_requests_in_progress", "Requests in progress.", ["service"], multiprocess_mode="livesum"
)

_KIND = ["service", "model", "kind", "figure"]
_LATEST: Literal["livemostrecent"] = "livemostrecent"
DRIFT_VALUE = Gauge(
    "plinth_drift_value",
    "How far live requests have moved from the training data, in the figure's own unit.",
    _KIND,
    multiprocess_mode=_LATEST,
)
DRIFT_LIMIT = Gauge(
    "plinth_drift_limit", "What the contract allows of the figure.", _KIND, multiprocess_mode=_LATEST
)
DRIFT_BORDER = Gauge(
    "plinth_drift_border",
    "Where drift begins: the limit, or what chance may reach in this window, whichever is higher.",
    _KIND,
    multiprocess_mode=_LATEST,
)
DRIFT_ROWS = Gauge(
    "plinth_drift_window_rows",
    "Requests, or labelled cases, that the figure was measured on.",
    _KIND,
    multiprocess_mode=_LATEST,
)
DRIFT_FEATURE = Gauge(
    "plinth_drift_feature_stability_nats",
    "Population stability index of one input of the model.",
    ["service", "model", "feature"],
    multiprocess_mode=_LATEST,
)
DRIFT_WATCHING = Gauge(
    "plinth_drift_watching", "1 while drift is watched.", ["service", "model"], multiprocess_mode=_LATEST
)
DRIFT_FAILURES = Counter("plinth_drift_failures", "Times that watching for drift failed.", ["service"])
DRIFT_CPU = Counter("plinth_drift_cpu_seconds", "CPU time spent on watching for drift.", ["service"])
DRIFT_SKIPPED = Counter(
    "plinth_drift_skipped_rows", "Rows that were answered but not compared, for want of time.", ["service"]
)


@cache
def child(metric: Any, *labels: str) -> Any:
    """Return a metric's series for these labels; the labels are closed sets, so few are ever remembered."""
    return metric.labels(*labels)


def model_label(digest: str) -> str:
    """Return the short form of a model's digest that stands in labels."""
    return digest.removeprefix("sha256:")[:MODEL_LABEL_DIGITS]
