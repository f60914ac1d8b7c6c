"""GitHub's REST API, as far as it is used."""

import re

from infra.errors import PlinthError
from infra.ops.forge.client import MOST_FILES, STATUS_LENGTH, UNLISTED, Client, commit_hash, only, understood


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
        self._owner = repository.partition("/")[0]
        self._path = f"/repos/{repository}"
        self._client = Client(
            api=api,
            headers={
                "Authorization": f"Bearer {token}",
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
            },
            needs="permissions: pull-requests: write; statuses: write for checks",
        )

    @understood
    def comment(self, change: int, marker: str, body: str) -> str:
        """Write the comment with this marker, or bring it up to date; return its address.

        Only a comment of a bot is brought up to date: a person who writes the marker owns their comment.
        """
        for known in self._client.pages(f"{self._path}/issues/{change}/comments"):
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

    @understood
    def files(self, change: int) -> list[str]:
        """Return the files that a change touches, under their old names as well."""
        rows = list(self._client.pages(f"{self._path}/pulls/{change}/files"))
        found = [row[key] for row in rows for key in ("filename", "previous_filename") if row.get(key)]
        return [*found, UNLISTED] if len(rows) >= MOST_FILES else found

    @understood
    def status(self, commit: str, context: str, state: str, description: str, target: str) -> None:
        """Set the check of a commit."""
        body = {"state": state, "context": context, "description": description[:STATUS_LENGTH]}
        if target:
            body["target_url"] = target
        self._client.call("POST", f"{self._path}/statuses/{commit_hash(commit)}", body)

    @understood
    def change_of(self, commit: str) -> int:
        """Return the open pull request that ends with a commit."""
        found = self._client.call("GET", f"{self._path}/commits/{commit_hash(commit)}/pulls")
        numbers = [one["number"] for one in found if one["state"] == "open" and one["head"]["sha"] == commit]
        return only(numbers, commit)

    @understood
    def propose(self, branch: str, title: str, body: str) -> str:
        """Open the pull request of a pushed branch, or renew its text; return its address."""
        pulls, text = f"{self._path}/pulls", {"title": title, "body": body}
        query = {"state": "open", "head": f"{self._owner}:{branch}"}
        known = self._client.call("GET", pulls, query=query)
        if known:
            return str(self._client.call("PATCH", f"{pulls}/{int(known[0]['number'])}", text)["html_url"])
        base = self._client.call("GET", self._path)["default_branch"]
        return str(self._client.call("POST", pulls, {**text, "head": branch, "base": base})["html_url"])
