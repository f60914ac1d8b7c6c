"""What the small services do; see ``small_services.py``."""

import datetime as dt
import time

from moto.guardduty.models import guardduty_backends

from infra.local.aws_api.small_services import Call, Document, Kept, MissingError, action, identifier, rest


def _now() -> str:
    return dt.datetime.fromtimestamp(time.time(), dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# Access Analyzer


def _analyzer_of(kept: Kept, arn: str) -> Document:
    return kept.get("analyzer", arn.rsplit("/", 1)[-1])


@rest("access-analyzer", "PUT", "/analyzer")
def create_analyzer(kept: Kept, call: Call) -> Document:
    """Keep an analyzer."""
    name = call.body["analyzerName"]
    arn = f"arn:aws:access-analyzer:{call.region}:{call.account}:analyzer/{name}"
    kept.put(
        "analyzer",
        name,
        {
            "arn": arn,
            "name": name,
            "type": call.body["type"],
            "createdAt": _now(),
            "status": "ACTIVE",
            "tags": call.body.get("tags") or {},
        },
    )
    return {"arn": arn}


@rest("access-analyzer", "GET", "/analyzer/([^/]+)")
def get_analyzer(kept: Kept, call: Call) -> Document:
    """Return one analyzer."""
    return {"analyzer": kept.get("analyzer", call.groups[0])}


@rest("access-analyzer", "GET", "/analyzer")
def list_analyzers(kept: Kept, call: Call) -> Document:
    """Return all analyzers of the region."""
    del call
    return {"analyzers": kept.all("analyzer")}


@rest("access-analyzer", "DELETE", "/analyzer/([^/]+)")
def delete_analyzer(kept: Kept, call: Call) -> Document:
    """Forget an analyzer."""
    kept.drop("analyzer", call.groups[0])
    return {}


@rest("access-analyzer", "GET", "/tags/(.+)")
def analyzer_tags(kept: Kept, call: Call) -> Document:
    """Return an analyzer's tags."""
    return {"tags": _analyzer_of(kept, call.groups[0])["tags"]}


@rest("access-analyzer", "POST", "/tags/(.+)")
def tag_analyzer(kept: Kept, call: Call) -> Document:
    """Add tags to an analyzer."""
    _analyzer_of(kept, call.groups[0])["tags"].update(call.body["tags"])
    return {}


@rest("access-analyzer", "DELETE", "/tags/(.+)")
def untag_analyzer(kept: Kept, call: Call) -> Document:
    """Take tags from an analyzer."""
    for key in call.query.get("tagKeys", []):
        _analyzer_of(kept, call.groups[0])["tags"].pop(key, None)
    return {}


# GuardDuty: moto has detectors with the tags that they are created with, not the change of tags


def _detector_tags(call: Call) -> Document:
    detectors = guardduty_backends[call.account][call.region].detectors
    number = call.groups[0].rsplit("/", 1)[-1]
    if number not in detectors:
        raise MissingError(f"There is no detector {number}.")
    tags: Document = detectors[number].tags
    return tags


@rest("guardduty", "GET", "/tags/(.+)", missing="BadRequestException")
def detector_tags(kept: Kept, call: Call) -> Document:
    """Return a detector's tags."""
    del kept
    return {"tags": _detector_tags(call)}


@rest("guardduty", "POST", "/tags/(.+)", missing="BadRequestException")
def tag_detector(kept: Kept, call: Call) -> Document:
    """Add tags to a detector."""
    del kept
    _detector_tags(call).update(call.body["tags"])
    return {}


@rest("guardduty", "DELETE", "/tags/(.+)", missing="BadRequestException")
def untag_detector(kept: Kept, call: Call) -> Document:
    """Take tags from a detector."""
    del kept
    for key in call.query.get("tagKeys", []):
        _detector_tags(call).pop(key, None)
    return {}


# Security Hub: moto has the hub, not its standards


@rest("securityhub", "PATCH", "/accounts")
def update_hub(kept: Kept, call: Call) -> Document:
    """Keep how the hub is set up."""
    kept.put("hub", "configuration", call.body)
    return {}


@rest("securityhub", "POST", "/standards/register")
def enable_standards(kept: Kept, call: Call) -> Document:
    """Keep subscriptions to standards."""
    made = []
    for request in call.body["StandardsSubscriptionRequests"]:
        standard = request["StandardsArn"].split("standards/", 1)[-1].split("ruleset/", 1)[-1]
        arn = f"arn:aws:securityhub:{call.region}:{call.account}:subscription/{standard}"
        subscription = {
            "StandardsSubscriptionArn": arn,
            "StandardsArn": request["StandardsArn"],
            "StandardsInput": request.get("StandardsInput") or {},
            "StandardsStatus": "READY",
        }
        made.append(kept.put("standard", arn, subscription))
    return {"StandardsSubscriptions": made}


@rest("securityhub", "POST", "/standards/get")
def enabled_standards(kept: Kept, call: Call) -> Document:
    """Return subscriptions: those that are named, or all."""
    named = call.body.get("StandardsSubscriptionArns")
    found = kept.all("standard")
    return {
        "StandardsSubscriptions": [s for s in found if not named or s["StandardsSubscriptionArn"] in named]
    }


@rest("securityhub", "POST", "/standards/deregister")
def disable_standards(kept: Kept, call: Call) -> Document:
    """Forget subscriptions."""
    gone = [kept.drop("standard", arn) for arn in call.body["StandardsSubscriptionArns"]]
    return {"StandardsSubscriptions": [{**s, "StandardsStatus": "DELETING"} for s in gone]}


# AWS Backup: moto has plans and vaults, not selections


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
    number = identifier()
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
