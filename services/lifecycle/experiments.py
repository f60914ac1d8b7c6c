"""A/B tests of two models: who sees which, what came of it, and when it may be believed. Pure.

**Assignment.** A unit (a caller, a subject) belongs to a variant by a hash of the experiment's salt and the
unit's key, so it always sees the same one, nothing has to be remembered, and two experiments divide the
same units independently.

**Result.** The difference of two means with an interval that holds at every moment at once (a confidence
sequence), so that people may look as often as they like and stop when they have seen enough. It is the
normal-mixture sequential probability ratio test of Robbins (1970), as Johari, Koomen, Pekelis and Walsh
use it for A/B tests ("Always Valid Inference", Operations Research 70(3), 2022), with the variance
estimated; Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas ("Time-uniform central limit theory and
asymptotic confidence sequences", Annals of Statistics 52(6), 2024) show that its coverage then holds
as samples grow, which is why nothing is said below :data:`SMALLEST_ARM` outcomes.

**Design.** The largest number of outcomes is chosen so that an effect of the stated size is found by then
with the stated power; the mixture's width is the one that gives the tightest interval there. After that
many the experiment ends without a finding.
"""

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

SMALLEST_ARM = 50
"""Outcomes of each variant below which the normal approximation of a share is not to be trusted."""
RATIO_ALARM = 0.001
"""Chance below which a division of units counts as broken (sample ratio mismatch): as in Fabijan et al.,
"Diagnosing Sample Ratio Mismatch", KDD 2019; low, since it is looked at again and again."""
LARGEST_ARM = 10_000_000
"""Outcomes beyond which a design is refused: the effect is too small to be worth a wait."""
VARIANTS = ("a", "b")

Verdict = Literal["b is better", "b is worse", "no difference found", "go on", "too early", "broken"]


class DesignError(ValueError):
    """An experiment that could not be judged; says why, one line for each mistake."""


@dataclass(frozen=True, kw_only=True)
class Design:
    """What is to be found out, fixed before the first unit is assigned.

    Args:
        baseline: Mean of the outcome today, such as the share of right answers; between 0 and 1.
        effect: Smallest difference of means worth finding; above 0.
        alpha: Chance to see a difference where there is none, over all looks together.
        power: Chance to find a difference of ``effect``.
        share_b: Share of units that see variant b.
    """

    baseline: float
    effect: float
    alpha: float = 0.05
    power: float = 0.8
    share_b: float = 0.5

    def __post_init__(self) -> None:
        """Refuse what can never be judged, every mistake at once."""
        wrong = []
        if not 0 < self.baseline < 1:
            wrong.append(f"baseline is {self.baseline:g}; it lies between 0 and 1")
        if not 0 < self.effect < 1:
            wrong.append(f"effect is {self.effect:g}; it lies between 0 and 1")
        elif 0 < self.baseline < 1 and self.effect >= max(self.baseline, 1 - self.baseline):
            wrong.append(f"no share can lie {self.effect:g} from {self.baseline:g}")
        if not 0 < self.alpha <= 0.2:  # noqa: PLR2004 - one in five is chance, no finding
            wrong.append(f"alpha is {self.alpha:g}; it lies above 0, at most 0.2")
        if not 0.5 <= self.power < 1:  # noqa: PLR2004 - below a half, a coin is as good
            wrong.append(f"power is {self.power:g}; it lies from 0.5 to below 1")
        if not 0.05 <= self.share_b <= 0.95:  # noqa: PLR2004 - beyond it, one arm never fills
            wrong.append(f"share_b is {self.share_b:g}; it lies between 0.05 and 0.95")
        if wrong:
            raise DesignError("\n".join(wrong))

    def noise(self, outcomes: int) -> float:
        """Return the variance of the difference of means after so many outcomes of both together.

        Of a share, where b lies the effect above or below the baseline, whichever varies more.
        """
        sides = [self.baseline + self.effect, self.baseline - self.effect]
        of_b = max(mean * (1 - mean) for mean in sides if 0 < mean < 1)
        of_a = self.baseline * (1 - self.baseline)
        return (of_b / self.share_b + of_a / (1 - self.share_b)) / outcomes


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long an experiment lasts at most, and how wide its prior is.

    Args:
        design: What is to be found out.
        most: Outcomes of both variants together after which it ends.
        mixture: Variance of the normal mixture over effects.
    """

    design: Design
    most: int
    mixture: float


@dataclass(frozen=True, kw_only=True)
class Arm:
    """What came of one variant: count, sum and sum of squares of its outcomes."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0

    @property
    def mean(self) -> float:
        """Mean of the outcomes; NaN without any."""
        return self.total / self.count if self.count else math.nan

    @property
    def variance(self) -> float:
        """Variance of one outcome; never below that of one odd outcome more, so that it is never 0."""
        if not self.count:
            return math.nan
        raw = max(0.0, self.squares / self.count - self.mean**2)
        return max(raw, (1 / (self.count + 1)) * (1 - 1 / (self.count + 1)))

    def add(self, value: float) -> "Arm":
        """Return it with one outcome more."""
        return Arm(count=self.count + 1, total=self.total + value, squares=self.squares + value * value)


@dataclass(frozen=True, kw_only=True)
class Result:
    """What may be said now.

    Args:
        verdict: In words.
        difference: Mean of b less mean of a.
        low: Lower end of the interval that holds at all looks at once.
        high: Its upper end.
        outcomes: Of both variants.
        most: Outcomes at which it ends.
        ratio_chance: Chance of a division of units as uneven as this one.
    """

    verdict: Verdict
    difference: float
    low: float
    high: float
    outcomes: int
    most: int
    ratio_chance: float


def variant(salt: str, key: str, share_b: float) -> str:
    """Return the variant of a unit: the same for the same salt and key, for ever and everywhere.

    Args:
        salt: Of the experiment.
        key: Of the unit, such as the caller's name.
        share_b: Share of units that see b. A larger share only moves units from a to b.
    """
    digest = hashlib.sha256(f"{len(salt)}:{salt}:{key}".encode()).digest()
    return "b" if int.from_bytes(digest[:8]) / 2**64 < share_b else "a"


def half_width(noise: float, mixture: float, alpha: float) -> float:
    """Return half of the interval around a difference that holds at all looks at once.

    Args:
        noise: Variance of the difference now.
        mixture: Variance of the mixture.
        alpha: Chance that it ever misses the truth.
    """
    ratio = (noise + mixture) / noise
    return math.sqrt(noise * (noise + mixture) / mixture * (2 * math.log(1 / alpha) + math.log(ratio)))


def plan(design: Design) -> Plan:
    """Return the shortest experiment that finds the design's effect with its power.

    The chance to be beyond the border at the last look is a lower bound of the chance to have been beyond
    it at any, so the power is at least what was asked for.

    Raises:
        DesignError: It would take more than :data:`LARGEST_ARM` outcomes.
    """
    low, high = 2 * SMALLEST_ARM, LARGEST_ARM
    if _power_at_the_end(design, high) < design.power:
        raise DesignError(f"an effect of {design.effect:g} takes more than {LARGEST_ARM:,} outcomes")
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if _power_at_the_end(design, middle) >= design.power else (middle + 1, high)
    # Neither arm may stay below the count from which anything is said.
    least = math.ceil(2 * SMALLEST_ARM / min(design.share_b, 1 - design.share_b))
    most = max(low, least)
    return Plan(design=design, most=most, mixture=_best_mixture(design, most))


def _best_mixture(design: Design, outcomes: int) -> float:
    """Return the mixture that gives the tightest interval after so many outcomes.

    With x the ratio of mixture and noise the half-width is the root of noise * (1 + 1/x) * (2 ln(1/alpha) +
    ln(1 + x)), whose minimum lies where x = 2 ln(1/alpha) + ln(1 + x): a fixed point that iteration reaches.
    """
    ratio = 2 * math.log(1 / design.alpha)
    for _ in range(50):
        ratio = 2 * math.log(1 / design.alpha) + math.log1p(ratio)
    return ratio * design.noise(outcomes)


def _power_at_the_end(design: Design, outcomes: int) -> float:
    noise = design.noise(outcomes)
    border = half_width(noise, _best_mixture(design, outcomes), design.alpha)
    return NormalDist().cdf((design.effect - border) / math.sqrt(noise))


def judge(planned: Plan, arms: Mapping[str, Arm], units: Mapping[str, int] | None = None) -> Result:
    """Return what may be said of two variants now, whenever that is.

    Args:
        planned: The experiment's plan.
        arms: Outcomes of each variant.
        units: Units of each variant, for the check of the division; the outcomes' counts when left out.
    """
    a, b = (arms.get(name, Arm()) for name in VARIANTS)
    seen = units or {"a": a.count, "b": b.count}
    chance = ratio_chance(seen.get("a", 0), seen.get("b", 0), planned.design.share_b)
    outcomes = a.count + b.count
    difference = b.mean - a.mean
    low, high = -math.inf, math.inf
    if min(a.count, b.count) >= SMALLEST_ARM:
        noise = a.variance / a.count + b.variance / b.count
        wide = half_width(noise, planned.mixture, planned.design.alpha)
        low, high = difference - wide, difference + wide
    return Result(
        verdict=_verdict(low, high, outcomes, planned.most, chance),
        difference=difference,
        low=low,
        high=high,
        outcomes=outcomes,
        most=planned.most,
        ratio_chance=chance,
    )


def _verdict(low: float, high: float, outcomes: int, most: int, chance: float) -> Verdict:
    if chance < RATIO_ALARM:
        return "broken"
    if low > 0:
        return "b is better"
    if high < 0:
        return "b is worse"
    if outcomes >= most:
        return "no difference found"
    return "too early" if math.isinf(low) else "go on"


def ratio_chance(a: int, b: int, share_b: float) -> float:
    """Return the chance of a division of units at least as uneven as this one (two-sided, normal)."""
    count = a + b
    if not count:
        return 1.0
    spread = math.sqrt(count * share_b * (1 - share_b))
    return 2 * (1 - NormalDist().cdf(abs(b - count * share_b) / spread))


def gathered(outcomes: Iterable[tuple[str, float]]) -> dict[str, Arm]:
    """Return the arms of a stream of variants and outcomes."""
    arms = {name: Arm() for name in VARIANTS}
    for name, value in outcomes:
        arms[name] = arms[name].add(value)
    return arms
