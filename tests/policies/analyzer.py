"""The pack as the engine talks to it: its own process, real protocol, real unknowns."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
from fixture_stacks import raw_props, urn
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

PACK = Path(__file__).resolve().parents[2] / "policies"


@contextlib.contextmanager
def running(main: Path = PACK / "__main__.py") -> Iterator[analyzer_pb2_grpc.AnalyzerStub]:
    """Start the pack and give a client of it."""
    process = subprocess.Popen([sys.executable, "-u", str(main)], stdout=subprocess.PIPE, cwd=PACK)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield analyzer_pb2_grpc.AnalyzerStub(channel)
    finally:
        process.kill()
        process.communicate()


def configured(
    stub: analyzer_pb2_grpc.AnalyzerStub, config: dict[str, dict[str, Any]], levels: dict[str, int]
) -> None:
    request = analyzer_pb2.ConfigureAnalyzerRequest()
    for policy, properties in config.items():
        request.policyConfig[policy].enforcementLevel = levels[policy]
        request.policyConfig[policy].properties.update(properties)
    stub.Configure(request)


def levels(stub: analyzer_pb2_grpc.AnalyzerStub) -> dict[str, int]:
    return {
        policy.name: policy.enforcementLevel for policy in stub.GetAnalyzerInfo(empty_pb2.Empty()).policies
    }


def analyze(stub: analyzer_pb2_grpc.AnalyzerStub, entry: dict[str, Any]) -> analyzer_pb2.AnalyzeResponse:
    return stub.Analyze(
        analyzer_pb2.AnalyzeRequest(
            type=entry["type"],
            urn=urn(entry),
            name=entry["name"],
            properties=_struct(raw_props(entry)),
            options=_options(entry),
        )
    )


def analyze_stack(
    stub: analyzer_pb2_grpc.AnalyzerStub, stack: list[dict[str, Any]]
) -> analyzer_pb2.AnalyzeResponse:
    urns = {entry["name"]: urn(entry) for entry in stack}
    request = analyzer_pb2.AnalyzeStackRequest()
    for entry in stack:
        resource = analyzer_pb2.AnalyzerResource(
            type=entry["type"],
            urn=urn(entry),
            name=entry["name"],
            properties=_struct(raw_props(entry)),
            options=_options(entry),
        )
        for key, names in entry.get("feeds", {}).items():
            resource.propertyDependencies[key].urns.extend(urns[name] for name in names if name in urns)
        request.resources.append(resource)
    return stub.AnalyzeStack(request)


def _struct(props: dict[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update(props)
    return struct


def _options(entry: dict[str, Any]) -> analyzer_pb2.AnalyzerResourceOptions:
    return analyzer_pb2.AnalyzerResourceOptions(protect=entry.get("protect", False))
