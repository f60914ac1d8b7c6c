"""A request that is made directly is the one that moto would have made."""

from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from moto.core.request import Request

from infra.local.aws_api import plain_requests

NAMES = (
    "Accept", "accept", "Authorization", "Content-Length", "content-type", "Content-Type", "Content_Type",
    "Host", "Transfer-Encoding", "x-amz-meta-a_b", "x-amz-meta-a-b", "x-amz-target", "X-Amz-Target", "ü",
)  # fmt: skip
TEXT = st.text(alphabet="aZ09-_.~/%=&;:*\"' \t\nü", max_size=12)
VALUES = st.one_of(
    TEXT,
    st.sampled_from(
        ["3", "text/plain; charset=utf-8", "application/x-www-form-urlencoded", "multipart/form-data"]
    ),
)
PATHS = st.text(alphabet="ab/.~-_%20?=&+;:*# ü", max_size=14).map(lambda text: f"/{text}")
HOSTS = st.sampled_from(
    ["https://b.s3.amazonaws.com", "http://kms.eu-central-1.amazonaws.com", "https://a.amazonaws.com:8443"]
)


def made(how: Any, *arguments: Any) -> Any:
    """Return all that a handler can see of a request, or which error it is."""
    try:
        request = how(*arguments)
    except (ValueError, TypeError) as error:
        return type(error)
    environ = dict(request.environ)
    read = environ.pop("wsgi.input").getvalue()
    assert environ.pop("werkzeug.request") is request
    return list(environ.items()), read, list(request.headers), request.raw_url, request.raw_path


@settings(max_examples=400, deadline=None)
@given(
    method=st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD"]),
    host=HOSTS,
    path=PATHS,
    headers=st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=5),
    body=st.binary(max_size=5),
)
def test_it_is_the_same_as_moto_s(
    method: str, host: str, path: str, headers: dict[str, str], body: bytes
) -> None:
    kinds = [value for value in headers.values() if value.startswith("multipart")]
    assume(body or not kinds)  # moto makes up a boundary for those
    expected = made(lambda: Request.from_primitives(method, host + path, headers, body))
    assert made(plain_requests.make, method, host, path, headers, body) == expected


def test_what_the_platform_sends_is_plain() -> None:
    headers = {"Host": "b.s3.amazonaws.com", "Content-Length": "3", "x-amz-meta-a": "b"}
    assert plain_requests.plain(
        "PUT", "https://b.s3.amazonaws.com", "/a/b.jsonl?x-id=PutObject", headers, b"abc"
    )


def test_what_needs_quoting_is_left_to_moto() -> None:
    assert plain_requests.plain("PUT", "https://b.s3.amazonaws.com", "/a%20b", {}, b"abc") is None
