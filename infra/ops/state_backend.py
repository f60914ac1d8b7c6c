"""Where a stack on AWS keeps its state, and how its secrets are locked: names, addresses, the file. Pure.

The engine's own backend for S3 keeps state, history and locks in one bucket; its KMS secrets provider
encrypts each secret with a data key that only that KMS key opens. Both addresses follow from the settings.
"""

from urllib.parse import urlencode

import yaml

from infra import naming
from infra.errors import PlinthError
from infra.settings import Settings

DATA_CLASS = naming.STATE
"""Class of the bucket and the key in names, tags and permissions."""
PROVIDER, DATA_KEY = "secretsprovider", "encryptedkey"
"""Top-level keys of a stack file: the KMS key, and the data key that it encrypted."""
_SALT = "encryptionsalt"


def bucket_name(settings: Settings) -> str:
    """Return the name of the bucket that holds the stack's state."""
    aws = settings.aws
    return naming.bucket(settings.environment, DATA_CLASS, account_id=aws.account_id, region=aws.region)


def access_log_bucket(settings: Settings) -> str:
    """Return the name of the bucket of access logs, which the first ``up`` makes."""
    aws = settings.aws
    return naming.bucket(settings.environment, "access-logs", account_id=aws.account_id, region=aws.region)


def key_alias(settings: Settings) -> str:
    """Return the alias of the key that encrypts the state and its secrets."""
    return naming.key_alias(settings.environment, DATA_CLASS)


def url(settings: Settings) -> str:
    """Return what ``PULUMI_BACKEND_URL`` says; which key encrypts is the bucket's own business."""
    return f"s3://{bucket_name(settings)}?{_query(settings)}"


def secrets_provider(settings: Settings) -> str:
    """Return what the stack file says under ``secretsprovider``."""
    return f"awskms://{key_alias(settings)}?{_query(settings)}"


def _query(settings: Settings) -> str:
    # The newer AWS library reads the profiles and single sign-on of today's AWS command line.
    return urlencode({"region": settings.aws.region, "awssdk": "v2"})


def locked_with(text: str) -> dict[str, str]:
    """Return how a stack file says that its secrets are locked; empty when it does not."""
    document = yaml.safe_load(text) or {}
    return {key: str(document[key]) for key in (PROVIDER, DATA_KEY, _SALT) if key in document}


def with_lock(text: str, *, provider: str, data_key: str) -> str:
    """Return a stack file whose secrets are locked with a key; everything else in it stays as it is.

    Args:
        text: The stack file.
        provider: Address of the key.
        data_key: The encrypted data key, in base 64.

    Raises:
        PlinthError: Its secrets are locked in another way, which this would make unreadable.
    """
    found = locked_with(text)
    other = found.get(PROVIDER, provider if _SALT not in found else "passphrase")
    if other != provider:
        raise PlinthError(
            f"The stack file locks its secrets with '{other}', not with '{provider}'.",
            fix=f"pulumi stack change-secrets-provider '{provider}' re-encrypts them, once the state backend "
            "is there; or remove the old keys when the stack has no secrets.",
        )
    lines = [line for line in text.splitlines() if not line.startswith((f"{PROVIDER}:", f"{DATA_KEY}:"))]
    head = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    lock = [f"{PROVIDER}: {provider}", f"{DATA_KEY}: {data_key}"]
    return "\n".join([*lines[:head], *lock, *lines[head:]]) + "\n"
