"""What a service promises, as rules: error budgets, the contract's own meaning of "failing", saturation. Pure.

Requests are counted by the service itself (``services/readiness/metrics.py``), which never counts probes. The
numbers come from the service's contract; only how fast a budget may burn is the same for all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from infra.monitoring.model import Alert, Group, Proof, Recording, duration
from infra.monitoring.thresholds import number, seconds
from services.readiness.contract import Contract, FailingRule
from services.readiness.limits import MOST_IN_PROGRESS
from services.readiness.metrics import SECONDS_BUCKETS

WINDOWS = (300, 1800, 3600, 7200, 21600, 86400, 259200)
"""Seconds over which budgets are measured: each long window has one of a twelfth beside it."""

REQUESTS, UNDESIGNED = "plinth_requests_total", "plinth_undesigned_errors_total"
ANSWERS, LATENCY = "plinth_answers_total", "plinth_request_seconds"
LOGGED = "plinth_decision_log_seconds_count"


@dataclass(frozen=True, kw_only=True)
class Burn:
    """One pair of windows: the long one says that it matters, the short one that it still goes on."""

    alert: str
    rate: str
    long: int
    short: int


BURNS = (
    Burn(alert="Fast", rate="burn_fast", long=3600, short=300),
    Burn(alert="Slow", rate="burn_slow", long=21600, short=1800),
    Burn(alert="Creeping", rate="burn_creeping", long=259200, short=21600),
)


DILUTION = 10_000
"""Steps of 100,000 good requests: a drill feeds some 10,000 errors, which are 0.001 percent of them."""


def _per_service(metric: str, window: int, selector: str = "") -> str:
    return f"sum by (service) (rate({metric}{selector}[{duration(window)}]))"


def figures() -> Group:
    """Return the figures that all services' budgets are judged by."""
    recordings = []
    for window in WINDOWS:
        name = duration(window)
        total = _per_service(REQUESTS, window)
        recordings += [
            # `or` keeps a service without a single error in the picture: its share is nought, not unknown.
            Recording(
                record=f"plinth:undesigned_errors:share{name}",
                expr=f"({_per_service(UNDESIGNED, window)} or 0 * {total}) / {total}",
            ),
            Recording(
                record=f"plinth:requests:count{name}",
                expr=f"sum by (service) (increase({REQUESTS}[{name}]))",
            ),
        ]
    return Group(name="service-figures", recordings=tuple(recordings))


def slow_share(window: int, latency_ms: int, service: str) -> str:
    """Return the share of a service's requests that took longer than its contract allows.

    Raises:
        ValueError: The border is none of the histogram's; a share could only be guessed.
    """
    border = latency_ms / 1000
    if border not in SECONDS_BUCKETS:
        known = ", ".join(f"{step * 1000:g}" for step in SECONDS_BUCKETS)
        raise ValueError(f"objectives.latency_ms {latency_ms} is no border of {LATENCY}; use one of: {known}")
    span = duration(window)
    counted = f'sum by (service) (rate({LATENCY}_count{{service="{service}"}}[{span}]))'
    quick = f'sum by (service) (rate({LATENCY}_bucket{{service="{service}",le="{border}"}}[{span}]))'
    return f"1 - {quick} / {counted}"


def _figure(rule: FailingRule, service: str) -> str | None:
    """Return the PromQL of a figure that a contract may call failing; None for one that nothing measures."""
    span = duration(rule.window_minutes * 60)
    own = f'{{service="{service}"}}'
    answers = f"sum by (service) (rate({ANSWERS}{own}[{span}]))"
    requests = f"sum by (service) (rate({REQUESTS}{own}[{span}]))"
    buckets = f"sum by (service, le) (rate({LATENCY}_bucket{own}[{span}]))"
    other = f'{{service="{service}",rung!="model"}}'
    # Records are written before answers are counted, so more answers than records is a decision lost.
    unlogged = f"sum by (service) ({ANSWERS}{own}) - (sum by (service) ({LOGGED}{own}) or 0 * {answers})"
    return {
        "undesigned_error_share": (
            f"(sum by (service) (rate({UNDESIGNED}{own}[{span}])) or 0 * {requests}) / {requests}"
        ),
        "latency_p99_ms": f"1000 * histogram_quantile(0.99, {buckets})",
        "latency_p95_ms": f"1000 * histogram_quantile(0.95, {buckets})",
        "fallback_share": f"(sum by (service) (rate({ANSWERS}{other}[{span}])) or 0 * {answers}) / {answers}",
        "unavailable_share": (
            f"(sum by (service) (rate(plinth_unavailable_answers_total{own}[{span}])) or 0 * {requests})"
            f" / {requests}"
        ),
        "unlogged_decisions": unlogged,
    }.get(rule.figure)


KNOWN_FIGURES = (
    "undesigned_error_share", "latency_p99_ms", "latency_p95_ms", "fallback_share", "unavailable_share",
    "unlogged_decisions",
)  # fmt: skip
"""Figures that a contract may call failing, because something measures them."""


def mistakes(contract: Contract) -> list[str]:
    """Return what of a contract cannot be watched, one line for each, naming it."""
    found = [
        f"{contract.service}: failing rule '{rule.name}' is about '{rule.figure}', which nothing measures; "
        f"use one of: {', '.join(KNOWN_FIGURES)}"
        for rule in contract.failing
        if rule.figure not in KNOWN_FIGURES
    ]
    try:
        slow_share(WINDOWS[0], contract.objectives.latency_ms, contract.service)
    except ValueError as error:
        found.append(f"{contract.service}: {error}")
    return found


def rules(contract: Contract) -> Group:
    """Return the rules of one service."""
    service = contract.service
    alerts = [*_budget(contract), *_slow(contract)]
    alerts += [_failing(rule, service) for rule in contract.failing if rule.figure in KNOWN_FIGURES]
    return Group(name=f"service-{service}", alerts=tuple(alerts))


def _enough(service: str, window: int) -> str:
    own = f'{{service="{service}"}}'
    return f"plinth:requests:count{duration(window)}{own} > {number('least_requests')}"


def _series(service: str, requests: int, errors: int, slow: int, samples: int) -> Mapping[str, str]:
    """Return series of a service: so many requests, errors and slow answers at each step."""
    quick, label = requests - slow, f'{{service="{service}"}}'
    pod = f'service="{service}"'
    return {
        f'{REQUESTS}{{{pod},status="200"}}': f"0+{requests - errors}x{samples}",
        f'{REQUESTS}{{{pod},status="500"}}': f"0+{errors}x{samples}",
        f"{UNDESIGNED}{label}": f"0+{errors}x{samples}",
        **{
            f'{LATENCY}_bucket{{{pod},le="{step}"}}': f"0+{requests if step >= 1 else quick}x{samples}"
            for step in SECONDS_BUCKETS
        },
        f'{LATENCY}_bucket{{{pod},le="+Inf"}}': f"0+{requests}x{samples}",
        f"{LATENCY}_count{label}": f"0+{requests}x{samples}",
    }


def _budget(contract: Contract) -> Sequence[Alert]:
    service, budget = contract.service, 1 - contract.objectives.availability_percent / 100
    own = f'{{service="{service}"}}'
    found = []
    for burn in BURNS:
        border = f"{number(burn.rate)} * {budget:.6g}"
        share = "plinth:undesigned_errors:share"
        step = 300 if burn.long > 3600 else 60  # noqa: PLR2004 - an hour is over quickly enough
        samples = burn.long // step
        found.append(
            Alert(
                name=f"ServiceErrorBudgetBurn{burn.alert}",
                expr=(
                    f"{share}{duration(burn.long)}{own} > {border}\n"
                    f"and {share}{duration(burn.short)}{own} > {border}\n"
                    f"and {_enough(service, burn.long)}"
                ),
                for_seconds=60,
                severity="page" if burn.alert == "Fast" else "ticket",
                summary="{{ $labels.service }} answers {{ $value | humanizePercentage }} "
                "of its requests with an error that nobody designed",
                description=f"Over {duration(burn.long)} and {duration(burn.short)} more than "
                f"{number(burn.rate)} times what {contract.objectives.availability_percent:g} percent allow.",
                labels={"service": service},
                proof=Proof(
                    firing=_series(service, 1000, 50, 0, samples),
                    silent=_series(service, 100000, 1, 0, samples),
                    at=burn.long - 600,
                    step=step,
                    diluted_by=DILUTION,
                ),
                cause="synthetic",
                why_synthetic="every fault that can be brought about has a designed answer (bench faults)",
            )
        )
    return found


def _slow(contract: Contract) -> Sequence[Alert]:
    service, objectives = contract.service, contract.objectives
    budget = 1 - objectives.latency_percentile / 100
    burn = BURNS[0]
    border = f"{number(burn.rate)} * {budget:.6g}"
    return [
        Alert(
            name="ServiceLatencyBudgetBurn",
            expr=(
                f"{slow_share(burn.long, objectives.latency_ms, service)} > {border}\n"
                f"and {slow_share(burn.short, objectives.latency_ms, service)} > {border}\n"
                f"and on (service) {_enough(service, burn.long)}"
            ),
            for_seconds=60,
            severity="page",
            summary="{{ $labels.service }} answers {{ $value | humanizePercentage }} of its requests too late",
            description=f"More than {number(burn.rate)} times the allowed {budget * 100:g} percent took longer "
            f"than {objectives.latency_ms} ms, over an hour and over five minutes.",
            labels={"service": service},
            proof=Proof(
                firing=_series(service, 100, 0, 50, 60),
                silent=_series(service, 100, 0, 0, 60),
                at=3000,
                step=60,
            ),
        )
    ]


def _failing(rule: FailingRule, service: str) -> Alert:
    figure = _figure(rule, service)
    assert figure is not None  # asked for known figures only
    borders = [f"({figure}) > {rule.at_most:g}"] if rule.at_most is not None else []
    borders += [f"({figure}) < {rule.at_least:g}"] if rule.at_least is not None else []
    window = max(rule.window_minutes * 60, 300)
    nearest = min((step for step in WINDOWS if step >= window), default=WINDOWS[-1])
    exact = rule.figure == "unlogged_decisions"
    enough = "" if exact else f"\nand on (service) {_enough(service, nearest)}"
    bad, good = _failing_proof(rule.figure, service)
    return Alert(
        name="ServiceFailing",
        expr=f"({' or '.join(borders)}){enough}",
        for_seconds=min(rule.window_minutes, 5) * 60,
        severity="page",
        summary=f"{{{{ $labels.service }}}} fails: {rule.name}, {{{{ $value | humanize }}}} {rule.unit}",
        description=rule.reason,
        labels={"service": service, "rule": rule.name},
        proof=Proof(firing=bad, silent=good, at=2400, step=60),
    )


def _failing_proof(figure: str, service: str) -> tuple[Mapping[str, str], Mapping[str, str]]:
    own = f'service="{service}"'

    def answers(model: int, other: int, logged: int) -> Mapping[str, str]:
        return {
            f'{ANSWERS}{{{own},rung="model"}}': f"0+{model}x60",
            f'{ANSWERS}{{{own},rung="scorecard"}}': f"0+{other}x60",
            f"{LOGGED}{{{own}}}": f"0+{logged}x60",
            f'plinth_unavailable_answers_total{{{own},trouble="overloaded"}}': f"0+{other}x60",
        }

    bad = {**_series(service, 100, 10, 50, 60), **answers(50, 50, 90)}
    good = {**_series(service, 100, 0, 0, 60), **answers(100, 0, 100)}
    del figure  # each figure is made bad by these, and none by those
    return bad, good


def shared() -> Group:
    """Return the rules that are the same for every service."""
    least = seconds("replicas_missing_minutes")

    def pods(ready: int) -> Mapping[str, str]:
        return {
            'plinth_service_pods_wanted{service="s"}': "2x40",
            'plinth_service_pods_ready{service="s"}': f"{ready}x40",
            'plinth_service_pods_updated{service="s"}': f"{ready}x40",
        }

    return Group(
        name="services",
        alerts=(
            Alert(
                name="ServiceDown",
                expr=(
                    'sum by (service) (up{job="services"}) == 0\n'
                    "or (max by (service) (plinth_service_pods_ready) == 0\n"
                    "and max by (service) (plinth_service_pods_wanted) > 0)"
                ),
                for_seconds=60,
                severity="page",
                summary="no pod of {{ $labels.service }} answers",
                description="Not one pod is ready, or none answers its metrics page.",
                proof=Proof(
                    firing={'up{job="services",service="s",instance="a"}': "0x20"},
                    silent={
                        'up{job="services",service="s",instance="a"}': "0x20",
                        'up{job="services",service="s",instance="b"}': "1x20",
                    },
                    at=300,
                ),
            ),
            Alert(
                name="ServiceReplicasMissing",
                expr="max by (service) (plinth_service_pods_ready) < max by (service) (plinth_service_pods_wanted)",
                for_seconds=least,
                severity="ticket",
                summary="{{ $labels.service }} has only {{ $value }} pods ready",
                description="Fewer pods are ready than the settings ask for, so the next loss may be an outage.",
                proof=Proof(firing=pods(1), silent=pods(2), at=least + 60),
            ),
            Alert(
                name="ServiceRolloutStuck",
                expr="max by (service) (plinth_service_pods_updated) < max by (service) (plinth_service_pods_wanted)",
                for_seconds=seconds("rollout_minutes"),
                severity="ticket",
                summary="the rollout of {{ $labels.service }} stands still at {{ $value }} new pods",
                description="A new release was asked for and does not become ready.",
                proof=Proof(firing=pods(1), silent=pods(2), at=seconds("rollout_minutes") + 60),
            ),
            Alert(
                name="ServiceSaturated",
                expr=(
                    "max by (service) (plinth_requests_in_progress) "
                    f"> {number('in_progress_share')} * {MOST_IN_PROGRESS}"
                ),
                for_seconds=120,
                severity="page",
                summary="a pod of {{ $labels.service }} has {{ $value }} requests in progress",
                description=f"At {MOST_IN_PROGRESS} a pod answers 'overloaded'.",
                proof=Proof(
                    firing={'plinth_requests_in_progress{service="s"}': "1400x20"},
                    silent={'plinth_requests_in_progress{service="s"}': "900x20"},
                    at=300,
                ),
                cause="synthetic",
                why_synthetic="a thousand requests held for two minutes need more than the two cores that drive them",
            ),
        ),
    )
