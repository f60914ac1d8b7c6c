"""The two calls that a preview makes to a forge: one comment for each stack, kept up to date, and its check.

GitHub and GitLab. An answer that is not what was asked for is an error with one message: the check stays
failed, because nobody has seen the report.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol
from urllib.parse import quote, urlsplit

import httpx

from infra.errors import PlinthError

SECONDS = 20.0
"""Seconds for one answer; forges answer in under two, and a job should not hang on one that does not."""
MOST_PAGES = 50
"""Pages of comments that are looked through, a hundred each; more than any change has had."""
STATUS_LENGTH = 140
"""Characters of a commit status's description (GitHub's limit; GitLab's is 255)."""
State = Literal["success", "failure"]


class Forge(Protocol):
    """What a preview asks of a forge."""

    limit: int
    """Characters of a comment."""

    def comment(self, change: int, marker: str, body: str) -> str:
        """Write the comment with this marker, or bring it up to date; return its address."""

    def status(self, commit: str, context: str, state: State, description: str, target: str) -> None:
        """Set the check of a commit."""

    def change_of(self, commit: str) -> int:
        """Return the open change that ends with a commit."""

    def files(self, change: int) -> list[str]:
        """Return the files that a change touches, under their old names as well."""


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


class GitHub:
    """GitHub's REST API, version 2022-11-28."""

    limit = 65_536

    def __init__(self, api: str, repository: str, token: str) -> None:
        """Remember them.

        Args:
            api: Address of the API, such as https://api.github.com.
            repository: ``owner/name``.
            token: A token of the workflow.
        """
        if not re.fullmatch(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+", repository):
            raise PlinthError(f"{repository!r} is no repository.", fix="--repository owner/name")
        self._path = f"/repos/{repository}"
        self._client = Client(
            api=api,
            headers={
                "Authorization": f"Bearer {token}",
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
            },
            needs="permissions: pull-requests: write, statuses: write",
        )

    def comment(self, change: int, marker: str, body: str) -> str:
        """Write the comment with this marker, or bring it up to date; return its address.

        Only a comment of a bot is brought up to date: a person who writes the marker owns their comment.
        """
        for known in self._comments(change):
            if known["body"].startswith(marker) and known["user"]["type"] == "Bot":
                if known["body"] == body:
                    return str(known["html_url"])
                done = self._client.call(
                    "PATCH", f"{self._path}/issues/comments/{int(known['id'])}", {"body": body}
                )
                return str(done["html_url"])
        return str(
            self._client.call("POST", f"{self._path}/issues/{change}/comments", {"body": body})["html_url"]
        )

    def files(self, change: int) -> list[str]:
        """Return the files that a change touches, under their old names as well."""
        found: list[str] = []
        for page in range(1, MOST_PAGES + 1):
            rows = self._client.call(
                "GET", f"{self._path}/pulls/{change}/files", query={"per_page": 100, "page": page}
            )
            found += [row[key] for row in rows for key in ("filename", "previous_filename") if row.get(key)]
            if len(rows) < 100:  # noqa: PLR2004 - a page that is not full is the last
                break
        return found

    def _comments(self, change: int) -> Iterator[dict[str, Any]]:
        for page in range(1, MOST_PAGES + 1):
            found = self._client.call(
                "GET", f"{self._path}/issues/{change}/comments", query={"per_page": 100, "page": page}
            )
            yield from found
            if len(found) < 100:  # noqa: PLR2004 - a page that is not full is the last
                return

    def status(self, commit: str, context: str, state: State, description: str, target: str) -> None:
        """Set the check of a commit."""
        body = {"state": state, "context": context, "description": description[:STATUS_LENGTH]}
        if target:
            body["target_url"] = target
        self._client.call("POST", f"{self._path}/statuses/{_commit(commit)}", body)

    def change_of(self, commit: str) -> int:
        """Return the open pull request that ends with a commit."""
        found = self._client.call("GET", f"{self._path}/commits/{_commit(commit)}/pulls")
        numbers = [one["number"] for one in found if one["state"] == "open" and one["head"]["sha"] == commit]
        return _one(numbers, commit)


class GitLab:
    """GitLab's REST API, version 4."""

    limit = 1_000_000

    def __init__(self, api: str, project: str, token: str) -> None:
        """Remember them.

        Args:
            api: Address of the API, such as https://gitlab.example.com/api/v4.
            project: Number of the project, or ``group/name``.
            token: A project access token with the role Reporter and the scope ``api``.
        """
        self._path = f"/projects/{quote(project, safe='')}"
        self._client = Client(
            api=api,
            headers={"PRIVATE-TOKEN": token},
            needs="a project access token, role Developer, scope api",
        )

    def comment(self, change: int, marker: str, body: str) -> str:
        """Write the note with this marker, or bring it up to date; return its id."""
        notes = f"{self._path}/merge_requests/{change}/notes"
        me = self._client.call("GET", "/user")["id"]
        for page in range(1, MOST_PAGES + 1):
            found = self._client.call("GET", notes, query={"per_page": 100, "page": page})
            for known in found:
                if known["body"].startswith(marker) and known["author"]["id"] == me:
                    return str(self._client.call("PUT", f"{notes}/{int(known['id'])}", {"body": body})["id"])
            if len(found) < 100:  # noqa: PLR2004 - a page that is not full is the last
                break
        return str(self._client.call("POST", notes, {"body": body})["id"])

    def status(self, commit: str, context: str, state: State, description: str, target: str) -> None:
        """Set the check of a commit."""
        body = {
            "state": "success" if state == "success" else "failed",
            "name": context,
            "description": description[:STATUS_LENGTH],
        }
        if target:
            body["target_url"] = target
        self._client.call("POST", f"{self._path}/statuses/{_commit(commit)}", body)

    def change_of(self, commit: str) -> int:
        """Return the open merge request that ends with a commit."""
        found = self._client.call("GET", f"{self._path}/repository/commits/{_commit(commit)}/merge_requests")
        return _one(
            [one["iid"] for one in found if one["state"] == "opened" and one["sha"] == commit], commit
        )

    def files(self, change: int) -> list[str]:
        """Return the files that a change touches, under their old names as well."""
        rows = self._client.call("GET", f"{self._path}/merge_requests/{change}/changes")["changes"]
        return [row[key] for row in rows for key in ("new_path", "old_path")]


def _commit(text: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{40}([0-9a-f]{24})?", text):
        raise PlinthError(f"{text!r} is no commit.", fix="--commit with the whole hash")
    return text


def _one(numbers: list[Any], commit: str) -> int:
    if len(numbers) != 1:
        raise PlinthError(
            f"There are {len(numbers)} open changes that end with commit {commit}, not one.",
            fix="When it got another commit meanwhile, the job of that one posts its own report.",
        )
    return int(numbers[0])
