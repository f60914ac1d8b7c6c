"""Before an ``up``: has the account what the GPU pools need? Refused with the number that is missing."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra import naming, network_plan
from infra.errors import PlinthError, RefusedError
from infra.gpu_instances import INSTANCES
from infra.local.paths import repo_root
from infra.ops.preflight import quota
from infra.settings import Settings

READ_SECONDS = 120
"""Seconds for the reading of an account: about ten requests, each repeated by boto3 up to five times."""
_DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")


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


def look(settings: Settings, environ: Mapping[str, str]) -> Report:
    """Ask the account of a stack.

    Args:
        settings: Settings of the stack.
        environ: Environment with the credentials; that of an emulated stack leads to the local AWS API only.

    Raises:
        PlinthError: The account cannot be asked, or it is not the stack's.
    """
    pools, region = settings.gpu.pools, settings.aws.region
    wanted = quota.demands(pools)
    zones = [
        f"{region}{letter}" for letter in network_plan.ZONES[region][: settings.network.zones]
    ]  # as the network is planned
    answer = _ask(
        {
            "account": settings.aws.account_id,
            "region": region,
            "codes": [demand.quota.code for demand in wanted],
            "kinds": sorted({kind for pool in pools.values() for kind in pool.instance_types}),
            "cluster": naming.cluster(settings.environment),
            "pools": [f"gpu-{name}" for name in pools],
        },
        environ,
        settings,
    )
    account = quota.Account(
        limits={code: quota.Limit(**limit) for code, limit in answer["limits"].items()},
        running=[_instance(one) for one in answer["running"]],
        zones={kind: frozenset(found) for kind, found in answer["zones"].items()},
    )
    return Report(
        stack=settings.environment,
        account=answer["account"],
        region=region,
        rows=quota.judge(wanted, account, region=region),
        gaps=quota.unoffered(pools, account, zones),
        nowhere=quota.nowhere(pools, account, zones),
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


def _instance(row: dict[str, Any]) -> quota.Running:
    """Return a running instance; what the API leaves out of its CPUs comes from the table."""
    known = INSTANCES.get(row["kind"])
    return quota.Running(**{**row, "vcpus": row["vcpus"] or (known.vcpus if known else 0)})


def _ask(question: dict[str, Any], environ: Mapping[str, str], settings: Settings) -> dict[str, Any]:
    try:
        done = subprocess.run(
            [sys.executable, "-m", "infra.ops.preflight.reading"],
            input=json.dumps(question),
            env=dict(environ),
            cwd=repo_root(),
            capture_output=True,
            text=True,
            check=False,
            timeout=READ_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise _unasked(settings, f"it did not answer within {READ_SECONDS} s", "Try again.") from None
    if done.returncode:
        raise _unasked(
            settings, done.stderr.strip().rpartition("\n")[2], "This is a bug; report the line above."
        )
    answer: dict[str, Any] = json.loads(done.stdout)
    if "error" in answer:
        at = f" at {answer['operation']}" if answer["operation"] else ""
        needs = (
            "The role needs servicequotas:GetServiceQuota, servicequotas:GetAWSDefaultServiceQuota, "
            "servicequotas:ListRequestedServiceQuotaChangeHistoryByQuota, ec2:DescribeInstances and "
            "ec2:DescribeInstanceTypeOfferings."
            if answer["error"] in _DENIED
            else f"Get credentials of account {settings.aws.account_id}, then run the same command again."
        )
        raise _unasked(settings, f"{answer['error']}{at}", needs)
    if answer["account"] != settings.aws.account_id:
        raise _unasked(
            settings,
            f"the credentials are of account {answer['account']}",
            f"Get credentials of account {settings.aws.account_id}.",
        )
    return answer


def _unasked(settings: Settings, reason: str, fix: str) -> PlinthError:
    return PlinthError(
        f"The quotas of account {settings.aws.account_id} could not be read: {reason}.",
        where=f"preflight of stack '{settings.environment}', region {settings.aws.region}",
        fix=fix,
    )
