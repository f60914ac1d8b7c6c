"""Reads what an account has of quotas, running GPU instances and offered types."""

from collections.abc import Iterable, Iterator
from typing import Any

from infra.gpu_instances import INSTANCES
from infra.ops.preflight.quota import Account, Limit, Running, quota_of

SERVICE = "ec2"
_PENDING = ("PENDING", "CASE_OPENED")
"""States of a request for more that nobody has answered yet (Service Quotas API)."""


def limit(quotas: Any, code: str) -> Limit:
    """Return what the account has of a quota, and what was asked for and is not answered yet.

    Args:
        quotas: Client of Service Quotas.
        code: Code of the quota.
    """
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
    return Limit(vcpus=int(found["Value"]), asked=max(asked, default=None))


def running(ec2: Any, *, cluster: str, pools: Iterable[str]) -> Iterator[Running]:
    """Give the instances of the account that count under a quota of GPU instances.

    Args:
        ec2: Client of EC2.
        cluster: Name of the stack's cluster.
        pools: Its GPU pools, as their nodes' tag names them.
    """
    own_pools = frozenset(pools)
    pages = ec2.get_paginator("describe_instances").paginate(
        Filters=[{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    )
    for page in pages:
        for reservation in page["Reservations"]:
            for instance in reservation["Instances"]:
                spot = instance.get("InstanceLifecycle") == "spot"
                if quota_of(instance["InstanceType"], spot=spot) is None:
                    continue
                tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
                own = tags.get("eks:cluster-name") == cluster and tags.get("plinth:pool") in own_pools
                yield Running(
                    kind=instance["InstanceType"],
                    vcpus=_vcpus(instance),
                    spot=spot,
                    pool=tags["plinth:pool"] if own else "",
                )


def _vcpus(instance: dict[str, Any]) -> int:
    """Return an instance's virtual CPUs: those of its type, since quotas count what could run on it.

    A type that is not in the table is counted by what the API says of this instance.
    """
    known = INSTANCES.get(instance["InstanceType"])
    cpu = instance.get("CpuOptions") or {}
    return known.vcpus if known else int(cpu.get("CoreCount", 0)) * int(cpu.get("ThreadsPerCore", 0))


def zones(ec2: Any, kinds: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return instance type to the zones of the region in which it is offered."""
    wanted = sorted(kinds)
    found: dict[str, set[str]] = {kind: set() for kind in wanted}
    pages = ec2.get_paginator("describe_instance_type_offerings").paginate(
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": wanted}]
    )
    for page in pages:
        for offering in page["InstanceTypeOfferings"]:
            found[offering["InstanceType"]].add(offering["Location"])
    return {kind: frozenset(of) for kind, of in found.items()}


def read(
    quotas: Any, ec2: Any, *, codes: Iterable[str], kinds: Iterable[str], cluster: str, pools: Iterable[str]
) -> Account:
    """Return all that a preflight needs to know of an account."""
    return Account(
        limits={code: limit(quotas, code) for code in codes},
        running=list(running(ec2, cluster=cluster, pools=pools)),
        zones=zones(ec2, kinds),
    )
