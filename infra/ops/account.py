"""The AWS account and the cluster of a stack, asked directly: neither the program nor its state is in it."""

import asyncio
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.errors import Exit, PlinthError
from infra.local import isolation, session
from infra.local.runner.rest import FAILURES, Api, ApiError
from infra.ops.aws_access import local_clients
from infra.settings import Settings

Json = dict[str, Any]
UNANSWERED = (ClientError, BotoCoreError)
"""What a question to AWS may raise: refused, unknown here, or nobody there."""
TRIES = 3
"""Tries of each question; what AWS refuses three times for being asked too fast is said to be unseen."""
NOT_FOUND = 404


@dataclass
class Account:
    """Clients of one account, made once for each service and region.

    Args:
        account_id: The account that the stack's settings name.
        region: The stack's region.
        kubeconfig: The stack's cluster; none when nobody says where it is.
        emulated: Whether the account is the local AWS API.
        proxy: Address of the local AWS API; empty for AWS.
        authority: Certificate of the local AWS API; empty for AWS.
    """

    account_id: str
    region: str
    kubeconfig: Path | None = None
    emulated: bool = False
    proxy: str = ""
    authority: str = ""
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the account of a stack: the running local platform, or AWS with the caller's own rights.

        Raises:
            PlinthError: The platform is down, or the caller's credentials open another account or none.
        """
        aws = settings.aws
        if aws.emulated:
            platform = session.ready("look at")
            isolation.require_proxy(isolation.local_env({}, platform))
            return cls(
                account_id=aws.account_id,
                region=aws.region,
                kubeconfig=Path(platform.files["kubeconfig"]),
                emulated=True,
                proxy=platform.endpoints["aws_proxy"],
                authority=platform.files["aws_ca"],
            )
        named = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
        made = cls(account_id=aws.account_id, region=aws.region, kubeconfig=Path(named) if named else None)
        made.require_this_account()
        return made

    def require_this_account(self) -> None:
        """Refuse to look at another account than the one that the settings name.

        Raises:
            PlinthError: Credentials are missing, or they are somebody else's.
        """
        try:
            found = self.client("sts").get_caller_identity()["Account"]
        except UNANSWERED as error:
            raise PlinthError(
                f"AWS does not say who you are: {reason(error)}.",
                fix="Log in with a role of that account that may read, such as the auditor's.",
            ) from None
        if found != self.account_id:
            raise PlinthError(
                f"Your credentials open account {found}; the stack lives in {self.account_id}.",
                fix="Log in with a role of the stack's own account.",
                code=Exit.REFUSED,
            )

    def client(self, service: str, region: str | None = None) -> Any:
        """Return the client of a service.

        Args:
            service: boto3's name of it.
            region: Another region than the stack's own.
        """
        key = (service, region or self.region)
        if key not in self._clients:
            retries: Any = {"mode": "standard", "total_max_attempts": TRIES}
            if self.proxy:
                made: Any = local_clients(
                    key[1],
                    key=isolation.ACCESS_KEY,
                    secret=isolation.SECRET_KEY,
                    proxy=self.proxy,
                    authority=self.authority,
                    config=Config(retries=retries),
                )(service)
            else:
                session_: Any = boto3.session.Session(region_name=key[1])
                made = session_.client(service, config=Config(retries=retries))
            self._clients[key] = made
        return self._clients[key]

    def rows(
        self, service: str, operation: str, key: str, *, region: str | None = None, **given: Any
    ) -> list[Any]:
        """Return every row of a list operation, all pages of it.

        Args:
            service: boto3's name of the service.
            operation: Method of the client.
            key: Under which key of the answer the rows are.
            region: Another region than the stack's own.
            given: Arguments of the operation.

        Raises:
            ClientError: AWS refused, or does not know the operation here.
        """
        client = self.client(service, region)
        if client.can_paginate(operation):
            pages = client.get_paginator(operation).paginate(**given)
            return [row for page in pages for row in page.get(key) or []]
        return list(getattr(client, operation)(**given).get(key) or [])

    def objects(self, paths: Iterable[str]) -> dict[str, list[Json] | str]:
        """Return the objects under each path of the Kubernetes API; or, where it refuses, why.

        A path that the API server does not have gives no objects.
        """
        wanted = list(paths)
        kubeconfig = self.kubeconfig
        if kubeconfig is None:
            return dict.fromkeys(wanted, "KUBECONFIG does not name the stack's cluster")

        async def ask() -> dict[str, list[Json] | str]:
            api = Api(kubeconfig)
            found: dict[str, list[Json] | str] = {}
            try:
                for path in wanted:
                    try:
                        found[path] = list((await api.get(path)).get("items") or [])
                    except ApiError as error:
                        found[path] = [] if error.status == NOT_FOUND else str(error)
                    except FAILURES as error:
                        found[path] = f"the Kubernetes API does not answer: {type(error).__name__}"
            finally:
                await api.close()
            return found

        try:
            return asyncio.run(ask())
        except PlinthError as error:  # a kubeconfig whose way to log in is not known here
            return dict.fromkeys(wanted, error.what)


def reason(error: Exception) -> str:
    """Return in one line why AWS did not answer."""
    if isinstance(error, ClientError):
        told = error.response.get("Error", {})
        return f"{told.get('Code', 'unknown error')} at {error.operation_name}"
    return " ".join(str(error).split())[:200] or type(error).__name__
