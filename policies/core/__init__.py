"""The mechanism: three-valued values, checks, verdicts and findings. It knows no control by name."""

from policies.core.checks import Check, Family, RelationCheck, judge_relations, judge_resource
from policies.core.cursor import At
from policies.core.errors import PolicyError
from policies.core.relations import Stack
from policies.core.resources import Resource
from policies.core.settings import PolicySettings
from policies.core.values import ABSENT, UNKNOWN, Value, normalise
from policies.core.verdicts import (
    Finding,
    Outcome,
    Verdict,
    failed,
    not_applicable,
    passed,
    require,
    undecided,
)

__all__ = [
    "ABSENT",
    "UNKNOWN",
    "At",
    "Check",
    "Family",
    "Finding",
    "Outcome",
    "PolicyError",
    "PolicySettings",
    "RelationCheck",
    "Resource",
    "Stack",
    "Value",
    "Verdict",
    "failed",
    "judge_relations",
    "judge_resource",
    "normalise",
    "not_applicable",
    "passed",
    "require",
    "undecided",
]
