"""Reads what an account has, as a process of its own: ``python -m infra.ops.preflight.reading``.

It takes a question as JSON on standard input and prints the answer as JSON. A process of its own, because
what it can reach is decided by its environment alone: that of an emulated stack leads to loopback only.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

SERVICE = "ec2"
_FAMILIES = ["g*", "p*", "vt*"]
_PENDING = ("PENDING", "CASE_OPENED")
"""States of a request for more that nobody has answered yet (Service Quotas API)."""


def read(session: Any, question: dict[str, Any]) -> dict[str, Any]:
    """Return what an account has.

    Args:
        session: Session of boto3.
        question: ``account`` that is expected, ``region``, ``codes`` of quotas, ``kinds`` of instances,
            ``cluster`` and ``pools`` of the stack.
    """
    config = Config(retries={"max_attempts": 5, "mode": "standard"}, connect_timeout=10, read_timeout=30)

    def client(service: str) -> Any:
        return session.client(service, region_name=question["region"], config=config)

    account = str(client("sts").get_caller_identity()["Account"])
    if account != question["account"]:
        return {"account": account}  # whose numbers would mean nothing
    quotas, ec2 = client("service-quotas"), client("ec2")
    return {
        "account": account,
        "limits": {code: _limit(quotas, code) for code in question["codes"]},
        "running": list(_running(ec2, cluster=question["cluster"], pools=set(question["pools"]))),
        "zones": _zones(ec2, question["kinds"]),
    }


def _limit(quotas: Any, code: str) -> dict[str, Any]:
    try:
        found = quotas.get_service_quota(ServiceCode=SERVICE, QuotaCode=code)["Quota"]
    except quotas.exceptions.NoSuchResourceException:
        # Never changed in this account, so AWS keeps no value of its own for it.
        found = quotas.get_aws_default_service_quota(ServiceCode=SERVICE, QuotaCode=code)["Quota"]
    pages = quotas.get_paginator("list_requested_service_quota_change_history_by_quota")
    asked = [
        int(request["DesiredValue"])
        for page in pages.paginate(ServiceCode=SERVICE, QuotaCode=code)
        for request in page["RequestedQuotas"]
        if request["Status"] in _PENDING
    ]
    return {"vcpus": int(found["Value"]), "asked": max(asked, default=None)}


def _running(ec2: Any, *, cluster: str, pools: set[str]) -> Iterator[dict[str, Any]]:
    pages = ec2.get_paginator("describe_instances").paginate(
        Filters=[
            {"Name": "instance-state-name", "Values": ["pending", "running"]},
            {"Name": "instance-type", "Values": _FAMILIES},
        ]
    )
    for page in pages:
        for reservation in page["Reservations"]:
            for instance in reservation["Instances"]:
                tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
                own = tags.get("eks:cluster-name") == cluster and tags.get("plinth:pool") in pools
                cpu = instance.get("CpuOptions") or {}
                yield {
                    "kind": instance["InstanceType"],
                    "vcpus": int(cpu.get("CoreCount", 0)) * int(cpu.get("ThreadsPerCore", 0)),
                    "spot": instance.get("InstanceLifecycle") == "spot",
                    "pool": tags["plinth:pool"] if own else "",
                }


def _zones(ec2: Any, kinds: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {kind: [] for kind in kinds}
    pages = ec2.get_paginator("describe_instance_type_offerings").paginate(
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": kinds}]
    )
    for page in pages:
        for offering in page["InstanceTypeOfferings"]:
            found.setdefault(offering["InstanceType"], []).append(offering["Location"])
    return {kind: sorted(zones) for kind, zones in found.items()}


def main() -> int:
    """Answer one question; what goes wrong is part of the answer."""
    question = json.loads(sys.stdin.read())
    try:
        answer = read(boto3.Session(), question)
    except ClientError as error:
        failed = error.response.get("Error", {})
        answer = {"error": failed.get("Code", "Unknown"), "operation": error.operation_name}
    except BotoCoreError as error:
        answer = {"error": type(error).__name__, "operation": ""}
    sys.stdout.write(json.dumps(answer))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
