"""Concept drift and outcome drift, from what reviewers found.

Reviewed cases are no random draw: most were unsure. So nothing is compared with all training rows, but
with training rows of the same confidence: how often the model was right there, and what its Brier score
was. As long as the truth follows from the inputs as it did in training, both agree, whoever was reviewed.
Cases that were reviewed because they are unlike the training data are left out: nothing is known of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from services.readiness.contract import Contract, DriftLimit
from services.readiness.drift.known import Known, Levels
from services.readiness.drift.measures import CHANCE, stability, stability_by_chance, z_of
from services.readiness.drift.windows import SMALLEST_SHARE, Finding
from services.readiness.review import Case


@dataclass(frozen=True, kw_only=True, slots=True)
class Labelled:
    """One settled case.

    Args:
        likelier: Probability of the class that the model held for likeliest.
        likeliest: That class, 0 for the first.
        truth: The class that the reviewer found.
    """

    likelier: float
    likeliest: int
    truth: int

    @property
    def right(self) -> bool:
        """Tell whether the model was right."""
        return self.likeliest == self.truth


def settled(
    cases: Iterable[Case], classes: Sequence[str], labels: Mapping[str, str], digest: str
) -> list[Labelled]:
    """Return those cases that can be compared: of this model, with a known label and confidence.

    Args:
        cases: Labelled cases.
        classes: Names of the classes in order.
        labels: From a reviewer's word to a class, where they differ.
        digest: The model's.
    """
    found = []
    for case in cases:
        truth, likeliest = labels.get(case.label, case.label), str(case.output.get("likeliest"))
        likelier = case.output.get("likelier")
        if (
            case.model_digest == digest
            and case.reason != "out_of_distribution"
            and truth in classes
            and likeliest in classes
            and isinstance(likelier, float)
        ):
            found.append(
                Labelled(likelier=likelier, likeliest=classes.index(likeliest), truth=classes.index(truth))
            )
    return found


def window_of(contract: Contract) -> int:
    """Return how many labelled cases the contract looks at."""
    return max(
        (limit.window_requests for limit in contract.drift if limit.kind in {"concept", "outcomes"}),
        default=0,
    )


def judged(known: Known, contract: Contract, cases: Sequence[Labelled]) -> list[Finding]:
    """Return how concept and outcomes stand, given the latest settled cases, the newest last."""
    found = []
    for limit in contract.drift:
        window = cases[-limit.window_requests :]
        if limit.kind not in {"concept", "outcomes"} or len(window) < SMALLEST_SHARE * limit.window_requests:
            continue
        value, chance = (_concept if limit.kind == "concept" else _outcomes)(known, limit, window)
        most = float("inf") if limit.at_most is None else limit.at_most
        found.append(
            Finding(
                kind=limit.kind,
                figure=limit.figure,
                value=value,
                limit=most,
                border=max(most, chance),
                rows=len(window),
            )
        )
    return found


def _levels(known: Known, window: Sequence[Labelled]) -> Levels:
    likelier = np.asarray([case.likelier for case in window])
    edges = np.asarray(known.sureness["edges"])
    return np.asarray(np.searchsorted(edges, likelier, "right"), dtype=np.intp)


def _concept(known: Known, limit: DriftLimit, window: Sequence[Labelled]) -> tuple[float, float]:
    """Return the excess over what is usual at the same confidence, and what chance reaches."""
    level, right = _levels(known, window), np.asarray([case.right for case in window])
    at = {name: np.asarray(known.sureness[name])[level] for name in ("right", "brier", "brier_squared")}
    if limit.figure == "labelled_brier_increase":
        likelier = np.asarray([case.likelier for case in window])
        value = float(((right - likelier) ** 2 - at["brier"]).mean())
        variance = np.maximum(at["brier_squared"] - at["brier"] ** 2, 0.0)
    else:
        value = float((at["right"] - right).mean())
        # A level in which the model was never wrong still has a chance of it (rule of succession).
        rate = (at["right"] * len(window) + 1) / (len(window) + 2)
        variance = rate * (1.0 - rate)
    # What is usual was itself measured on a finite number of rows.
    rows = len(window)
    return value, float(z_of(CHANCE) * (variance.mean() * (1.0 / rows + 1.0 / known.rows)) ** 0.5)


def _outcomes(known: Known, _: DriftLimit, window: Sequence[Labelled]) -> tuple[float, float]:
    """Return the stability index of the labels against the classes that the model expected."""
    classes = len(known.output_counts) if known.output_edges is None else 2
    expected, seen = np.zeros(classes), np.zeros(classes)
    rate = np.asarray(known.sureness["right"])[_levels(known, window)]
    for case, sure in zip(window, rate.tolist(), strict=True):
        # What is not the likeliest class is one of the others; which one is not known, so all alike.
        expected += (1.0 - sure) / (classes - 1)
        expected[case.likeliest] += sure - (1.0 - sure) / (classes - 1)
        seen[case.truth] += 1
    one = np.zeros(1, dtype=np.intp)
    value = float(stability(seen, expected, one)[0])
    chance = stability_by_chance(len(window), known.rows, np.asarray([classes - 1.0]), CHANCE)
    return value, float(chance[0])
