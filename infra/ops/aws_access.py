"""Clients of the AWS API for commands that ask it themselves, and its errors in sentences."""

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    ProfileNotFound,
    ProxyConnectionError,
)

from infra.errors import Exit, PlinthError

ATTEMPTS = 5
"""Tries of each request, with growing pauses: half a minute of throttling is survived."""
CONNECT_SECONDS, READ_SECONDS = 10, 30
"""Longest wait for a connection and for an answer; the calls made here answer within a second."""
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403", "Forbidden"})
_STALE = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"}
)
Client = Callable[[str], Any]
"""Service name to its client."""


def clients(region: str, environ: Mapping[str, str] | None = None) -> Client:
    """Return what makes clients for one region.

    Args:
        region: The region.
        environ: Environment of a local run, from the platform: keys, proxy and authority are taken from
            it and from nowhere else. None: the credentials of whoever runs the command.
    """
    retries: Any = {"max_attempts": ATTEMPTS, "mode": "standard"}
    config = Config(retries=retries, connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS)
    keys: dict[str, Any] = {}
    options: dict[str, Any] = {}
    if environ is not None:
        proxy = environ["HTTPS_PROXY"]
        config = config.merge(Config(proxies={"http": proxy, "https": proxy}))
        keys = {
            "aws_access_key_id": environ["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": environ["AWS_SECRET_ACCESS_KEY"],
        }
        options = {"verify": environ["AWS_CA_BUNDLE"]}

    session: Any = boto3.session.Session(region_name=region, **keys)

    @functools.cache
    def client(service: str) -> Any:
        return session.client(service, config=config, **options)

    return client


def code(error: ClientError) -> str:
    """Return the error code of an answer."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def explained(doing: str, *, account: str) -> Iterator[None]:
    """Turn what AWS answers into a sentence that says what to do.

    Args:
        doing: What is being done, such as ``make the key``.
        account: The account in which it is done.

    Raises:
        PlinthError: Instead of the errors of the AWS library.
    """
    try:
        yield
    except ClientError as error:
        raise _told(error, doing, account) from None
    except (NoCredentialsError, ProfileNotFound) as error:
        raise PlinthError(
            f"There are no AWS credentials to {doing} with: {error}.",
            fix=f"Log in to account {account} (aws sso login), name the profile in AWS_PROFILE, try again.",
            code=Exit.USAGE,
        ) from None
    except (EndpointConnectionError, ProxyConnectionError) as error:
        raise PlinthError(
            f"AWS could not be reached to {doing}: {error}.",
            fix="Check the region's name and the network, then run the same command; it goes on.",
        ) from None
    except BotoCoreError as error:
        raise PlinthError(f"Could not {doing}: {error}.", fix="Run the same command; it goes on.") from None


def _told(error: ClientError, doing: str, account: str) -> PlinthError:
    operation = error.operation_name
    message = str(error.response.get("Error", {}).get("Message") or "no reason given")
    if code(error) in _DENIED:
        return PlinthError(
            f"These credentials may not {doing}: {operation} was refused ({message}).",
            where=f"account {account}",
            fix="Run it as an administrator of the account; what was done so far is kept.",
            code=Exit.REFUSED,
        )
    if code(error) in _STALE:
        return PlinthError(
            f"AWS does not accept these credentials ({code(error)}).",
            fix="Log in again (aws sso login), then run the same command; it goes on.",
            code=Exit.USAGE,
        )
    return PlinthError(
        f"AWS refused to {doing}: {operation}: {code(error)}: {message}",
        where=f"account {account}",
        fix="Correct the cause and run the same command; what was done so far is kept.",
    )
