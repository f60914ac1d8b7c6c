"""What a project may set about its controls."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from policies.core.errors import PolicyError

ENVIRONMENTS = ("local", "local-dr", "dev", "staging", "prod", "prod-dr")
PACKS = ("security", "compliance", "readiness", "cost")
"""What a control may serve: keeping others out, proof for others, being fit for use, or cost."""
_KEYS = ("environment", "registries", "accounts", "owns_account", "today", "packs")
ECR = r"[0-9]{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?"
"""Private registries of AWS accounts, as a pattern."""


@dataclass(frozen=True, kw_only=True)
class PolicySettings:
    """Settings of the pack. The defaults are the strictest.

    Args:
        environment: Decides the level of each control; ``prod`` makes all of them mandatory.
        registries: Patterns (whole host names) of registries from which images may come.
        accounts: Account ids whose identities a policy may name.
        owns_account: Whether the stack sets up what an account has once; where false, another one does.
        today: Day by which dates are judged, as ``2026-01-31``; today's, in UTC, when empty.
        packs: Packs whose controls judge, in their fixed order.
    """

    environment: str = "prod"
    registries: tuple[str, ...] = (ECR,)
    accounts: tuple[str, ...] = ()
    owns_account: bool = True
    today: str = ""
    packs: tuple[str, ...] = PACKS

    @property
    def day(self) -> date:
        """The day by which dates are judged."""
        return date.fromisoformat(self.today) if self.today else datetime.now(UTC).date()

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> "PolicySettings":
        """Read the pack's configuration.

        Raises:
            PolicyError: An unknown key or environment, or a list that is none: a misspelt setting
                must not quietly mean another one.
        """
        unknown = sorted(set(raw) - set(_KEYS))
        if unknown:
            raise PolicyError(
                f"Unknown policy setting: {', '.join(unknown)}.",
                where="policy pack configuration",
                fix=f"Use {', '.join(_KEYS)}.",
            )
        environment = raw.get("environment", cls.environment)
        if environment not in ENVIRONMENTS:
            raise PolicyError(
                "The environment of the policy pack is not one that the controls know.",
                where="policy pack configuration: environment",
                fix=f"Use one of: {', '.join(ENVIRONMENTS)}.",
            )
        return cls(
            environment=environment,
            registries=_strings(raw, "registries", cls.registries),
            accounts=_strings(raw, "accounts", cls.accounts),
            owns_account=_yes_or_no(raw.get("owns_account", True)),
            today=_day(raw.get("today")),
            packs=_packs(_strings(raw, "packs", PACKS)),
        )

    def render(self) -> dict[str, Any]:
        """Return the settings as one policy's configuration."""
        rendered: dict[str, Any] = {
            "environment": self.environment,
            "registries": list(self.registries),
            "accounts": list(self.accounts),
            "owns_account": self.owns_account,
        }
        if self.packs != PACKS:
            rendered["packs"] = list(self.packs)
        return {**rendered, "today": self.today} if self.today else rendered


def _yes_or_no(value: object) -> bool:
    if not isinstance(value, bool):
        raise PolicyError(
            "The policy setting 'owns_account' is neither true nor false.",
            where="policy pack configuration: owns_account",
            fix="Write true, or false where another stack sets up the account.",
        )
    return value


def _day(value: object) -> str:
    if value is None:
        return ""
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise PolicyError(
            "The policy setting 'today' is not a day.",
            where="policy pack configuration: today",
            fix="Write it as 2026-01-31, or leave it out.",
        ) from None


def _packs(named: tuple[str, ...]) -> tuple[str, ...]:
    if not named or not set(named) <= set(PACKS):
        raise PolicyError(
            "The policy setting 'packs' names no pack, or one that there is not.",
            where="policy pack configuration: packs, or --pack",
            fix=f"Name at least one of: {', '.join(PACKS)}; or leave it out, for all of them.",
        )
    return tuple(pack for pack in PACKS if pack in named)


def _strings(raw: Mapping[str, Any], key: str, default: tuple[str, ...]) -> tuple[str, ...]:
    value = raw.get(key)
    if value is None:
        return default
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise PolicyError(
            f"The policy setting '{key}' is not a list of strings.",
            where=f"policy pack configuration: {key}",
            fix="Write it as a JSON list of strings.",
        )
    return tuple(value)
