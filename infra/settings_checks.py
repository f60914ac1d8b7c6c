"""What no single setting can know: whether the settings of a stack fit together. Pure.

Each check returns its mistakes in the form in which all mistakes are told: key, value, reason.
"""

import json
from collections.abc import Iterator
from ipaddress import IPv4Network

from infra import network_plan
from infra.settings_foundation import AUTOSCALERS, ClusterSettings, NetworkSettings
from infra.settings_operations import AuditSettings, CostSettings, RecoverySettings, StorageSettings

PRODUCTION = frozenset({"prod", "prod-dr"})
NOBODY = frozenset({"you", "me", "none", "nobody", "todo", "tbd"})
"""Owners that are none."""
RECORD_DAYS = 183
"""Days for which records of decisions must be kept at least: six months (EU AI Act, article 19)."""
SYSTEM_FAMILIES = ("c6i", "c7i", "m6i", "m7i", "m8i", "r6i", "r7i", "t3")
"""Families that system nodes may come from: x86, as all images here are."""
_SIZES = ("medium", "large", "xlarge", "2xlarge", "4xlarge", "8xlarge")


def mistake(key: str, value: object, reason: str) -> str:
    """Return one mistake as a line."""
    return f"plinth:{key}: {json.dumps(value)} is not allowed: {reason}"


def network(settings: NetworkSettings, *, environment: str, region: str) -> Iterator[str]:
    """Give the mistakes of the network: what does not fit, overlaps, or lies in no known zone."""
    for reason in network_plan.problems(
        cidr=settings.cidr,
        region=region,
        zones=settings.zones,
        private_prefix=settings.private_prefix,
        public_prefix=settings.public_prefix,
        public_subnets=settings.nat_gateways(),
        apart_from=[*settings.apart_from, settings.service_cidr],
    ):
        if reason == network_plan.unknown_region(region):
            yield mistake("aws.region", region, reason)
        else:
            yield mistake("network", settings.cidr, reason)
    try:
        services = IPv4Network(settings.service_cidr)
    except ValueError:
        return  # said above: the network is compared with it
    if not 12 <= services.prefixlen <= 24:  # noqa: PLR2004 - what EKS takes
        yield mistake("network.service_cidr", settings.service_cidr, "EKS takes a prefix of /12 to /24")
    if environment in PRODUCTION and settings.zones < 3:  # noqa: PLR2004 - two of three may then be lost
        yield mistake("network.zones", settings.zones, "production needs 3 zones at least")
    if environment in PRODUCTION and settings.nat == "one":
        yield mistake("network.nat", settings.nat, "in production the loss of a zone would take the way out")


def contracts(signatures: str, *, emulated: bool) -> Iterator[str]:
    """Give the mistake of a stack on AWS whose services nobody answers for."""
    if signatures == "development" and not emulated:
        yield mistake("contracts", signatures, "a stack on AWS needs the signatures of both owners")


def cluster(settings: ClusterSettings) -> Iterator[str]:
    """Give the mistakes of the cluster: doors open to everybody, instance types that nobody knows."""
    for cidr in settings.public_cidrs:
        try:
            wide = IPv4Network(cidr).prefixlen < 16  # noqa: PLR2004 - 65536 addresses: an office, not a country
        except ValueError:
            yield mistake("cluster.public_cidrs", cidr, "must be a network such as 203.0.113.0/24")
        else:
            if wide:
                yield mistake("cluster.public_cidrs", cidr, "is wider than /16; name the networks of people")
    for key in ("system_instance_types", "serving_instance_types"):
        for kind in getattr(settings, key):
            family, _, size = kind.partition(".")
            if family not in SYSTEM_FAMILIES or size not in _SIZES:
                yield mistake(
                    f"cluster.{key}",
                    kind,
                    f"not known; families are {', '.join(SYSTEM_FAMILIES)}, sizes {', '.join(_SIZES)}",
                )
    if not settings.autoscaler_image and settings.version not in AUTOSCALERS:
        known = ", ".join(sorted(AUTOSCALERS))
        yield mistake(
            "cluster.autoscaler_image",
            "",
            f"no release is pinned for Kubernetes {settings.version} (pinned: {known}); name its image",
        )


def recovery(settings: RecoverySettings, *, environment: str, region: str) -> Iterator[str]:
    """Give the mistakes of recovery: no other region, an unknown one, or none where there must be one."""
    if settings.region and settings.region == region:
        yield mistake("recovery.region", settings.region, "is the stack's own; a lost region takes both")
    elif settings.region and settings.region not in network_plan.ZONES:
        known = ", ".join(sorted(network_plan.ZONES))
        yield mistake("recovery.region", settings.region, f"not known; known are {known}")
    elif environment == "prod" and not settings.region:
        yield mistake("recovery.region", "", "production needs copies in another region")


def cost(settings: CostSettings, *, environment: str) -> Iterator[str]:
    """Give the mistakes of cost: stopped before anybody is told, or nobody to tell."""
    if settings.stop_percent and settings.stop_percent < settings.alert_percent:
        yield mistake(
            "cost.stop_percent",
            settings.stop_percent,
            f"people must be told first (alert_percent is {settings.alert_percent})",
        )
    if environment in PRODUCTION and not settings.alert_addresses:
        yield mistake("cost.alert_addresses", [], "production needs somebody who is told")


def records(*, environment: str, owner: str, storage: StorageSettings, audit: AuditSettings) -> Iterator[str]:
    """Give what production lacks: an owner, records for long enough, somebody who watches."""
    if environment not in PRODUCTION:
        return
    if owner.strip().lower() in NOBODY:
        yield mistake("owner", owner, "production needs a team that answers for it")
    if storage.record_lock_days < RECORD_DAYS:
        yield mistake(
            "storage.record_lock_days", storage.record_lock_days, f"production needs {RECORD_DAYS} at least"
        )
    for key in ("recorder", "threat_detection", "posture", "access_analyzer"):
        if not getattr(audit, key):
            yield mistake(f"audit.{key}", value=False, reason="production is watched")
