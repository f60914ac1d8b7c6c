"""Clients of the AWS API for commands that ask it themselves, and its errors in sentences."""

import functools
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import boto3
import botocore.session
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


LEFT_OUTSIDE = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}
"""What a session for the local AWS API takes from nowhere: profiles and files of whoever runs the command."""


def local_clients(
    region: str, *, key: str, secret: str, proxy: str, authority: str, config: Config
) -> Client:
    """Return what makes clients of the local AWS API; nothing of the caller's shell or files gets into them.

    Args:
        region: The region.
        key: Access key id of the local API.
        secret: Its secret.
        proxy: Its address.
        authority: Certificate file of its authority.
        config: What else the clients are told.
    """
    enclosed: Any = {"proxies": {"http": proxy, "https": proxy}, "ignore_configured_endpoint_urls": True}
    session: Any = boto3.session.Session(
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        region_name=region,
        botocore_session=botocore.session.Session(session_vars=LEFT_OUTSIDE),
    )
    return functools.partial(session.client, config=config.merge(Config(**enclosed)), verify=authority)


def clients(region: str, environ: Mapping[str, str] | None = None) -> Client:
    """Return what makes clients for one region.

    Args:
        region: The region.
        environ: Environment of a local run, from the platform: keys, proxy and authority are taken from
            it and from nowhere else. None: the credentials of whoever runs the command.
    """
    retries: Any = {"max_attempts": ATTEMPTS, "mode": "standard"}
    config = Config(retries=retries, connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS)
    if environ is None:
        session: Any = boto3.session.Session(region_name=region)
        return functools.cache(functools.partial(session.client, config=config))
    return functools.cache(
        local_clients(
            region,
            key=environ["AWS_ACCESS_KEY_ID"],
            secret=environ["AWS_SECRET_ACCESS_KEY"],
            proxy=environ["HTTPS_PROXY"],
            authority=environ["AWS_CA_BUNDLE"],
            config=config,
        )
    )


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
