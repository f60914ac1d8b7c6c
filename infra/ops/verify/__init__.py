"""Reads an environment back from AWS and Kubernetes and compares it with what design.md promises."""

from collections import Counter
from typing import Any

from infra.ops.account import Account
from infra.ops.verify.model import Facts, Finding, Verdict, judge_all
from infra.ops.verify.promises import PROMISES
from infra.ops.verify.readers import collect
from infra.settings import Settings

__all__ = ["PROMISES", "Facts", "Finding", "Verdict", "as_json", "audit", "collect", "counts", "judge_all"]


def audit(settings: Settings) -> list[Finding]:
    """Return the verdict on every promise that is made for a stack.

    Args:
        settings: Settings of the stack; the only thing that is not read from the APIs.

    Raises:
        PlinthError: There is nothing to ask, or it is somebody else's account.
    """
    return judge_all(PROMISES, collect(Account.of(settings), settings), settings)


def counts(findings: list[Finding]) -> dict[str, int]:
    """Return verdict to number of promises, all three of them."""
    found = Counter(finding.verdict for finding in findings)
    return {str(verdict): found[verdict] for verdict in Verdict}


def as_json(findings: list[Finding]) -> dict[str, Any]:
    """Return the findings as data for ``--json``."""
    return {
        "counts": counts(findings),
        "findings": [
            {
                "id": finding.promise.id,
                "promise": finding.promise.says,
                "design": finding.promise.design,
                "read": finding.promise.read,
                "verdict": str(finding.verdict),
                "looked_at": finding.looked_at,
                "why": list(finding.why),
            }
            for finding in findings
        ],
    }
