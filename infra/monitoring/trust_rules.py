"""Whether a model may still be trusted: confidence, strange inputs, drift, fairness, review, records. Pure."""

from collections.abc import Mapping

from infra.monitoring.model import Alert, Group, Proof
from infra.monitoring.thresholds import number
from services.readiness.contract import Contract
from services.readiness.metrics import CONFIDENCE_BUCKETS

HOUR = "1h"
NO_DRIFT = "needs a shift of this kind alone, or settled reviews; ./plinth bench drift brings each about"
DRIFTS = {
    "inputs": ("InputDrift", "what comes in is no longer what the model learned from"),
    "correlation": ("CorrelationDrift", "inputs hang together otherwise than in the training data"),
    "outputs": ("OutputDrift", "the model gives other answers than it gave on the training data"),
    "outcomes": ("OutcomeDrift", "reviewers' labels are spread otherwise than in the training data"),
    "concept": ("ConceptDrift", "the same inputs lead to other outcomes than the model learned"),
}
"""Kind of drift, as contracts name it, to its alert and its meaning."""


def mistakes(contract: Contract) -> list[str]:
    """Return what of a contract's trust cannot be watched, naming it."""
    found = []
    if contract.confidence.low_below not in CONFIDENCE_BUCKETS:
        known = ", ".join(str(step) for step in CONFIDENCE_BUCKETS)
        found.append(
            f"{contract.service}: confidence.low_below {contract.confidence.low_below} is no border of the "
            f"histogram; use one of: {known}"
        )
    found += [
        f"{contract.service}: drift of kind '{limit.kind}' has no alert"
        for limit in contract.drift
        if limit.kind not in DRIFTS
    ]
    return found


def rules(contract: Contract) -> Group:
    """Return the rules of one service's trust."""
    service = contract.service
    return Group(
        name=f"trust-{service}", alerts=(_confidence(contract), _strange(contract), *_queue(contract))
    )


def _confidence(contract: Contract) -> Alert:
    service, wanted = contract.service, contract.confidence
    own = f'service="{service}"'
    name = "plinth_prediction_confidence"
    total = f"sum by (service) (increase({name}_count{{{own}}}[{HOUR}]))"
    low = f'sum by (service) (increase({name}_bucket{{{own},le="{wanted.low_below}"}}[{HOUR}]))'

    def series(low_count: int) -> Mapping[str, str]:
        return {
            f'{name}_bucket{{{own},model="m",le="{wanted.low_below}"}}': f"0+{low_count}x140",
            f'{name}_count{{{own},model="m"}}': "0+10x140",
        }

    return Alert(
        name="ConfidenceLow",
        expr=f"{low} / {total} > {wanted.low_share_at_most:g}\nand {total} > {number('least_answers')}",
        for_seconds=300,
        severity="ticket",
        summary="{{ $labels.service }} is unsure of {{ $value | humanizePercentage }} of its answers",
        description=f"In an hour more than {wanted.low_share_at_most:.0%} of the answers had a confidence "
        f"below {wanted.low_below:g}.",
        labels={"service": service},
        cause="synthetic",
        why_synthetic="unsure cases are as rare as they are; a thousand of them cannot be sent at will",
        proof=Proof(firing=series(9), silent=series(1), at=3900),
    )


def _strange(contract: Contract) -> Alert:
    service = contract.service
    limit = contract.out_of_distribution.flagged_share_at_most
    own = f'service="{service}"'
    name = "plinth_guard_verdicts_total"
    total = f'sum by (service) (increase({name}{{{own},verdict!="not_judged"}}[{HOUR}]))'
    flagged = f'sum by (service) (increase({name}{{{own},verdict!~"in_distribution|not_judged"}}[{HOUR}]))'

    def series(count: int) -> Mapping[str, str]:
        return {
            f'{name}{{{own},verdict="in_distribution"}}': "0+10x140",
            f'{name}{{{own},verdict="out_of_distribution"}}': f"0+{count}x140",
        }

    return Alert(
        name="OutOfDistributionFlood",
        expr=f"{flagged} / {total} > {limit:g}\nand {total} > {number('least_answers')}",
        for_seconds=300,
        severity="ticket",
        summary="{{ $value | humanizePercentage }} of the inputs of {{ $labels.service }} are strange to it",
        description=f"In an hour more than {limit:.0%} of the inputs were unlike the training data.",
        labels={"service": service},
        proof=Proof(firing=series(5), silent=series(0), at=3900),
    )


def _queue(contract: Contract) -> list[Alert]:
    service, review = contract.service, contract.review
    own = f'{{service="{service}"}}'
    hours = review.escalate_after_hours
    longest = f"{number('review_queue_share')} * {review.queue_at_most}"
    age, waiting = f"plinth_review_oldest_seconds{own}", f"plinth_review_waiting_cases{own}"
    return [
        Alert(
            name="ReviewQueueOld",
            expr=f"max by (service) ({age}) > {hours * 3600}",
            for_seconds=300,
            severity="ticket",
            summary="a case of {{ $labels.service }} has waited {{ $value | humanizeDuration }} for a person",
            description=f"Cases escalate after {hours} hours; this one is older, so nobody took it.",
            labels={"service": service},
            proof=Proof(firing={age: f"{hours * 3600 + 60}x40"}, silent={age: f"{hours * 1800}x40"}, at=600),
        ),
        Alert(
            name="ReviewQueueLong",
            expr=f"max by (service) ({waiting}) > {longest}",
            for_seconds=300,
            severity="ticket",
            summary="{{ $value }} cases of {{ $labels.service }} wait for a person",
            description=f"At {review.queue_at_most} the service answers 'unavailable' where a person is needed.",
            labels={"service": service},
            proof=Proof(firing={waiting: f"{review.queue_at_most}x40"}, silent={waiting: "10x40"}, at=600),
            cause="synthetic",
            why_synthetic="eight thousand cases in the emulated table take minutes to write and to remove",
        ),
    ]


def shared() -> Group:
    """Return the rules that are the same for every service."""
    drifts = []
    for kind, (name, meaning) in DRIFTS.items():
        own = f'kind="{kind}"'
        series = f'{{service="s",model="m",{own},figure="f"}}'
        drifts.append(
            Alert(
                name=name,
                expr=f"max by (service, model, figure) (plinth_drift_value{{{own}}} > plinth_drift_border{{{own}}})",
                for_seconds=120,
                severity="ticket",
                summary="{{ $labels.service }}: {{ $labels.figure }} is {{ $value | humanize }}",
                description=f"Over the contract's border and beyond chance: {meaning}.",
                proof=Proof(
                    firing={
                        f"plinth_drift_value{series}": "0.5x20",
                        f"plinth_drift_border{series}": "0.25x20",
                    },
                    silent={
                        f"plinth_drift_value{series}": "0.1x20",
                        f"plinth_drift_border{series}": "0.25x20",
                    },
                    at=300,
                ),
                cause="local" if kind == "inputs" else "synthetic",
                why_synthetic="" if kind == "inputs" else NO_DRIFT,
            )
        )
    fair = '{service="s",attribute="age",figure="f"}'
    return Group(
        name="trust",
        alerts=(
            *drifts,
            Alert(
                name="DriftUnwatched",
                expr="increase(plinth_drift_failures_total[15m]) > 0 or plinth_drift_watching == 0",
                for_seconds=300,
                severity="ticket",
                summary="nobody watches {{ $labels.service }} for drift",
                description="The watch beside the service fails or has ended, so drift would not be seen.",
                proof=Proof(
                    firing={'plinth_drift_failures_total{service="s"}': "0+1x60"},
                    silent={
                        'plinth_drift_failures_total{service="s"}': "3x60",
                        'plinth_drift_watching{service="s",model="m"}': "1x60",
                    },
                    at=1200,
                ),
                cause="synthetic",
                why_synthetic="the watch has no fault that can be brought about from outside its process",
            ),
            Alert(
                name="FairnessGap",
                expr="max by (service, attribute, figure) (plinth_fairness_ratio) < max by (service, attribute, figure) (plinth_fairness_limit)",
                for_seconds=300,
                severity="ticket",
                summary="{{ $labels.service }}: groups by {{ $labels.attribute }} fare apart, ratio {{ $value }}",
                description="Among decided cases the worst group's rate against the best is below the contract's.",
                cause="synthetic",
                why_synthetic="training refuses a model over the limit, so none that runs can be",
                proof=Proof(
                    firing={
                        f"plinth_fairness_ratio{fair}": "0.3x40",
                        f"plinth_fairness_limit{fair}": "0.45x40",
                    },
                    silent={
                        f"plinth_fairness_ratio{fair}": "0.6x40",
                        f"plinth_fairness_limit{fair}": "0.45x40",
                    },
                    at=600,
                ),
            ),
            Alert(
                name="DecisionLogLagging",
                expr=f"max by (service) (plinth_decision_log_unshipped_seconds) > {number('log_unshipped_seconds')}",
                for_seconds=0,
                severity="page",
                summary="records of {{ $labels.service }} wait {{ $value | humanizeDuration }} for their store",
                description="After 300 s the service answers 'unavailable', since nothing may be decided unlogged.",
                cause="synthetic",
                why_synthetic="the store would have to be away for three minutes that no drill can shorten; bench faults does it",
                proof=Proof(
                    firing={'plinth_decision_log_unshipped_seconds{service="s"}': "240x20"},
                    silent={'plinth_decision_log_unshipped_seconds{service="s"}': "60x20"},
                    at=300,
                ),
            ),
            Alert(
                name="DecisionLogRefusing",
                expr=(
                    "sum by (service) (increase(plinth_unavailable_answers_total"
                    f'{{trouble="decision_log_unavailable"}}[5m])) > {number("log_refusals")}'
                ),
                for_seconds=0,
                severity="page",
                summary="{{ $labels.service }} refuses answers because they cannot be recorded",
                description="Each refusal is a client that waits; none of them was decided.",
                cause="synthetic",
                why_synthetic="the store would have to be away for five minutes that no drill can shorten; bench faults does it",
                proof=Proof(
                    firing={
                        'plinth_unavailable_answers_total{service="s",trouble="decision_log_unavailable"}': "0+1x20"
                    },
                    silent={
                        'plinth_unavailable_answers_total{service="s",trouble="decision_log_unavailable"}': "7x20",
                        'plinth_unavailable_answers_total{service="s",trouble="overloaded"}': "0+1x20",
                    },
                    at=300,
                ),
            ),
        ),
    )
