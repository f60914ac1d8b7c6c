"""What the small services do; see ``small_services.py``."""

import datetime as dt
import time

from moto.guardduty.models import guardduty_backends

from infra.local.aws_api.small_services import Call, Document, Kept, MissingError, rest


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
