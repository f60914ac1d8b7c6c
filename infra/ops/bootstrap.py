"""Makes what must be there before a stack's first ``up``: state bucket, key, the lock of its secrets.

State cannot hold the bucket that holds it, so this is done with the AWS API itself: step by step, each
looking first at what is there. A run that was cut off is simply run again.
"""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra.errors import PlinthError, RefusedError
from infra.ops import state_backend, state_store
from infra.ops.aws_access import Client, explained
from infra.ops.state_store import Backend
from infra.settings import Settings


def run(settings: Settings, file: Path, client: Client, say: Callable[[str], None]) -> Backend:
    """Make what is missing, correct what differs, and write the stack file's lock.

    Args:
        settings: Settings of the stack.
        file: Its stack file.
        client: Makes clients in the stack's region.
        say: Told of each step.

    Raises:
        PlinthError: A step failed; says which and what to do. Steps before it are kept.
    """
    backend = Backend(
        bucket=state_backend.bucket_name(settings),
        url=state_backend.url(settings),
        provider=state_backend.secrets_provider(settings),
    )
    account, s3 = settings.aws.account_id, client("s3")
    steps: tuple[tuple[str, str, Callable[[], str]], ...] = (
        ("account", "ask who you are", lambda: _account(settings, client("sts"))),
        ("key", "make the key", lambda: state_store.key(settings, backend, client("kms"))),
        ("bucket", "make the bucket", lambda: state_store.bucket(settings, backend, s3)),
        ("bucket settings", "protect the bucket", lambda: state_store.protect(settings, backend, s3)),
        ("access log", "log access to the bucket", lambda: state_store.log(settings, backend, s3)),
        ("stack file", "lock the secrets", lambda: _lock(file, backend, client("kms"))),
    )
    for name, doing, step in steps:
        say(name)
        with explained(doing, account=account):
            backend.steps[name] = step()
    return backend


def _account(settings: Settings, sts: Any) -> str:
    found = str(sts.get_caller_identity()["Account"])
    if found != settings.aws.account_id:
        raise RefusedError(
            f"These credentials are of account {found}; stack '{settings.environment}' belongs to "
            f"{settings.aws.account_id}. Nothing was made.",
            where=f"stacks/Pulumi.{settings.environment}.yaml, key plinth:aws.account_id",
            fix="Log in to that account (AWS_PROFILE), or correct the key.",
        )
    return "was there"


def _lock(file: Path, backend: Backend, kms: Any) -> str:
    """Write key and data key into the stack file; the data key itself never leaves KMS here."""
    text = file.read_text(encoding="utf-8")
    found = state_backend.locked_with(text)
    data_key = found.get(state_backend.DATA_KEY)
    if found.get(state_backend.PROVIDER) == backend.provider and data_key:
        _require_opens(kms, file, backend, data_key)
        return "was there"
    blob = kms.generate_data_key_without_plaintext(KeyId=backend.key_arn, NumberOfBytes=32)["CiphertextBlob"]
    new = state_backend.with_lock(
        text, provider=backend.provider, data_key=base64.b64encode(blob).decode("ascii")
    )
    part = file.with_suffix(".part")
    part.write_text(new, encoding="utf-8")
    part.replace(file)
    return "made"


def _require_opens(kms: Any, file: Path, backend: Backend, data_key: str) -> None:
    try:
        opened = kms.decrypt(CiphertextBlob=base64.b64decode(data_key, validate=True))["KeyId"]
    except (ValueError, kms.exceptions.InvalidCiphertextException):
        opened = ""
    if opened != backend.key_arn:
        raise PlinthError(
            f"The encryptedkey in the stack file is not one that {backend.key_arn} made, so no secret of the "
            "stack can be opened with it.",
            where=f"stacks/{file.name}",
            fix="Restore the line from git. When the stack never had secrets: remove the lines "
            "secretsprovider and encryptedkey and run this command again.",
        )
