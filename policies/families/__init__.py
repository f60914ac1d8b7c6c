"""The families of checks, in the order in which the pack lists them."""

from typing import Any

from policies.core import Family
from policies.families.identity import IDENTITY
from policies.families.keys import KEYS
from policies.families.namespaces import NAMESPACES
from policies.families.pods import PODS
from policies.families.storage import STORAGE

FAMILIES: tuple[Family[Any], ...] = (STORAGE, KEYS, IDENTITY, PODS, NAMESPACES)
