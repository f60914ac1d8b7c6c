"""How the audit asks: by what the state calls a thing; answers in the words of the inputs of resources."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from infra.ops.account import Account

Props = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """One resource that the state knows, to be read live.

    Args:
        account: Where to ask.
        id: What AWS calls it.
        region: Where it is.
        declared: Its inputs in the state; only for what no API tells.
        outputs: Its outputs in the state; only for names by which to ask.
    """

    account: Account
    id: str
    region: str
    declared: Mapping[str, Any]
    outputs: Mapping[str, Any]

    def client(self, service: str) -> Any:
        """Return the client of a service where the resource is."""
        return self.account.client(service, self.region)

    def untold(self, *keys: str) -> Props:
        """Return declared properties that no API tells."""
        return {key: self.declared[key] for key in keys if key in self.declared}


Reader = Callable[[Asked], "Props | None"]
"""Returns the properties of what is there; None when it is gone."""


def camel(value: Any) -> Any:
    """Return an answer of an API with keys that begin with a small letter, as properties do."""
    if isinstance(value, Mapping):
        return {key[:1].lower() + key[1:]: camel(item) for key, item in value.items()}
    if isinstance(value, list):
        return [camel(item) for item in value]
    return value


def tags(rows: list[Mapping[str, str]], key: str = "Key", value: str = "Value") -> dict[str, str]:
    """Return tags from the rows in which most APIs tell them."""
    return {row[key]: row[value] for row in rows}
