"""Compares what an ``up`` called with what CI's roles may do: nothing may be missing, nobody may get up."""

import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from infra.errors import Exit, PlinthError
from infra.iam import pipelines
from infra.iam.conditions import Context
from infra.iam.evaluation import Request, permitted
from infra.iam.scope import Scope
from infra.local.aws_api.journal import Journal
from infra.local.paths import home
from infra.ops import calls
from infra.ops.calls import Sent
from infra.settings import Settings
from infra.wiring import foundation

ENGINE = "Terraform"
"""Part of the user agent of the AWS provider, which says so for the library that it is built on."""
_LINE = re.compile(
    r"agent=(?P<agent>\S+) (?P<method>[A-Z]+) (?P<host>https://\S+) (?P<what>\S+)(?: (?P<s3>s3:\w+))? \d{3}$"
)


@dataclass(kw_only=True)
class Report:
    """What was compared, and what was refused.

    Args:
        requests: Requests of the engine that changed something.
        questions: What IAM is asked for them.
        actions: Different actions among all, reads included.
        refused: Question to how often it came up: the deployer's policy and boundary do not allow it.
        administrators: The same for what only the first ``up`` does, which an administrator makes.
        unseen: Role to the reads that it may not make.
    """

    requests: int = 0
    questions: int = 0
    actions: set[str] = field(default_factory=set)
    refused: Counter[str] = field(default_factory=Counter)
    administrators: Counter[str] = field(default_factory=Counter)
    unseen: dict[str, list[str]] = field(default_factory=dict)


def compare(settings: Settings) -> Report:
    """Compare the calls of this home's local AWS API with the two roles of CI.

    Raises:
        PlinthError: The stack has no such roles, or nothing was ever brought up here.
    """
    if not settings.identity.repository:
        raise PlinthError(
            f"Stack '{settings.environment}' has no roles of CI.",
            where="plinth:identity.repository",
            fix="Name the repository whose workflows deploy.",
            code=Exit.SETTINGS,
        )
    journal = home() / "local" / "aws" / "journal"
    if not journal.exists():
        raise PlinthError("Nothing was brought up here, so no call is known.", fix="./plinth up")
    scope = foundation.scope(settings)
    with tempfile.TemporaryDirectory(prefix="plinth-") as folder:
        copy = Path(shutil.copy2(journal, folder))  # the API holds its own
        report = judge(scope, changes(copy))
    roles = {role.duty: role.policy() for role in pipelines.pipelines(scope)}
    seen = sorted(set(reads(home() / "local" / "logs" / "aws.log")))
    report.actions |= set(seen)
    boundary = pipelines.boundary(scope)
    for duty, policy in roles.items():
        known = Context(values={"aws:principalarn": (scope.role(duty),)})
        report.unseen[duty] = [
            action
            for action in seen
            if not permitted([policy], boundary, Request(action=action, resource="*", known=known))
        ]
    return report


def changes(journal: Path) -> Iterator[Sent]:
    """Give the engine's requests that changed something, in order."""
    for record in Journal(journal, "read only").replay():
        headers = {name.lower(): value for name, value in record.headers.items()}
        if ENGINE in headers.get("user-agent", ""):
            yield Sent(
                method=record.method, host=record.host, path=record.path, headers=headers, body=record.body
            )


def reads(log: Path) -> Iterator[str]:
    """Give the actions of the engine's requests that only looked."""
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        found = _LINE.search(line)
        if found is None or found["agent"] != ENGINE:
            continue
        action = found["s3"] or _named(found)
        if calls.reads(action):
            yield action


def _named(found: "re.Match[str]") -> str:
    is_path = found["what"].startswith("/")
    headers: Mapping[str, str] = {} if is_path else {"x-amz-target": f"Service.{found['what']}"}
    path = found["what"] if is_path else "/"
    sent = Sent(method=found["method"], host=found["host"], path=path, headers=headers, body=b"")
    return calls.action_of(sent)[1]


def judge(scope: Scope, sent: Iterator[Sent]) -> Report:
    """Ask the deployer's policy and boundary about every request. Pure."""
    deployer = next(role for role in pipelines.pipelines(scope) if role.duty == "ci-deploy").policy()
    boundary, boundaries, report = pipelines.boundary(scope), dict[str, str](), Report()
    who = {"aws:principalarn": (scope.role("ci-deploy"),)}
    for one in sent:
        report.requests += 1
        for question in calls.asked(one, account=scope.account_id, boundaries=boundaries):
            own = calls.own(question, scope.environment)
            known = Context(values={**own.known.values, **who})
            asked = Request(action=own.action, resource=own.resource, known=known)
            report.questions += 1
            report.actions.add(own.action)
            if not permitted([deployer], boundary, asked):
                kind = report.administrators if administrators(scope, own) else report.refused
                kind[f"{own.action} on {own.resource}"] += 1
    return report


def administrators(scope: Scope, request: Request) -> bool:
    """Tell whether only the first ``up`` asks for this: the boundary, the issuer, the deployer itself."""
    provider = scope.arn("iam", f"oidc-provider/{pipelines.WORKFLOW_HOST}", region="")
    return request.resource in {scope.boundary, provider, scope.role("ci-deploy")}
