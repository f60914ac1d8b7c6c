"""From an application to the numbers that the model reads; the same code trains and serves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

from services.credit_risk.schema import CreditApplication
from services.readiness.digests import json_digest
from services.readiness.online_features import Definition


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One input of the model.

    Args:
        name: The field of the application.
        categories: The allowed values in the order of their codes; empty for a number.
    """

    name: str
    categories: tuple[str, ...] = ()


def _features() -> tuple[Feature, ...]:
    return tuple(
        Feature(name=name, categories=tuple(str(value) for value in get_args(field.annotation)))
        for name, field in CreditApplication.model_fields.items()
    )


FEATURES = _features()
CATEGORICAL = tuple(i for i, feature in enumerate(FEATURES) if feature.categories)
NUMERIC = tuple(i for i, feature in enumerate(FEATURES) if not feature.categories)
FEATURES_DIGEST = json_digest([[feature.name, *feature.categories] for feature in FEATURES])
"""Names a feature list; a model made for another one is refused at load."""

KNOWN = Definition(
    name="credit-application",
    version=1,
    columns=tuple(feature.name for feature in FEATURES),
    code=FEATURES_DIGEST,
)
"""What the feature stores hold of an application that has come in before."""

_CODES: tuple[tuple[str, dict[Any, float] | None], ...] = tuple(
    (f.name, {value: float(code) for code, value in enumerate(f.categories)} or None) for f in FEATURES
)


def encode(application: CreditApplication) -> list[float]:
    """Return the model's inputs in order: codes of categories, numbers as they are."""
    values = application.__dict__
    return [float(values[name]) if codes is None else codes[values[name]] for name, codes in _CODES]


def decode(row: Sequence[float]) -> CreditApplication:
    """Return the application that the model's inputs stand for: the inverse of :func:`encode`.

    Raises:
        ValueError: The numbers are no application (pydantic's error among them).
    """
    values = {
        feature.name: feature.categories[int(value)] if feature.categories else int(value)
        for feature, value in zip(FEATURES, row, strict=True)
    }
    return CreditApplication.model_validate(values)
