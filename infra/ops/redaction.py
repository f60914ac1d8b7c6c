"""A copy of a state that may leave the deploying job: what there is and how it is set, no secret. Pure.

A pull request is previewed against it (infra/decisions/0015-preview-without-secrets.md). What it cannot say
is the old value of a secret, so a secret property shows as changed each time.
"""

import json
from collections.abc import Mapping
from typing import Any

from infra.errors import StateError
from infra.naming import PROJECT
from infra.preview.masking import mask, mask_value

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - how the engine marks one in its state
SECRET = "[secret]"  # noqa: S105 - the engine's own word for one that it does not show
_VALUES = ("inputs", "outputs")
_DROPPED = ("created", "modified", "initErrors", "resourceHooks", "stackTrace")
"""What a preview does not need of a resource."""
RAW_STATE = "__pulumi_raw_state_delta"
"""The provider's note of how the outputs differ from Terraform's own form. The engine locks parts of it as
secrets; a note with holes ends the preview, while without one the provider reads the outputs, as it did
before there were notes."""


def redacted(text: str, *, stack: str, account_id: str, local_account_id: str, salt: str) -> str:
    """Return the state without secrets, ready for the emulated copy of the stack.

    Args:
        text: A state file, or what ``pulumi stack export`` prints (without --show-secrets).
        stack: Name of the stack.
        account_id: The real account; its number does not leave.
        local_account_id: The number that the emulated copy has instead.
        salt: Lock of the emulated copy's own secrets, of which there are none in it.

    Raises:
        StateError: It is no state, or holds a secret in the clear.
    """
    deployment = _deployment(text)
    resources = [_resource(one) for one in deployment.get("resources") or []]
    latest = {
        "manifest": deployment.get("manifest") or {},
        "secrets_providers": {"type": "passphrase", "state": {"salt": salt}},
        "resources": resources,
        "metadata": {},
    }
    checkpoint = {"version": 3, "checkpoint": {"stack": f"organization/{PROJECT}/{stack}", "latest": latest}}
    written = json.dumps(checkpoint, indent=1, sort_keys=True)
    return written.replace(account_id, local_account_id) + "\n"


def _deployment(text: str) -> Mapping[str, Any]:
    try:
        document = json.loads(text)
        found = document["deployment"] if "deployment" in document else document["checkpoint"]["latest"]
        if found is None:
            return {}
        whole = isinstance(found["resources"], list)
    except (ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        raise StateError(
            "This is no state of a stack.",
            where="--state",
            fix="Give a state file, or what 'pulumi stack export' printed.",
        )
    return dict(found)


def _resource(resource: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in resource.items() if key not in _DROPPED}
    for side in _VALUES:
        if side in kept:
            values = _without_secrets({key: value for key, value in kept[side].items() if key != RAW_STATE})
            secret = resource.get("type") == "kubernetes:core/v1:Secret"
            kept[side] = mask_value({**values, "kind": "Secret"} if secret else values)
    for key in resource.get("additionalSecretOutputs") or ():
        if key in kept.get("outputs", {}):
            kept["outputs"][key] = SECRET
    return kept


def _without_secrets(value: Any) -> Any:
    if isinstance(value, Mapping):
        if value.get(_SIGNATURE) == _SECRET_SIGNATURE:
            if "plaintext" in value:
                raise StateError(
                    "The state holds a secret in the clear.",
                    where="--state",
                    fix="Export it anew without --show-secrets, and treat this file as leaked.",
                )
            return SECRET
        return {mask(str(key)): _without_secrets(inner) for key, inner in value.items()}
    return [_without_secrets(inner) for inner in value] if isinstance(value, list) else value
