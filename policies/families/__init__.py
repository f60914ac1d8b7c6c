"""The families of checks, in the order in which the pack lists them."""

from typing import Any

from policies.core import Family
from policies.families.audit import AUDIT
from policies.families.cluster import CLUSTERS
from policies.families.continuity import CONTINUITY
from policies.families.estate import ESTATE
from policies.families.identity import IDENTITY
from policies.families.images import IMAGES
from policies.families.keys import KEYS
from policies.families.messages import MESSAGES
from policies.families.namespaces import NAMESPACES
from policies.families.network import NETWORK
from policies.families.nodes import NODES
from policies.families.pods import PODS
from policies.families.readiness import READINESS
from policies.families.recovery import RECOVERY
from policies.families.rights import RIGHTS
from policies.families.storage import STORAGE
from policies.families.watch import WATCH

FAMILIES: tuple[Family[Any], ...] = (
    STORAGE,
    KEYS,
    IDENTITY,
    NETWORK,
    NODES,
    CLUSTERS,
    IMAGES,
    AUDIT,
    WATCH,
    MESSAGES,
    RECOVERY,
    PODS,
    NAMESPACES,
    RIGHTS,
    CONTINUITY,
    ESTATE,
    READINESS,
)
