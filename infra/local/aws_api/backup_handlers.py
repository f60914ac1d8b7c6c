"""What moto lacks of AWS Backup: selections, vault policies, restore tests; see ``small_services.py``."""

import time

from infra.local.aws_api.small_services import Call, Document, Kept, MissingError, identifier, rest


@rest("backup", "PUT", "/backup/plans/([^/]+)/selections/?")
def create_selection(kept: Kept, call: Call) -> Document:
    """Keep what a plan backs up."""
    made = {
        "BackupPlanId": call.groups[0],
        "SelectionId": identifier(),
        "CreationDate": time.time(),
        "BackupSelection": call.body["BackupSelection"],
        "CreatorRequestId": call.body.get("CreatorRequestId", ""),
    }
    kept.put("selection", f"{made['BackupPlanId']}/{made['SelectionId']}", made)
    return {key: made[key] for key in ("BackupPlanId", "SelectionId", "CreationDate")}


@rest("backup", "GET", "/backup/plans/([^/]+)/selections/([^/]+)")
def get_selection(kept: Kept, call: Call) -> Document:
    """Return one selection."""
    return kept.get("selection", "/".join(call.groups))


@rest("backup", "GET", "/backup/plans/([^/]+)/selections/?")
def list_selections(kept: Kept, call: Call) -> Document:
    """Return the selections of a plan."""
    return {
        "BackupSelectionsList": [
            {
                "SelectionId": s["SelectionId"],
                "BackupPlanId": s["BackupPlanId"],
                "SelectionName": s["BackupSelection"]["SelectionName"],
            }
            for s in kept.all("selection")
            if s["BackupPlanId"] == call.groups[0]
        ]
    }


@rest("backup", "DELETE", "/backup/plans/([^/]+)/selections/([^/]+)")
def delete_selection(kept: Kept, call: Call) -> Document:
    """Forget a selection."""
    kept.drop("selection", "/".join(call.groups))
    return {}


@rest("backup", "PUT", "/backup-vaults/([^/]+)/access-policy")
def put_vault_policy(kept: Kept, call: Call) -> Document:
    """Keep who may do what with a vault."""
    kept.put("vault-policy", call.groups[0], {"Policy": call.body["Policy"]})
    return {}


@rest("backup", "GET", "/backup-vaults/([^/]+)/access-policy")
def get_vault_policy(kept: Kept, call: Call) -> Document:
    """Return a vault's policy."""
    name = call.groups[0]
    return {"BackupVaultName": name, **kept.get("vault-policy", name)}


@rest("backup", "DELETE", "/backup-vaults/([^/]+)/access-policy")
def delete_vault_policy(kept: Kept, call: Call) -> Document:
    """Forget a vault's policy."""
    kept.drop("vault-policy", call.groups[0])
    return {}


# Restore tests: plans and their selections are kept; nothing is restored here


@rest("backup", "PUT", "/restore-testing/plans/?")
def create_restore_plan(kept: Kept, call: Call) -> Document:
    """Keep a plan of restore tests."""
    given = call.body["RestoreTestingPlan"]
    name = given["RestoreTestingPlanName"]
    arn = f"arn:aws:backup:{call.region}:{call.account}:restore-testing-plan:{name}-{identifier(8)}"
    made = {**given, "RestoreTestingPlanArn": arn, "CreationTime": time.time()}
    kept.put("restore-plan", name, made)
    kept.put("restore-tags", arn, {"Tags": call.body.get("Tags") or {}})
    return {key: made[key] for key in ("CreationTime", "RestoreTestingPlanArn", "RestoreTestingPlanName")}


@rest("backup", "GET", "/restore-testing/plans/?")
def list_restore_plans(kept: Kept, call: Call) -> Document:
    """Return all plans of the region."""
    del call
    return {"RestoreTestingPlans": kept.all("restore-plan")}


@rest("backup", "GET", "/restore-testing/plans/([^/]+)/?")
def get_restore_plan(kept: Kept, call: Call) -> Document:
    """Return one plan."""
    return {"RestoreTestingPlan": kept.get("restore-plan", call.groups[0])}


@rest("backup", "PUT", "/restore-testing/plans/([^/]+)/?")
def update_restore_plan(kept: Kept, call: Call) -> Document:
    """Change one plan."""
    found = kept.get("restore-plan", call.groups[0])
    found.update({**call.body["RestoreTestingPlan"], "LastUpdateTime": time.time()})
    return {key: found[key] for key in ("CreationTime", "RestoreTestingPlanArn", "RestoreTestingPlanName")}


@rest("backup", "DELETE", "/restore-testing/plans/([^/]+)/?")
def delete_restore_plan(kept: Kept, call: Call) -> Document:
    """Forget a plan."""
    kept.drop("restore-tags", kept.drop("restore-plan", call.groups[0])["RestoreTestingPlanArn"])
    return {}


_IN_SELECTION = ("CreationTime", "RestoreTestingPlanName", "RestoreTestingSelectionName")


@rest("backup", "PUT", "/restore-testing/plans/([^/]+)/selections/?")
def create_restore_selection(kept: Kept, call: Call) -> Document:
    """Keep what a plan restores."""
    plan = kept.get("restore-plan", call.groups[0])
    given = call.body["RestoreTestingSelection"]
    made = {
        **given,
        "RestoreTestingPlanName": call.groups[0],
        "CreationTime": time.time(),
        "CreatorRequestId": call.body.get("CreatorRequestId", ""),
    }
    kept.put("restore-selection", f"{call.groups[0]}/{given['RestoreTestingSelectionName']}", made)
    said = {key: made[key] for key in _IN_SELECTION}
    return {**said, "RestoreTestingPlanArn": plan["RestoreTestingPlanArn"]}


@rest("backup", "GET", "/restore-testing/plans/([^/]+)/selections/?")
def list_restore_selections(kept: Kept, call: Call) -> Document:
    """Return the selections of a plan."""
    found = [s for s in kept.all("restore-selection") if s["RestoreTestingPlanName"] == call.groups[0]]
    return {"RestoreTestingSelections": found}


@rest("backup", "GET", "/restore-testing/plans/([^/]+)/selections/([^/]+)")
def get_restore_selection(kept: Kept, call: Call) -> Document:
    """Return one selection."""
    return {"RestoreTestingSelection": kept.get("restore-selection", "/".join(call.groups))}


@rest("backup", "PUT", "/restore-testing/plans/([^/]+)/selections/([^/]+)")
def update_restore_selection(kept: Kept, call: Call) -> Document:
    """Change one selection."""
    found = kept.get("restore-selection", "/".join(call.groups))
    found.update(call.body["RestoreTestingSelection"])
    plan = kept.get("restore-plan", call.groups[0])
    said = {key: found[key] for key in _IN_SELECTION}
    return {**said, "RestoreTestingPlanArn": plan["RestoreTestingPlanArn"], "UpdateTime": time.time()}


@rest("backup", "DELETE", "/restore-testing/plans/([^/]+)/selections/([^/]+)")
def delete_restore_selection(kept: Kept, call: Call) -> Document:
    """Forget a selection."""
    kept.drop("restore-selection", "/".join(call.groups))
    return {}


def _restore_tags(kept: Kept, call: Call) -> dict[str, str]:
    try:
        tags: dict[str, str] = kept.get("restore-tags", call.groups[0])["Tags"]
    except MissingError:
        raise NotImplementedError from None  # the tags of everything else are moto's
    return tags


@rest("backup", "GET", "/tags/([^/]+)/?")
def list_restore_tags(kept: Kept, call: Call) -> Document:
    """Return the tags of a plan of restore tests."""
    return {"Tags": _restore_tags(kept, call)}


@rest("backup", "POST", "/tags/([^/]+)/?")
def tag_restore_plan(kept: Kept, call: Call) -> Document:
    """Add tags to a plan of restore tests."""
    _restore_tags(kept, call).update(call.body["Tags"])
    return {}


@rest("backup", "POST", "/untag/([^/]+)/?")
def untag_restore_plan(kept: Kept, call: Call) -> Document:
    """Take tags from a plan of restore tests."""
    tags = _restore_tags(kept, call)
    for key in call.body["TagKeyList"]:
        tags.pop(key, None)
    return {}


@rest("backup", "GET", "/backup-vaults/([^/]+)/recovery-points/?")
def recovery_points(kept: Kept, call: Call) -> Document:
    """Return no backup: nothing is ever backed up here."""
    del kept, call
    return {"RecoveryPoints": []}
