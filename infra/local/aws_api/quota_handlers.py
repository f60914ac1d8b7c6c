"""Quotas of EC2, which moto lacks; see ``small_services.py``. A request for more is granted at once here."""

import datetime as dt
import time

from infra.local.aws_api.small_services import Call, Document, Kept, MissingError, action, identifier

NAMES = {
    "L-DB2E81BA": "Running On-Demand G and VT instances",
    "L-417A185B": "Running On-Demand P instances",
    "L-3819A6DF": "All G and VT Spot Instance Requests",
    "L-7212CCBC": "All P4, P3 and P2 Spot Instance Requests",
    "L-C4BD4855": "All P5 Spot Instance Requests",
}
"""Quotas that count virtual CPUs of GPU instances."""
DEFAULT_VCPUS = 0.0
"""What a new account has of each: nothing, as many report of AWS; it is not documented."""
GRANTED_VCPUS = {"L-DB2E81BA": 128.0}
"""What the local account was given: enough for the local stack's pool, and little enough to be used up."""
MISSING = "NoSuchResourceException"


def _quota(call: Call, value: float) -> Document:
    code = call.body["QuotaCode"]
    return {
        "Quota": {
            "ServiceCode": "ec2",
            "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)",
            "QuotaCode": code,
            "QuotaArn": f"arn:aws:servicequotas:{call.region}:{call.account}:ec2/{code}",
            "QuotaName": NAMES[code],
            "Value": value,
            "Unit": "None",
            "Adjustable": True,
            "GlobalQuota": False,
        }
    }


def _known(call: Call) -> str:
    """Return the code of a quota that is kept here; others are moto's."""
    if call.body.get("ServiceCode") != "ec2":
        raise NotImplementedError
    code = str(call.body["QuotaCode"])
    if code not in NAMES:
        raise MissingError(f"There is no quota {code} of ec2 in the local AWS API.")
    return code


@action("servicequotas", "GetServiceQuota", missing=MISSING)
def get_quota(kept: Kept, call: Call) -> Document:
    """Return what the account has; nothing when it never asked, which is told as AWS tells it."""
    code = _known(call)
    if kept.has("quota", code):
        return _quota(call, kept.get("quota", code)["Value"])
    if code in GRANTED_VCPUS:
        return _quota(call, GRANTED_VCPUS[code])
    raise MissingError(f"The account has no own value of quota {code}.")


@action("servicequotas", "GetAWSDefaultServiceQuota", missing=MISSING)
def get_default_quota(kept: Kept, call: Call) -> Document:
    """Return what a new account has."""
    del kept
    _known(call)
    return _quota(call, DEFAULT_VCPUS)


@action("servicequotas", "RequestServiceQuotaIncrease", missing=MISSING)
def request_increase(kept: Kept, call: Call) -> Document:
    """Grant a request at once; AWS takes minutes to days."""
    code, number = _known(call), identifier()
    value = float(call.body["DesiredValue"])
    request = {
        "Id": number,
        "ServiceCode": "ec2",
        "QuotaCode": code,
        "QuotaName": NAMES[code],
        "DesiredValue": value,
        "Status": "APPROVED",
        "Created": dt.datetime.fromtimestamp(time.time(), dt.UTC).timestamp(),
    }
    kept.put("quota", code, {"Value": value})
    return {"RequestedQuota": kept.put("request", number, request)}


@action("servicequotas", "ListRequestedServiceQuotaChangeHistoryByQuota", missing=MISSING)
def requests(kept: Kept, call: Call) -> Document:
    """Return the requests of a quota."""
    code = _known(call)
    return {"RequestedQuotas": [one for one in kept.all("request") if one["QuotaCode"] == code]}
