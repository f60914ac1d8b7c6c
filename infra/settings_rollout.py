"""Settings of how a new version of a service comes into service."""

from collections.abc import Iterable
from itertools import accumulate
from typing import Annotated, Literal

from pydantic import Field

from infra.settings_base import IMAGE_PATTERN, Frozen

MOST_PERCENT = 100


class RolloutSettings(Frozen):
    """Who decides about releases, and how fast they go."""

    engine: Annotated[
        Literal["none", "flagger"],
        Field(
            description="`flagger`: shadow, canary and promotion by evidence, or back. `none`: the new "
            "version replaces the old one pod by pod, held up only by its readiness."
        ),
    ] = "none"
    flagger_image: Annotated[
        str,
        Field(
            pattern=IMAGE_PATTERN + "|^$",
            description="Flagger 1.44.0 by digest, from a registry that nodes reach; needed with `flagger` "
            "on AWS. On the local platform the real program runs beside the cluster.",
        ),
    ] = ""
    weights: Annotated[
        list[int],
        Field(
            min_length=1,
            max_length=20,
            description="Percent of the requests that a candidate gets, one step after the other; the "
            "version in service gets the rest.",
        ),
    ] = [5, 25, 50]  # noqa: RUF012 - pydantic copies it for each instance
    interval_seconds: Annotated[
        int,
        Field(
            ge=10,
            le=3600,
            description="Seconds between two looks: two scrapes at least (`monitoring.scrape_seconds`), "
            "since the first look must find something; Flagger looks no more often. With `failed_checks`, "
            "a bad release lives (failed_checks + 1) looks at most: 60 s, as the contracts here promise.",
        ),
    ] = 20
    failed_checks: Annotated[
        int,
        Field(
            ge=1,
            le=10,
            description="Looks at a broken limit until a release is undone; two, so that one scrape that "
            "fails undoes nothing.",
        ),
    ] = 2
    variants: Annotated[
        bool,
        Field(
            description="Whether a request that carries `x-plinth-variant: b` is answered by the candidate, "
            "and by nobody (503) while there is none. A release then waits in shadow, without a share of the "
            "other requests, as long as an A/B test of the service runs."
        ),
    ] = False
    ready_seconds: Annotated[
        int, Field(ge=20, le=3600, description="Seconds until a candidate's pods must be ready.")
    ] = 120


class RetrainingSettings(Frozen):
    """Whether services are trained anew without anybody asking."""

    engine: Annotated[
        Literal["none", "watch"],
        Field(
            description="`watch`: a standing job looks at drift, settled reviews and deliveries, and trains "
            "when a contract's `retraining` says that it is time. `none`: people start each look."
        ),
    ] = "none"
    look_seconds: Annotated[
        int, Field(ge=10, le=86_400, description="Seconds between two looks; each costs seconds of CPU.")
    ] = 300


def retraining_mistakes(retraining: RetrainingSettings, *, emulated: bool) -> Iterable[str]:
    """Return what does not fit together, one line for each mistake.

    Args:
        retraining: The settings.
        emulated: Whether the stack lives on the local platform.
    """
    if retraining.engine == "watch" and not emulated:
        yield (
            "plinth:retraining.engine: 'watch' runs on emulated stacks only: there is no image of the job; "
            "on AWS let a scheduler run './plinth retrain once SERVICE'"
        )


def mistakes(rollout: RolloutSettings, *, emulated: bool) -> Iterable[str]:
    """Return what does not fit together, one line for each mistake.

    Args:
        rollout: The settings.
        emulated: Whether the stack lives on the local platform.
    """
    key = "plinth:rollout"
    weights = rollout.weights
    if any(not 0 < weight <= MOST_PERCENT for weight in weights):
        yield f"{key}.weights: {weights}: each is a share in percent, from 1 to {MOST_PERCENT}"
    elif sorted(set(weights)) != weights:
        meant = list(accumulate(weights))
        hint = f"; {meant}, if these were to be added up" if meant[-1] <= MOST_PERCENT else ""
        yield f"{key}.weights: {weights}: each step must give the candidate more than the one before{hint}"
    if rollout.variants and rollout.engine == "none":
        yield f"{key}.variants: there is no candidate to send a variant to with engine 'none'; use 'flagger'"
    if rollout.engine == "flagger" and not emulated and not rollout.flagger_image:
        yield f"{key}.flagger_image: Flagger is to decide, and there is no image of it"
