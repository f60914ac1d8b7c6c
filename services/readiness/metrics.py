"""Metrics that every service has, with the same names, so that one dashboard fits all.

BentoML's own metrics (requests, durations, in progress) stand beside them. Labels are few and closed:
nothing that a client sends ever becomes one.
"""

from prometheus_client import Counter, Histogram

PROBABILITY_BUCKETS = tuple(round(step / 20, 2) for step in range(1, 21))
"""Steps of 0.05: fine enough to see the distribution drift, 20 series a model."""

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
REJECTED = Counter(
    "plinth_rejected_requests", "Requests refused before the model, by reason.", ["service", "reason"]
)


def model_label(digest: str) -> str:
    """Return the short form of a model's digest that stands in labels."""
    return digest.removeprefix("sha256:")[:MODEL_LABEL_DIGITS]
