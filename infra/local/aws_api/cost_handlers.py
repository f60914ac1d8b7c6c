"""Anomalies, budget actions and the tags of both, which moto lacks; see ``small_services.py``."""

import uuid

from infra.local.aws_api.small_services import Call, Document, Kept, action, identifier

# Cost Explorer: anomalies


def _anomaly(kind: str, given: str, arn_key: str, path: str) -> None:
    """Register the four operations on monitors, or on subscriptions."""

    @action("ce", f"CreateAnomaly{given}")
    def create(kept: Kept, call: Call) -> Document:
        arn = f"arn:aws:ce::{call.account}:{path}/{identifier()}"
        kept.put(kind, arn, {**call.body[f"Anomaly{given}"], arn_key: arn, "AccountId": call.account})
        kept.put("tags", arn, {"ResourceTags": call.body.get("ResourceTags") or []})
        return {arn_key: arn}

    @action("ce", f"GetAnomaly{given}s")
    def get(kept: Kept, call: Call) -> Document:
        named = call.body.get(f"{arn_key}List")
        return {f"Anomaly{given}s": [d for d in kept.all(kind) if not named or d[arn_key] in named]}

    @action("ce", f"UpdateAnomaly{given}")
    def update(kept: Kept, call: Call) -> Document:
        changed = kept.get(kind, call.body[arn_key])
        changed.update({key: value for key, value in call.body.items() if value is not None})
        return {arn_key: call.body[arn_key]}

    @action("ce", f"DeleteAnomaly{given}")
    def delete(kept: Kept, call: Call) -> Document:
        kept.drop(kind, call.body[arn_key])
        return {}

    del create, get, update, delete


_anomaly("monitor", "Monitor", "MonitorArn", "anomalymonitor")
_anomaly("subscription", "Subscription", "SubscriptionArn", "anomalysubscription")


# Tags of what is kept here for Cost Explorer and for Budgets; the two spell the operations alike


def _tags_of(kept: Kept, arn: str) -> list[Document]:
    found: list[Document] = kept.get("tags", arn)["ResourceTags"] if kept.has("tags", arn) else []
    return found


def _tagging(service: str, key: str, *, all_here: bool) -> None:
    """Register the three operations on tags.

    Args:
        service: First label of the host.
        key: How the service spells the resource's name.
        all_here: Whether every resource's tags are kept here; else those that are not are moto's.
    """

    def known(kept: Kept, call: Call) -> str:
        arn: str = call.body[key]
        if not all_here and not kept.has("tags", arn):
            raise NotImplementedError
        return arn

    @action(service, "ListTagsForResource")
    def tags(kept: Kept, call: Call) -> Document:
        return {"ResourceTags": _tags_of(kept, known(kept, call))}

    @action(service, "TagResource")
    def tag(kept: Kept, call: Call) -> Document:
        arn = known(kept, call)
        merged = {t["Key"]: t for t in [*_tags_of(kept, arn), *call.body["ResourceTags"]]}
        kept.put("tags", arn, {"ResourceTags": list(merged.values())})
        return {}

    @action(service, "UntagResource")
    def untag(kept: Kept, call: Call) -> Document:
        arn = known(kept, call)
        left = [t for t in _tags_of(kept, arn) if t["Key"] not in call.body["ResourceTagKeys"]]
        kept.put("tags", arn, {"ResourceTags": left})
        return {}

    del tags, tag, untag


_tagging("ce", "ResourceArn", all_here=False)
_tagging("budgets", "ResourceARN", all_here=True)


# Budgets: moto has budgets and their notifications, not tags and actions


@action("budgets", "CreateBudget")
def tags_of_new_budget(kept: Kept, call: Call) -> Document:
    """Keep the tags that a budget is created with; the budget itself is moto's."""
    arn = f"arn:aws:budgets::{call.body['AccountId']}:budget/{call.body['Budget']['BudgetName']}"
    kept.put("tags", arn, {"ResourceTags": call.body.get("ResourceTags") or []})
    raise NotImplementedError


@action("budgets", "CreateBudgetAction")
def create_budget_action(kept: Kept, call: Call) -> Document:
    """Keep what happens when a budget is spent."""
    number = str(uuid.UUID(hex=identifier()))  # clients refuse an id of another form
    named = {"AccountId": call.body["AccountId"], "BudgetName": call.body["BudgetName"]}
    kept.put("action", number, {**call.body, "ActionId": number, "Status": "STANDBY"})
    arn = f"arn:aws:budgets::{call.account}:budget/{named['BudgetName']}/action/{number}"
    kept.put("tags", arn, {"ResourceTags": call.body.get("ResourceTags") or []})
    return {**named, "ActionId": number}


@action("budgets", "DescribeBudgetAction")
def describe_budget_action(kept: Kept, call: Call) -> Document:
    """Return one action."""
    found = kept.get("action", call.body["ActionId"])
    return {key: found[key] for key in ("AccountId", "BudgetName")} | {"Action": found}


@action("budgets", "DescribeBudgetActionsForBudget")
def describe_actions_of_budget(kept: Kept, call: Call) -> Document:
    """Return the actions of one budget."""
    return {"Actions": [a for a in kept.all("action") if a["BudgetName"] == call.body["BudgetName"]]}


@action("budgets", "DescribeBudgetActionsForAccount")
def describe_actions_of_account(kept: Kept, call: Call) -> Document:
    """Return the actions of all budgets."""
    return {"Actions": [a for a in kept.all("action") if a["AccountId"] == call.body["AccountId"]]}


@action("budgets", "UpdateBudgetAction")
def update_budget_action(kept: Kept, call: Call) -> Document:
    """Change one action."""
    found = kept.get("action", call.body["ActionId"])
    old = dict(found)
    found.update(call.body)
    return {key: found[key] for key in ("AccountId", "BudgetName")} | {"OldAction": old, "NewAction": found}


@action("budgets", "DeleteBudgetAction")
def delete_budget_action(kept: Kept, call: Call) -> Document:
    """Forget one action."""
    gone = kept.drop("action", call.body["ActionId"])
    return {key: gone[key] for key in ("AccountId", "BudgetName")} | {"Action": gone}


@action("ce", "UpdateCostAllocationTagsStatus")
def update_cost_allocation_tags_status(kept: Kept, call: Call) -> Document:
    """Keep which tags are active. AWS refuses tags that it has not seen in use; here all are known."""
    for entry in call.body["CostAllocationTagsStatus"]:
        kept.put("allocation tag", entry["TagKey"], {**entry, "Type": "UserDefined"})
    return {"Errors": []}


@action("ce", "ListCostAllocationTags")
def list_cost_allocation_tags(kept: Kept, call: Call) -> Document:
    """Return the tags that were activated or switched off."""
    wanted = call.body.get("TagKeys")
    found = [tag for tag in kept.all("allocation tag") if not wanted or tag["TagKey"] in wanted]
    return {"CostAllocationTags": found}
