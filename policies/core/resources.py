"""A resource as checks see it, whichever front it came from."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

from policies.core.cursor import At
from policies.core.values import Value

_EMPTY: Mapping[str, tuple[str, ...]] = MappingProxyType({})
_LEGACY_GROUPS = {"extensions": "apps"}
_LEGACY_KIND_GROUPS = {"NetworkPolicy": "networking.k8s.io", "Ingress": "networking.k8s.io"}
_KUBERNETES = re.compile(r"^kubernetes:(?P<group>[^:/]+)(?:/(?P<version>[^:]+))?:(?P<kind>[^:]+)$")
_AWS_V2 = re.compile(r"^(?P<stem>aws:s3/bucket[A-Za-z]*)V2:(?P<name>Bucket[A-Za-z]*)V2$")


@lru_cache(maxsize=4096)
def canonical(token: str) -> str:
    """Return one name for all type tokens of one thing.

    The ``V2`` tokens of S3 are old names of the same resources. Kubernetes versions are dropped and
    retired groups are followed, so ``kubernetes:extensions/v1beta1:Deployment`` becomes
    ``kubernetes:apps:Deployment``. Patch and List tokens keep their own names.
    """
    if match := _AWS_V2.match(token):
        return f"{match['stem']}:{match['name']}"
    if match := _KUBERNETES.match(token):
        group, kind = match["group"], match["kind"]
        if group == "extensions":
            group = _LEGACY_KIND_GROUPS.get(
                kind.removesuffix("Patch").removesuffix("List"), _LEGACY_GROUPS[group]
            )
        return f"kubernetes:{group}:{kind}"
    return token


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource with normalised properties.

    Args:
        urn: Its identity; a manifest's is made up from file, kind and name.
        type: Type token as the front gave it.
        props: Normalised input properties.
        protect: Whether the engine refuses to delete it.
        dependencies: URNs on which it depends.
        property_dependencies: Top-level property to the URNs that feed it.
    """

    urn: str
    type: str
    props: Value
    protect: bool = False
    dependencies: tuple[str, ...] = ()
    property_dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _EMPTY)

    @property
    def name(self) -> str:
        """The logical name: the last part of the URN."""
        return self.urn.rsplit("::", 1)[-1]

    @property
    def kind(self) -> str:
        """The canonical type."""
        return canonical(self.type)

    def at(self, *keys: str) -> At:
        """Return a place in the properties."""
        return At(self.props).at(*keys)
