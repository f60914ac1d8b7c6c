"""How readers ask: an answer, nothing, or the reason why there is no answer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from infra.ops.account import UNANSWERED, Account, reason
from infra.ops.inventory.model import ENVIRONMENT_TAG
from infra.ops.inventory.tags import pairs
from infra.ops.verify.model import Unseen
from infra.settings import Settings

T = TypeVar("T")
R = TypeVar("R")
Documents = dict[str, dict[str, Any]]
CLASS_TAG = "plinth:data-class"


def asked(call: Callable[[], T], take: Callable[[T], R], *absent: str) -> R | Unseen | None:
    """Return what ``take`` finds in an answer; None when AWS says that there is none; else why not.

    Args:
        call: Asks AWS.
        take: Takes the fact out of the answer.
        absent: Error codes with which AWS says that something is not set.
    """
    try:
        return take(call())
    except ClientError as error:
        if error.response["Error"]["Code"] in absent:
            return None
        return Unseen(reason(error))
    except UNANSWERED as error:
        return Unseen(reason(error))


@dataclass
class Look:
    """What every reader needs: whom to ask, about which environment, and whose keys are whose."""

    account: Account
    settings: Settings
    _classes: dict[str, str] = field(default_factory=dict)

    @property
    def regions(self) -> list[str]:
        """Return the regions in which the stack has something."""
        found = (self.settings.aws.region, self.settings.recovery.region)
        return [region for region in dict.fromkeys(found) if region]

    def ours(self, tags: dict[str, str]) -> bool:
        """Tell whether tags say that something is of this environment."""
        return tags.get(ENVIRONMENT_TAG) == self.settings.environment

    @cached_property
    def keys(self) -> Documents:
        """Return the environment's keys by ARN: what protects everything else."""
        found: Documents = {}
        for region in self.regions:
            kms = self.account.client("kms", region)
            for row in self.account.rows("kms", "list_keys", "Keys", region=region):
                known = kms.describe_key(KeyId=row["KeyId"])["KeyMetadata"]
                if known["KeyManager"] != "CUSTOMER":
                    continue  # AWS's own keys tell nobody their tags
                rows = self.account.rows(
                    "kms", "list_resource_tags", "Tags", region=region, KeyId=row["KeyId"]
                )
                tags = pairs(rows, "TagKey", "TagValue")
                if not self.ours(tags):
                    continue
                found[known["Arn"]] = {
                    "class": tags.get(CLASS_TAG, ""),
                    "region": region,
                    "state": known["KeyState"],
                    "manager": known["KeyManager"],
                    "rotation": asked(
                        lambda kms=kms, row=row: kms.get_key_rotation_status(KeyId=row["KeyId"]),  # type: ignore[misc]
                        lambda answer: bool(answer["KeyRotationEnabled"]),
                    ),
                }
        return found

    def key_class(self, named: str | None) -> str | None:
        """Return which class of data a key is for, by its ARN or id; None for somebody else's key."""
        if not named:
            return None
        by_id = {arn.rsplit("/", 1)[-1]: known["class"] for arn, known in self.keys.items()}
        return by_id.get(named.rsplit("/", 1)[-1])
