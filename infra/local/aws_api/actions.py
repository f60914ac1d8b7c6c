"""What a request is: does it go to AWS, whose key signed it, may it change anything."""

import re
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

AWS_DOMAINS = ("amazonaws.com", "amazonaws.com.cn", "api.aws")
"""The domains of the AWS API that moto answers for. Its certificate authority is limited to them."""

_INTERNAL_HOSTS = frozenset({"motoapi.amazonaws.com"})
"""moto's own control interface (reset, seed, pass-through): never reachable through the proxy."""

_READ = re.compile(
    r"(Describe|List|Get|Head|BatchGet|BatchDescribe|Lookup|Query|Scan|Search|Simulate|Check|Select)[A-Z]\w*"
    r"|Query|Scan|Search"
)
_READ_ONLY = frozenset(
    {
        # They use a key and change nothing; recording them would grow the journal with each decision.
        "Encrypt",
        "Decrypt",
        "ReEncrypt",
        "Sign",
        "Verify",
        "GenerateMac",
        "VerifyMac",
        "GenerateRandom",
        "GenerateDataKey",
        "GenerateDataKeyWithoutPlaintext",
        "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext",
        "DecodeAuthorizationMessage",
    }
)
RPC_PATH = re.compile(r"/service/(?P<target>\w+)/operation/(?P<operation>\w+)")
"""Path of Smithy's RPC protocols, which name the operation there."""
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)")
_SIGNATURE = re.compile(r"(Signature=)[0-9a-fA-F]+")
_CONNECTION_HEADERS = frozenset(
    {
        "connection",
        "proxy-connection",
        "proxy-authorization",
        "keep-alive",
        "expect",
        "transfer-encoding",
        "te",
    }
)


def is_aws_host(host: str) -> bool:
    """Tell whether ``host`` (no port) belongs to the AWS API.

    moto's own control host is not one, although it lies in the domain.
    """
    name = host.lower().rstrip(".")
    if name in _INTERNAL_HOSTS or not re.fullmatch(r"[a-z0-9._-]+", name):
        return False
    return any(name.endswith("." + domain) for domain in AWS_DOMAINS)


def action(path: str, headers: Mapping[str, str], body: bytes) -> str | None:
    """Return the action that a request names, or None for the REST services, which name none."""
    target = headers.get("x-amz-target")
    if target:
        return target.rsplit(".", 1)[-1]
    if in_path := RPC_PATH.fullmatch(path):
        return in_path["operation"]
    in_query = parse_qs(urlsplit(path).query).get("Action")
    if in_query:
        return in_query[0]
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        in_body = parse_qs(body.decode("utf-8", "replace")).get("Action")
        if in_body:
            return in_body[0]
    return None


def may_change(method: str, path: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Tell whether a request may change the state. In doubt it may, and is recorded.

    Args:
        method: HTTP method, upper case.
        path: Path with query.
        headers: Lower-case names.
        body: The request's body.
    """
    name = action(path, headers, body)
    if name is None:
        return method not in {"GET", "HEAD", "OPTIONS"}
    if name == "DescribeKey" and b"alias/aws/" in body:
        return True  # moto makes an AWS-managed key the first time that it is looked at
    return not (_READ.fullmatch(name) or name in _READ_ONLY)


def access_key(path: str, headers: Mapping[str, str]) -> str:
    """Return the id of the access key that signed a request, or ``-``. An id is not a secret."""
    found = _CREDENTIAL.search(headers.get("authorization", ""))
    if found:
        return found.group(1)
    presigned = parse_qs(urlsplit(path).query).get("X-Amz-Credential")
    return presigned[0].split("/", 1)[0] if presigned else "-"


def recordable_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that a replay needs, without what authenticates anybody."""
    kept = {
        name: value
        for name, value in headers.items()
        if name.lower() not in _CONNECTION_HEADERS and name.lower() != "x-amz-security-token"
    }
    return {
        name: _SIGNATURE.sub(r"\g<1>0", value) if name.lower() == "authorization" else value
        for name, value in kept.items()
    }
