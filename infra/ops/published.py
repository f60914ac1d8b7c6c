"""The redacted copy beside a state: written after each deploy, read by previews of pull requests."""

from infra.errors import StateError
from infra.naming import PROJECT
from infra.ops import redaction, state_backend
from infra.ops.aws_access import Client, code, explained
from infra.settings import Settings

FOLDER = "redacted"
"""Where the copies lie in the state bucket; the role ci-preview may read this and nothing else of it."""


def key(stack: str) -> str:
    """Return the name of a stack's copy in the state bucket."""
    return f"{FOLDER}/{stack}.json"


def publish(settings: Settings, client: Client, *, local_account_id: str, salt: str) -> str:
    """Read the state from its bucket, take out what is secret, and put the copy beside it.

    Args:
        settings: Settings of the stack.
        client: Clients with the deployer's rights.
        local_account_id: Account number that the copy has instead of the real one.
        salt: Lock of the emulated copy's own secrets, of which there are none in it.

    Returns:
        Address of the copy.

    Raises:
        StateError: There is no state, or it holds a secret in the clear.
        PlinthError: AWS refuses.
    """
    s3, bucket, stack = client("s3"), state_backend.bucket_name(settings), settings.environment
    account = settings.aws.account_id
    with explained("read the state", account=account):
        try:
            found = s3.get_object(Bucket=bucket, Key=f".pulumi/stacks/{PROJECT}/{stack}.json")
        except s3.exceptions.ClientError as error:
            if code(error) not in ("NoSuchKey", "NoSuchBucket"):
                raise
            raise StateError(
                f"Stack '{stack}' has no state to copy yet.",
                where=f"s3://{bucket}",
                fix=f"Deploy it first; before that: ./plinth bootstrap --stack {stack}.",
            ) from None
        text = found["Body"].read().decode("utf-8")
    copy = redaction.redacted(
        text, stack=stack, account_id=account, local_account_id=local_account_id, salt=salt
    )
    with explained("write the redacted copy", account=account):
        s3.put_object(
            Bucket=bucket, Key=key(stack), Body=copy.encode("utf-8"), ContentType="application/json"
        )
    return f"s3://{bucket}/{key(stack)}"
