"""The dashboard of services: whether one is well, whether its model is right, what is rolled out. Pure."""

from collections.abc import Sequence

from infra.monitoring.panels import Dashboard, Panel, Query
from infra.monitoring.promql import OWN, rate, share
from services.readiness.contract import Contract

_DRIFT = f"plinth_drift_value{OWN} / plinth_drift_border{OWN}"
_BUCKETS, _VERDICTS = "plinth_request_seconds_bucket", "plinth_guard_verdicts_total"
_STRANGE = '{service=~"$service",verdict!="in_distribution"}'


def service(contracts: Sequence[Contract]) -> Dashboard:
    """Return the dashboard of services; its lines are the strictest of their contracts.

    Args:
        contracts: Of every service.
    """
    objectives = [contract.objectives for contract in contracts]
    budget = min(round(1 - one.availability_percent / 100, 6) for one in objectives)
    latency = min(one.latency_ms for one in objectives) / 1000
    return Dashboard(
        uid="service",
        title="Service",
        tells="For whoever is on call: is the service well, is its model right, what is rolled out.",
        by_service=True,
        panels=(
            Panel(
                title="Requests",
                tells="Load by status. 5xx other than 503 is an error that nobody designed.",
                unit="reqps",
                queries=(
                    Query(
                        expr=rate("plinth_requests_total", "service, status"),
                        legend="{{service}} {{status}}",
                    ),
                ),
            ),
            Panel(
                title="Error budget: undesigned errors",
                tells="Share of requests that ended in an undesigned error; the line is the objective.",
                unit="percentunit",
                border=budget,
                queries=(
                    Query(
                        expr=share(
                            rate("plinth_undesigned_errors_total", "service"),
                            rate("plinth_requests_total", "service"),
                        ),
                        legend="{{service}}",
                    ),
                ),
            ),
            Panel(
                title="Latency",
                tells="Median and 99th percentile of answers; the line is what contracts allow at the 99th.",
                unit="s",
                border=latency,
                queries=tuple(
                    Query(
                        expr=f"histogram_quantile({q}, {rate(_BUCKETS, 'service, le')})",
                        legend=f"{{{{service}}}} {name}",
                    )
                    for q, name in ((0.5, "median"), (0.99, "99th"))
                ),
            ),
            Panel(
                title="Saturation: requests in progress",
                tells="Of one pod; at 1,500 it answers 'overloaded'.",
                unit="short",
                queries=(
                    Query(expr=f"max by (service) (plinth_requests_in_progress{OWN})", legend="{{service}}"),
                ),
            ),
            Panel(
                title="Who answers: rungs of the fallback ladder",
                tells="Anything but 'model' for long means that the model is not serving.",
                unit="reqps",
                queries=(
                    Query(expr=rate("plinth_answers_total", "service, rung"), legend="{{service}} {{rung}}"),
                ),
            ),
            Panel(
                title="Decisions",
                tells="What was decided; a jump without a release is a change of input or of the model.",
                unit="reqps",
                queries=(
                    Query(
                        expr=rate("plinth_predictions_total", "service, decision"),
                        legend="{{service}} {{decision}}",
                    ),
                ),
            ),
            Panel(
                title="Confidence",
                tells="Mean probability of the likeliest outcome, by model; strange inputs lower it.",
                unit="percentunit",
                queries=(
                    Query(
                        expr=(
                            f"{rate('plinth_prediction_confidence_sum', 'service, model')} / "
                            f"{rate('plinth_prediction_confidence_count', 'service, model')}"
                        ),
                        legend="{{service}} {{model}}",
                    ),
                ),
            ),
            Panel(
                title="Strange inputs: verdicts of the guard",
                tells="Share of inputs by verdict; one in a hundred ordinary ones is flagged by design.",
                unit="percentunit",
                queries=(
                    Query(
                        expr=(
                            f"{rate(_VERDICTS, 'service, verdict', _STRANGE)} "
                            f"/ ignoring (verdict) group_left {rate(_VERDICTS, 'service')}"
                        ),
                        legend="{{service}} {{verdict}}",
                    ),
                ),
            ),
            Panel(
                title="Drift: share of the border",
                tells="Each kind's figure over its border, by model; above 1 the kind has drifted.",
                unit="percentunit",
                border=1.0,
                width=24,
                queries=(
                    Query(
                        expr=f"max by (service, model, kind) ({_DRIFT})",
                        legend="{{service}} {{model}} {{kind}}",
                    ),
                ),
            ),
            Panel(
                title="Drift: the inputs that moved furthest",
                tells="Population stability index of the eight furthest inputs, in nats.",
                unit="short",
                queries=(
                    Query(
                        expr=(
                            f"topk(8, max by (service, feature) (plinth_drift_feature_stability_nats{OWN}))"
                        ),
                        legend="{{service}} {{feature}}",
                    ),
                ),
            ),
            Panel(
                title="Drift: what it was measured on",
                tells="Requests, or settled cases, behind each figure; a short window has a higher border.",
                unit="short",
                queries=(
                    Query(
                        expr=f"min by (service, kind) (plinth_drift_window_rows{OWN})",
                        legend="{{service}} {{kind}}",
                    ),
                ),
            ),
            Panel(
                title="Rollout: which model answers",
                tells="Decisions by model; in a rollout the share of the new one grows step by step.",
                unit="reqps",
                queries=(
                    Query(
                        expr=rate("plinth_predictions_total", "service, model"),
                        legend="{{service}} {{model}}",
                    ),
                ),
            ),
            Panel(
                title="Rollout: pods",
                tells="Ready and updated pods beside those that are wanted.",
                unit="short",
                queries=tuple(
                    Query(expr=f"plinth_service_pods_{state}{OWN}", legend=f"{{{{service}}}} {state}")
                    for state in ("wanted", "ready", "updated")
                ),
            ),
        ),
    )
