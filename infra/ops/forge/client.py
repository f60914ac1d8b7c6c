"""HTTP with a forge: its failures in words, each one message, and what its two kinds share."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urlsplit

import httpx

from infra.errors import PlinthError

SECONDS = 20.0
"""Seconds for one answer; forges answer in under two, and a job should not hang on one that does not."""
MOST_PAGES = 50
"""Pages of comments or files that are looked through; more than any change has had."""
FULL_PAGE = 100
"""Rows of a page: the most that both forges give at once. A page that is not full is the last."""
MOST_FILES = 3000
"""Files of a change that GitHub lists (REST API, list pull request files); GitLab says so itself."""
UNLISTED = "(files that the forge does not list)"
"""Stands for the rest of a longer list; no stack's alone, so it concerns every stack."""
STATUS_LENGTH = 140
"""Characters of a commit status's description (GitHub's limit; GitLab's is 255)."""


@dataclass(frozen=True, kw_only=True)
class Client:
    """HTTP with the forge's token, and its failures in words."""

    api: str
    headers: Mapping[str, str]
    needs: str
    """Which right the token needs, for the message when it has not."""

    def __post_init__(self) -> None:
        """Refuse to send a token where it could be read on its way."""
        where = urlsplit(self.api)
        if where.scheme != "https" and where.hostname not in ("127.0.0.1", "localhost"):
            raise PlinthError(
                f"The forge's API {self.api!r} is not https, so no token is sent there.",
                fix="--api https://…",
            )

    def pages(self, path: str) -> Iterator[dict[str, Any]]:
        """Give every row of a list, a hundred each time.

        Raises:
            PlinthError: The forge cannot be reached, or refuses.
        """
        for page in range(1, MOST_PAGES + 1):
            found = self.call("GET", path, query={"per_page": FULL_PAGE, "page": page})
            yield from found
            if len(found) < FULL_PAGE:
                return

    def call(self, method: str, path: str, body: Any = None, query: Mapping[str, Any] | None = None) -> Any:
        """Send a request; return the answer's JSON.

        Raises:
            PlinthError: The forge cannot be reached, or refuses.
        """
        url = f"{self.api.rstrip('/')}{path}"
        try:
            answer = httpx.request(
                method, url, json=body, params=dict(query or {}), headers=dict(self.headers), timeout=SECONDS
            )
        except httpx.HTTPError as error:
            raise PlinthError(
                f"The forge cannot be reached: {type(error).__name__}.", where=url, fix="Run the job again."
            ) from None
        if answer.status_code in (401, 403, 404):
            raise PlinthError(
                f"The forge refused with {answer.status_code}: {_said(answer)}",
                where=f"{method} {url}",
                fix=f"Give the job's token the right it needs: {self.needs}.",
            )
        if not answer.is_success:
            raise PlinthError(
                f"The forge answered {answer.status_code}: {_said(answer)}",
                where=f"{method} {url}",
                fix="Run the job again; the check stays failed until the report was posted.",
            )
        try:
            return answer.json()
        except ValueError:
            raise PlinthError(
                "The forge's answer is no JSON.", where=f"{method} {url}", fix="--api"
            ) from None


def _said(answer: httpx.Response) -> str:
    """Return the forge's own words, short; never the request, which holds the token."""
    try:
        told = answer.json()
        text = str(told.get("message") or told.get("error") or "") if isinstance(told, dict) else ""
    except ValueError:
        text = ""
    return re.sub(r"\s+", " ", text)[:200] or "no reason given"


def commit_hash(text: str) -> str:
    """Return a commit's hash as it was given.

    Raises:
        PlinthError: It is none.
    """
    if not re.fullmatch(r"[0-9a-f]{40}([0-9a-f]{24})?", text):
        raise PlinthError(f"{text!r} is no commit.", fix="--commit with the whole hash")
    return text


def only(numbers: list[Any], commit: str) -> int:
    """Return the number of the one change that ends with a commit.

    Raises:
        PlinthError: There is none, or more than one.
    """
    if len(numbers) != 1:
        raise PlinthError(
            f"There are {len(numbers)} open changes that end with commit {commit}, not one.",
            fix="When it got another commit meanwhile, the job of that one posts its own report.",
        )
    return int(numbers[0])


P = ParamSpec("P")
R = TypeVar("R")


def understood(method: Callable[P, R]) -> Callable[P, R]:
    """Turn an answer of another form than the documented one into one message instead of a traceback."""

    @wraps(method)
    def asked(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(*args, **kwargs)
        except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
            raise PlinthError(
                f"The forge's answer has not the form that its documentation says ({type(error).__name__}).",
                where=f"{method.__qualname__}",
                fix="Look whether --forge and --api fit together.",
            ) from None

    return asked
