"""GitLab's REST API, as far as it is used."""

from urllib.parse import quote

from infra.ops.forge.client import STATUS_LENGTH, UNLISTED, Client, commit_hash, only, understood


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

    @understood
    def comment(self, change: int, marker: str, body: str) -> str:
        """Write the note with this marker, or bring it up to date; return its id."""
        notes = f"{self._path}/merge_requests/{change}/notes"
        me = self._client.call("GET", "/user")["id"]
        for known in self._client.pages(notes):
            if known["body"].startswith(marker) and known["author"]["id"] == me:
                return str(self._client.call("PUT", f"{notes}/{int(known['id'])}", {"body": body})["id"])
        return str(self._client.call("POST", notes, {"body": body})["id"])

    @understood
    def status(self, commit: str, context: str, state: str, description: str, target: str) -> None:
        """Set the check of a commit."""
        body = {
            "state": "success" if state == "success" else "failed",
            "name": context,
            "description": description[:STATUS_LENGTH],
        }
        if target:
            body["target_url"] = target
        self._client.call("POST", f"{self._path}/statuses/{commit_hash(commit)}", body)

    @understood
    def change_of(self, commit: str) -> int:
        """Return the open merge request that ends with a commit."""
        found = self._client.call(
            "GET", f"{self._path}/repository/commits/{commit_hash(commit)}/merge_requests"
        )
        return only(
            [one["iid"] for one in found if one["state"] == "opened" and one["sha"] == commit], commit
        )

    @understood
    def files(self, change: int) -> list[str]:
        """Return the files that a change touches, under their old names as well."""
        told = self._client.call("GET", f"{self._path}/merge_requests/{change}/changes")
        found = [row[key] for row in told["changes"] for key in ("new_path", "old_path")]
        return [*found, UNLISTED] if told.get("overflow") else found

    @understood
    def propose(self, branch: str, title: str, body: str) -> str:
        """Open the merge request of a pushed branch, or renew its text; return its address."""
        requests, text = f"{self._path}/merge_requests", {"title": title, "description": body}
        known = self._client.call("GET", requests, query={"state": "opened", "source_branch": branch})
        if known:
            return str(self._client.call("PUT", f"{requests}/{int(known[0]['iid'])}", text)["web_url"])
        wanted = {
            **text,
            "source_branch": branch,
            "target_branch": self._client.call("GET", self._path)["default_branch"],
            "remove_source_branch": True,
        }
        return str(self._client.call("POST", requests, wanted)["web_url"])
