"""Before an ``up``: has the account what the GPU pools need? Refused with the number that is missing."""

from dataclasses import dataclass
from typing import Any

from infra import naming, network_plan
from infra.errors import PlinthError, RefusedError
from infra.ops import account
from infra.ops.preflight import quota, reading
from infra.settings import Settings

NEEDED = (
    "ec2:DescribeInstanceTypeOfferings",
    "ec2:DescribeInstances",
    "servicequotas:GetAWSDefaultServiceQuota",
    "servicequotas:GetServiceQuota",
    "servicequotas:ListRequestedServiceQuotaChangeHistoryByQuota",
)
"""What whoever runs a preflight must be allowed."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a preflight found.

    Args:
        stack: The stack.
        account: Account that was asked.
        region: Region that was asked.
        rows: A row for each quota that the pools need.
        gaps: Pool to type to the zones of the network that do not offer it.
        nowhere: Pools that no zone of the network offers any type for.
    """

    stack: str
    account: str
    region: str
    rows: list[quota.Row]
    gaps: dict[str, dict[str, list[str]]]
    nowhere: list[str]

    @property
    def ok(self) -> bool:
        """Whether the pools could grow to their largest."""
        return not self.nowhere and not any(row.missing for row in self.rows)

    def as_json(self) -> dict[str, Any]:
        """Return the report as data."""
        return {
            "stack": self.stack,
            "account": self.account,
            "region": self.region,
            "ok": self.ok,
            "quotas": [
                {
                    "code": row.quota.code,
                    "name": row.quota.name,
                    "limit_vcpus": row.limit,
                    "used_by_others_vcpus": row.others,
                    "needed_vcpus": row.needed,
                    "missing_vcpus": row.missing,
                    "asked_vcpus": row.asked,
                    "pools": dict(row.pools),
                    "command": row.command,
                }
                for row in self.rows
            ],
            "not_offered": self.gaps,
            "nowhere": self.nowhere,
        }


def look(settings: Settings) -> Report:
    """Ask the account of a stack: the local AWS API, or AWS with the caller's own credentials.

    Raises:
        PlinthError: The account cannot be asked, or it is not the stack's.
    """
    pools, region = settings.gpu.pools, settings.aws.region
    wanted = quota.demands(pools)
    # As the network is planned.
    zones = [f"{region}{letter}" for letter in network_plan.ZONES[region][: settings.network.zones]]
    asked = account.Account.of(settings)
    try:
        has = reading.read(
            asked.client("service-quotas"),
            asked.client("ec2"),
            codes=[demand.quota.code for demand in wanted],
            kinds={kind for pool in pools.values() for kind in pool.instance_types},
            cluster=naming.cluster(settings.environment),
            pools=[f"gpu-{name}" for name in pools],
        )
    except account.UNANSWERED as error:
        raise PlinthError(
            f"The quotas of account {settings.aws.account_id} could not be read: {account.reason(error)}.",
            where=f"preflight of stack '{settings.environment}', region {region}",
            fix=f"Use a role that may do {', '.join(NEEDED)}; those of CI may.",
        ) from None
    return Report(
        stack=settings.environment,
        account=settings.aws.account_id,
        region=region,
        rows=quota.judge(wanted, has, region=region),
        gaps=quota.unoffered(pools, has, zones),
        nowhere=quota.nowhere(pools, has, zones),
    )


def require(report: Report) -> None:
    """Refuse when pools could not grow to their largest, all reasons at once.

    Raises:
        RefusedError: With the number that is missing and the command that asks for it.
    """
    if report.ok:
        return
    lines = [
        f"Account {report.account} cannot hold the GPU pools of stack '{report.stack}' in {report.region}:"
    ]
    for row in report.rows:
        if not row.missing:
            continue
        shares = ", ".join(f"{pool} {vcpus}" for pool, vcpus in row.pools.items())
        lines.append(
            f"  - {row.missing} vCPUs are missing in quota '{row.quota.name}' ({row.quota.code}): "
            f"it has {row.limit}, {row.others} are used by others, the pools take {row.needed} "
            f"at their largest ({shares})"
        )
        if row.asked:
            lines.append(f"    a request for {row.asked} is waiting for an answer")
    lines += [f"  - no zone of the network offers any type of pool '{name}'" for name in report.nowhere]
    commands = [row.command for row in report.rows if row.command]
    raise RefusedError(
        "\n".join(lines),
        where=f"stacks/Pulumi.{report.stack}.yaml, key plinth:gpu.pools; nothing was touched",
        fix="Ask for more:\n"
        + "\n".join(f"           {command}" for command in commands)
        + "\n         or lower max_nodes. An answer takes minutes to days; then run the same command again."
        if commands
        else "Wait for the answer, choose other instance types, or lower max_nodes.",
    )
