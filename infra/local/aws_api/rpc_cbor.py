"""CloudWatch in Smithy RPC v2 with CBOR, which the AWS SDKs prefer and moto 5.2.5 does not speak.

A request is turned into the JSON form of the same operation, and the answer back; botocore does the coding.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

import botocore.loaders
from botocore.model import ServiceModel
from botocore.parsers import RpcV2CBORParser
from botocore.serialize import RpcV2CBORSerializer

from infra.local.aws_api.actions import RPC_PATH

HEADER = "smithy-protocol"
PROTOCOL = "rpc-v2-cbor"
_SERVICES = {"GraniteServiceVersion20100801": "cloudwatch"}
"""Target prefix to botocore's name: those services in use that speak the protocol."""


def is_spoken(headers: Mapping[str, str], path: str) -> bool:
    """Tell whether a request (lower-case header names) is in this protocol and for a service known here."""
    found = RPC_PATH.fullmatch(path)
    return headers.get(HEADER) == PROTOCOL and found is not None and found["target"] in _SERVICES


def as_json(path: str, headers: Mapping[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
    """Return headers and body of the same request in the JSON protocol; its path is ``/``."""
    found = RPC_PATH.fullmatch(path)
    assert found is not None
    parser: Any = RpcV2CBORParser()  # its decoder is not public, and botocore has no other
    said = parser._initial_body_parse(body) or {}  # noqa: SLF001 - as said
    kept = {k: v for k, v in headers.items() if k.lower() not in {HEADER, "accept", "content-length"}}
    kept = {k: v for k, v in kept.items() if k.lower() != "content-type"}
    kept |= {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": f"{found['target']}.{found['operation']}",
    }
    return kept, json.dumps(said, default=_plain).encode()


def as_cbor(path: str, status: int, body: bytes) -> tuple[dict[str, str], bytes]:
    """Return headers and body that answer the request at ``path``, from those of the JSON protocol."""
    found = RPC_PATH.fullmatch(path)
    assert found is not None
    document = json.loads(body) if body else {}
    serializer: Any = RpcV2CBORSerializer()
    said = bytearray()
    headers = {HEADER: PROTOCOL, "Content-Type": "application/cbor"}
    shape: Any = _model(_SERVICES[found["target"]]).operation_model(found["operation"]).output_shape
    if status < 300 and shape is not None:  # noqa: PLR2004 - what HTTP calls a success
        serializer._serialize_data_item(said, document, shape)  # noqa: SLF001 - botocore's only encoder
    elif status < 300:  # noqa: PLR2004 - as above
        said += b"\xa0"  # an empty map
    else:
        error = {"__type": document.get("__type", ""), "message": document.get("message", "")}
        said.append(0xA0 | len(error))
        for text in (part for pair in error.items() for part in pair):
            serializer._serialize_type_string(said, str(text), None, None)  # noqa: SLF001 - as above
        code = error["__type"].rsplit("#", 1)[-1]
        headers["x-amzn-query-error"] = f"{code};{'Sender' if status < 500 else 'Receiver'}"  # noqa: PLR2004
    return headers, bytes(said)


def _plain(value: object) -> Any:
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(f"{type(value).__name__} has no form in JSON")


@cache
def _model(service: str) -> ServiceModel:
    return ServiceModel(botocore.loaders.Loader().load_service_model(service, "service-2"))
