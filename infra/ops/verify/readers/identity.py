"""Reads roles: who may become them, within which boundary, and whether a statement gives everything."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from infra.ops.inventory.tags import pairs
from infra.ops.verify.readers.asking import Documents, Look


def wildcards(document: Mapping[str, Any]) -> list[str]:
    """Return the statements that allow a wildcard action on every resource. Pure."""
    found = []
    for number, statement in enumerate(_listed(document.get("Statement"))):
        actions = [str(action) for action in _listed(statement.get("Action"))]
        wide = [action for action in actions if action == "*" or action.endswith(":*")]
        wide += ["everything but some"] if "NotAction" in statement else []
        if statement.get("Effect") == "Allow" and wide and "*" in _listed(statement.get("Resource")):
            found.append(f"{statement.get('Sid') or number}: {', '.join(wide)}")
    return found


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _roles(look: Look) -> Documents:
    found: Documents = {}
    iam = look.account.client("iam")
    start = f"plinth-{look.settings.environment}-"
    for row in look.account.rows("iam", "list_roles", "Roles"):
        name = row["RoleName"]
        if not look.ours(pairs(look.account.rows("iam", "list_role_tags", "Tags", RoleName=name))):
            continue
        known = iam.get_role(RoleName=name)["Role"]
        boundary = known.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", "")
        trust = known["AssumeRolePolicyDocument"]
        statements = _listed(trust.get("Statement"))
        found[name] = {
            "duty": name.removeprefix(start),
            "boundary": boundary.rsplit("/", 1)[-1],
            "open_trust": [
                "anybody"
                for statement in statements
                if statement.get("Effect") == "Allow"
                and statement.get("Principal") in ("*", {"AWS": "*"})
                and not statement.get("Condition")
            ],
            "wildcards": [line for document in _documents(look, name) for line in wildcards(document)],
        }
    return found


def _documents(look: Look, role: str) -> Iterator[Mapping[str, Any]]:
    """Yield the documents of a role: its inline ones and the policies of the account itself."""
    iam = look.account.client("iam")
    for name in look.account.rows("iam", "list_role_policies", "PolicyNames", RoleName=role):
        yield _parsed(iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"])
    for row in look.account.rows("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=role):
        arn = row["PolicyArn"]
        if arn.startswith("arn:aws:iam::aws:"):
            continue  # AWS's own, which its documentation answers for
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        yield _parsed(iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"])


def _parsed(document: Any) -> Mapping[str, Any]:
    return json.loads(document) if isinstance(document, str) else document  # type: ignore[no-any-return]


def _federations(look: Look) -> Documents:
    rows = look.account.rows("iam", "list_open_id_connect_providers", "OpenIDConnectProviderList")
    found: Documents = {}
    for row in rows:
        known = look.account.client("iam").get_open_id_connect_provider(OpenIDConnectProviderArn=row["Arn"])
        found[known["Url"]] = {"host": known["Url"], "audiences": sorted(known.get("ClientIDList") or ())}
    return found


KINDS = {"role": _roles, "federation": _federations}
