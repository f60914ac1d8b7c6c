"""Shared fixtures: settings of a small stack, and a recording engine for the program."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import hypothesis
import pulumi
import pytest
from pulumi.runtime import mocks as pulumi_mocks

from infra import program, providers, sdk
from infra.ops.graph import event_loop
from infra.settings import Settings

hypothesis.settings.register_profile("plinth", deadline=None)  # machines are shared; no test asserts a time
hypothesis.settings.load_profile("plinth")

TIERS = ("parts", "serving", "toolchain", "monitoring", "local", "faults")
"""Marks of tests that are more than pure code; without one a test belongs to the tier ``unit``."""
_alone = False
"""Whether the test that runs is one of the tier ``unit``."""
_popen = subprocess.Popen.__init__


def _started(self: Any, *words: Any, **options: Any) -> None:
    assert not _alone, "a test that starts a process says so: pytest.mark.parts"
    _popen(self, *words, **options)


setattr(subprocess.Popen, "__init__", _started)  # noqa: B010 - a plain assignment to a method is an error to mypy


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Hold a test of the tier ``unit`` to what it says: no process of its own, no emulated AWS."""
    global _alone  # noqa: PLW0603 - one test runs at a time
    _alone = not any(item.get_closest_marker(mark) for mark in TIERS)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call() -> None:
    """Look whether the emulated AWS came in with a fixture."""
    models = sys.modules.get("moto.core.models")
    emulating = models is not None and models.MockAWS._mocks_active
    assert not (_alone and emulating), "a test against the emulated AWS says so: pytest.mark.parts"


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Print a failure at once: the summary of a run that is cut off never comes."""
    if report.failed and "PYTEST_XDIST_WORKER" not in os.environ:
        print(f"\n{report.nodeid}, {report.when}\n{report.longreprtext}", file=sys.stderr, flush=True)  # noqa: T201


DIGEST = "sha256:" + "a" * 64


@pytest.fixture
def raw_settings() -> dict[str, Any]:
    return {
        "owner": "risk-platform",
        "cost_centre": "4711",
        "approval": "gates",
        "aws": {"account_id": "123456789012", "region": "eu-central-1", "emulated": True},
        "gateway": {"domain": "plinth.localhost", "controller": "plinth.dev/local-gateway"},
        "services": {"credit-risk": {}},
        "releases": {
            "credit-risk": {
                "image": f"123456789012.dkr.ecr.eu-central-1.amazonaws.com/plinth-local/credit-risk@{DIGEST}",
                "model_digest": DIGEST,
            }
        },
    }


@pytest.fixture
def settings(raw_settings: dict[str, Any]) -> Settings:
    return Settings.parse(raw_settings, stack="local", environ={})


@dataclass
class Registered:
    """One resource as the program registered it."""

    type: str
    name: str
    inputs: dict[str, Any]


@dataclass
class Recorder(pulumi_mocks.Mocks):
    """An engine that records what a program asks for and answers with plausible outputs."""

    resources: list[Registered] = field(default_factory=list)

    def new_resource(self, args: pulumi_mocks.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        self.resources.append(Registered(args.typ, args.name, args.inputs))
        outputs = dict(args.inputs)
        outputs.setdefault("arn", f"arn:aws:mock:eu-central-1:123456789012:{args.name}")
        outputs.setdefault("keyId", f"{args.name}-id")
        return f"{args.name}-id", outputs

    def call(self, args: pulumi_mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise AssertionError(f"the program made an unexpected call: {args.token}")

    def of_type(self, type_: str) -> list[Registered]:
        return [resource for resource in self.resources if resource.type == type_]


@pytest.fixture(scope="session")
def run_program() -> Callable[[Callable[[], Any]], Recorder]:
    """Run a function as a Pulumi program under a fresh recording engine and return the record."""

    def run(program: Callable[[], Any]) -> Recorder:
        recorder = Recorder()
        with event_loop():
            pulumi_mocks.set_mocks(recorder, project="plinth", stack="local", preview=False)
            sdk.lighten()

            @pulumi.runtime.test
            def body() -> Any:
                program()

            body()
        return recorder

    return run


@pytest.fixture(scope="session")
def recorded(run_program: Callable[[Callable[[], Any]], Recorder]) -> Callable[[Settings], Recorder]:
    """Build the program for some settings; once for the same settings, since nobody changes a record."""
    known: dict[str, Recorder] = {}

    def build(settings: Settings) -> Recorder:
        key = settings.model_dump_json()
        if key not in known:
            known[key] = run_program(lambda: program.build(settings, providers.build(settings)))
        return known[key]

    return build
