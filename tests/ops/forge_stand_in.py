"""A forge that answers as the documentation of GitHub and GitLab says, and keeps what it was sent."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

COMMIT = "a" * 40


class StandIn:
    """A forge that keeps what it was sent."""

    def __init__(self, fails: dict[str, int]) -> None:
        self.comments: list[dict[str, Any]] = []
        self.statuses: list[dict[str, Any]] = []
        self.tokens: set[str] = set()
        self.fails = fails
        self.files = ["stacks/Pulumi.local.yaml"]
        self.proposed: list[dict[str, Any]] = []
        """Pull or merge requests that were opened, as they are now."""

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:  # noqa: C901, PLR0911 - one for each call
        bare = path.split("?", maxsplit=1)[0]
        for part, code in self.fails.items():
            if part in f"{method} {bare}":
                return code, {"message": "Resource not accessible by integration"}
        if "/statuses/" in bare:
            self.statuses.append({**body, "commit": bare.rsplit("/", 1)[-1]})
            return 201, {}
        if re.fullmatch(r"/(repos/o/r/pulls|projects/o%2Fr/merge_requests)(/\d+)?", bare):
            return self.propose(method, path, body)
        if bare in ("/repos/o/r", "/projects/o%2Fr"):
            return 200, {"default_branch": "main"}
        if bare.endswith("/pulls"):
            return 200, [{"number": 7, "state": "open", "head": {"sha": COMMIT}}]
        if bare.endswith("/merge_requests"):
            return 200, [{"iid": 7, "state": "opened", "sha": COMMIT}]
        if bare.endswith("/files"):
            return 200, [{"filename": path} for path in self.files]
        if bare.endswith("/changes"):
            return 200, {"changes": [{"new_path": path, "old_path": path} for path in self.files]}
        if bare == "/user":
            return 200, {"id": 5}
        if method == "GET":
            page = int(path.partition("&page=")[2] or 1)
            return 200, self.comments[(page - 1) * 100 : page * 100]
        if method == "POST":
            who = {"user": {"type": "Bot"}, "author": {"id": 5}}
            made = {
                "id": len(self.comments) + 1,
                "html_url": f"https://forge/{len(self.comments) + 1}",
                **who,
                **body,
            }
            self.comments.append(made)
            return 201, made
        known = next(one for one in self.comments if one["id"] == int(bare.rsplit("/", 1)[-1]))
        known["body"] = body["body"]
        return 200, known

    def propose(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Answer about changes: list those of a branch, open one, renew one."""
        where = urlsplit(path)
        if method == "GET":
            asked = parse_qs(where.query)
            (branch,) = asked.get("source_branch") or [asked["head"][0].removeprefix("o:")]
            return 200, [
                one for one in self.proposed if branch in (one.get("head"), one.get("source_branch"))
            ]
        if method == "POST":
            number = len(self.proposed) + 1
            address = f"https://forge/changes/{number}"
            self.proposed.append(
                {"number": number, "iid": number, "html_url": address, "web_url": address, **body}
            )
            return 201, self.proposed[-1]
        known = self.proposed[int(where.path.rsplit("/", 1)[-1]) - 1]
        known.update(body)
        return 200, known


@contextmanager
def standing_in(**fails: int) -> Iterator[tuple[str, StandIn]]:
    stand_in = StandIn({key.replace("_", " ", 1): code for key, code in fails.items()})

    class Handler(BaseHTTPRequestHandler):
        def reply(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"null")
            stand_in.tokens.add(self.headers.get("Authorization") or self.headers.get("PRIVATE-TOKEN") or "")
            code, answer = stand_in.answer(self.command, self.path, body)
            text = json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = do_PUT = reply  # noqa: N815 - names of the base class

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", stand_in
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
