"""One thing in an account or a cluster, and what could not be looked at."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.naming import PROJECT

ENVIRONMENT_TAG = f"{PROJECT}:environment"


@dataclass(frozen=True, kw_only=True)
class Thing:
    """Something that exists.

    Args:
        kind: ``service/type``, such as ``s3/bucket``.
        id: What AWS or Kubernetes calls it.
        name: What a person calls it.
        region: Where it is; empty for what has no region.
        tags: What it carries; None for what cannot carry any.
        tied_to: The thing that it goes with, such as a cluster for its add-ons; empty for none.
        detail: What else was read and is of use to whoever asks.
    """

    kind: str
    id: str
    name: str
    region: str = ""
    tags: Mapping[str, str] | None = None
    tied_to: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)

    def belongs_to(self, environment: str) -> bool:
        """Tell whether tags or, where there are none, the name say that an environment made it. Pure."""
        if self.tags and ENVIRONMENT_TAG in self.tags:
            return self.tags[ENVIRONMENT_TAG] == environment
        name = self.name.removeprefix("alias/")
        whole = f"{PROJECT}-{environment}"
        starts = (f"{whole}-", f"{whole}/", f"{PROJECT}_{environment}_", f"/{PROJECT}/{environment}/")
        cluster = (whole, f"/aws/eks/{whole}/cluster")
        # plinth-prod-dr-… begins like plinth-prod-…: the longer environment's names are not the shorter's.
        longer = f"{PROJECT}-{environment}-dr"
        if name == longer or name.startswith((f"{longer}-", f"{longer}/")):
            return False
        return name in cluster or name.startswith(starts)


@dataclass(frozen=True, kw_only=True)
class Found:
    """What an enumeration saw, and where it was refused."""

    things: list[Thing] = field(default_factory=list)
    unseen: dict[str, str] = field(default_factory=dict)
    """Kind (with its region) to the reason why it could not be enumerated."""
