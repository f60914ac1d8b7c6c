"""The client finds its server and keeps a true copy of the objects, whatever the stream does."""

import asyncio
import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from infra.errors import PlatformError
from infra.local.runner import reflector
from infra.local.runner.reflector import Reflector
from infra.local.runner.rest import Api, ApiError, _credentials


def kubeconfig(path: Path, *, cluster: dict[str, Any], user: dict[str, Any]) -> Path:
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": cluster}],
        "users": [{"name": "u", "user": user}],
    }
    path.write_text(yaml.safe_dump(config))
    return path


def test_a_token_of_the_kubeconfig_is_sent(tmp_path: Path):
    path = kubeconfig(tmp_path / "k", cluster={"server": "https://127.0.0.1:1"}, user={"token": "t"})
    server, _, headers = _credentials(path)
    assert (server, headers) == ("https://127.0.0.1:1", {"authorization": "Bearer t"})


@pytest.mark.parametrize(
    "content",
    ["", "{", "current-context: x\ncontexts: []", "[]"],
)
def test_a_kubeconfig_that_cannot_be_used_is_named(tmp_path: Path, content: str):
    path = tmp_path / "kubeconfig"
    path.write_text(content)
    with pytest.raises(PlatformError, match=r"kubeconfig") as caught:
        _credentials(path)
    assert str(path) in str(caught.value)


def test_a_damaged_certificate_is_named_and_its_key_is_not_shown(tmp_path: Path):
    secret = base64.b64encode(b"-----BEGIN hidden").decode()
    user = {"client-certificate-data": secret, "client-key-data": secret}
    path = kubeconfig(tmp_path / "k", cluster={"server": "https://127.0.0.1:1"}, user=user)
    with pytest.raises(PlatformError) as caught:
        _credentials(path)
    assert "hidden" not in str(caught.value)


Handler = Callable[[httpx.Request], httpx.Response]


async def api_with(tmp_path: Path, handler: Handler) -> Api:
    path = kubeconfig(tmp_path / "k", cluster={"server": "https://127.0.0.1:1"}, user={"token": "t"})
    api = Api(path)
    await api._client.aclose()
    api._client = httpx.AsyncClient(base_url="https://127.0.0.1:1", transport=httpx.MockTransport(handler))
    return api


def test_an_error_of_the_server_keeps_its_status_and_message(tmp_path: Path):
    async def story() -> None:
        for response in (httpx.Response(403, json={"message": "no"}), httpx.Response(502, text="<html>")):
            api = await api_with(tmp_path, lambda _request, answer=response: answer)
            with pytest.raises(ApiError) as caught:
                await api.get("/x")
            assert caught.value.status == response.status_code
            await api.close()

    asyncio.run(story())


def pod(uid: str, version: int) -> dict[str, Any]:
    return {"metadata": {"uid": uid, "resourceVersion": str(version)}}


class Script:
    """A server that answers lists and watches from a prepared row."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, str]] = []
        self.done = asyncio.Event()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(dict(request.url.params))
        answer = self.answers.pop(0)
        if not self.answers:
            self.done.set()
            self.answers = [answer]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, int):
            return httpx.Response(answer, json={"message": "refused"})
        if "watch" in request.url.params:
            return httpx.Response(200, text="".join(json.dumps(event) + "\n" for event in answer))
        items, version = answer
        body = {"kind": "PodList", "items": items, "metadata": {"resourceVersion": str(version)}}
        return httpx.Response(200, json=body)


def follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *answers: Any) -> tuple[Script, Reflector]:
    monkeypatch.setattr(reflector, "_FIRST_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(reflector, "_BETWEEN_STREAMS_SECONDS", 0.0)

    async def story() -> tuple[Script, Reflector]:
        script = Script(*answers)
        api = await api_with(tmp_path, script)
        found = Reflector(api, "/api/v1/pods", lambda: None, field_selector="spec.nodeName=n")
        task = asyncio.create_task(found.run())
        async with asyncio.timeout(30):
            await script.done.wait()
        await asyncio.sleep(0.05)
        task.cancel()
        await api.close()
        return script, found

    return asyncio.run(story())


def event(kind: str, item: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "object": item}


def test_events_change_the_copy_and_the_next_stream_resumes_where_one_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    script, found = follow(
        tmp_path,
        monkeypatch,
        ([pod("a", 1), pod("b", 2)], 5),
        [event("ADDED", pod("c", 6)), event("DELETED", pod("a", 7)), event("BOOKMARK", pod("-", 9))],
        [event("MODIFIED", pod("b", 10))],
        [],
    )
    assert sorted(found.items) == ["b", "c"]
    assert found.items["b"]["metadata"]["resourceVersion"] == "10"
    assert found.synced.is_set()
    assert [asked.get("resourceVersion") for asked in script.asked[:4]] == [None, "5", "9", "10"]
    assert all(asked["fieldSelector"] == "spec.nodeName=n" for asked in script.asked)


@pytest.mark.parametrize(
    "gone",
    [410, [event("ERROR", {"kind": "Status", "code": 410, "message": "too old"})]],
)
def test_a_version_that_the_server_no_longer_has_leads_to_a_new_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: Any
):
    _, found = follow(tmp_path, monkeypatch, ([pod("a", 1)], 5), gone, ([pod("b", 8)], 9), [])
    assert sorted(found.items) == ["b"]


@pytest.mark.parametrize("trouble", [httpx.ConnectError("refused"), 503, 404, httpx.ReadTimeout("silent")])
def test_while_the_server_is_away_the_last_copy_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: Any
):
    _, found = follow(tmp_path, monkeypatch, ([pod("a", 1)], 5), trouble, trouble, trouble)
    assert sorted(found.items) == ["a"]


def test_before_the_first_list_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    _, found = follow(tmp_path, monkeypatch, 404, 404)
    assert not found.synced.is_set()
