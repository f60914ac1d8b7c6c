"""The resources of a stack as the program asks for them, without an engine and without an account.

Golden files of all stacks (``tests/golden``) show a reviewer what a change of the program does to each.
"""

import asyncio
import contextlib
import gc
import hashlib
import json
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime import mocks as pulumi_mocks

from infra import program, providers, sdk
from infra.local.paths import repo_root
from infra.settings import Settings

SHOWN_LENGTH = 120
"""Characters of a text that are shown; a longer one (policies, queries) is shown by its digest."""
DIGEST = "sha256:" + "0" * 64
"""Digest of images and models in a graph: releases change each day, graphs must not."""


@dataclass
class Recorder(pulumi_mocks.Mocks):
    """An engine that answers every request and keeps what was asked for."""

    region: str
    account: str
    asked: list[tuple[str, str, Mapping[str, Any]]] = field(default_factory=list)

    def new_resource(self, args: pulumi_mocks.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        """Keep a resource; answer with the outputs that the program goes on with."""
        self.asked.append((args.typ, args.name, args.inputs))
        outputs = dict(args.inputs)
        outputs.setdefault("arn", f"arn:aws:{args.name}:{self.region}:{self.account}:{args.name}")
        outputs.setdefault("keyId", f"{args.name}-id")
        return f"{args.name}-id", outputs

    def call(self, args: pulumi_mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        """Refuse: the program asks nobody but its settings."""
        raise NotImplementedError(f"the program made an unexpected call: {args.token}")


def stack_settings(path: Path) -> Settings:
    """Return the settings of a stack file, with a release for each of its services."""
    settings = Settings.from_file(path, environ={})
    release = {"image": f"registry/{{}}@{DIGEST}", "model_digest": DIGEST}
    releases = {
        name: {**release, "image": release["image"].format(name)} for name in sorted(settings.services)
    }
    raw = json.loads(settings.model_dump_json())
    return Settings.parse({**raw, "releases": releases}, stack=settings.environment, environ={})


def resources(settings: Settings) -> Recorder:
    """Build the program for some settings and return what it asked for."""
    recorder = Recorder(region=settings.aws.region, account=settings.aws.account_id)
    monitor = pulumi_mocks.MockMonitor(recorder)
    run_recorded(monitor, settings.environment, lambda: program.build(settings, providers.build(settings)))
    return recorder


def render(found: Recorder) -> str:
    """Return the graph of a stack as JSON, one line for each resource, in a fixed order."""
    lines = sorted(
        f"{json.dumps(f'{kind} {name}')}: {json.dumps(_shown(inputs), sort_keys=True)}"
        for kind, name, inputs in found.asked
    )
    return "{\n" + ",\n".join(lines) + "\n}\n"


def golden(root: Path | None = None) -> dict[Path, str]:
    """Return every golden file with what it should hold."""
    top = root or repo_root()
    return {
        top / "tests" / "golden" / f"{name}.json": render(resources(stack_settings(path)))
        for path in sorted((top / "stacks").glob("Pulumi.*.yaml"))
        for name in [path.name.removeprefix("Pulumi.").removesuffix(".yaml")]
    }


def _shown(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _shown(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(inner) for inner in value]
    if isinstance(value, str) and len(value) > SHOWN_LENGTH:
        return f"{len(value)} characters, sha256 {hashlib.sha256(value.encode()).hexdigest()[:16]}"
    return value if isinstance(value, bool | int | float | str | None) else str(value)


def run_recorded(
    monitor: pulumi_mocks.MockMonitor, stack: str, body: Callable[[], Any], *, preview: bool = False
) -> None:
    """Run a program against a monitor that stands for the engine.

    Args:
        monitor: Takes the registrations.
        stack: Name of the stack.
        body: The program.
        preview: Whether what is not answered is unknown, as in a preview, instead of missing.
    """
    with event_loop():
        pulumi_mocks.set_mocks(monitor.mocks, project="plinth", stack=stack, preview=preview, monitor=monitor)
        sdk.lighten()

        @pulumi.runtime.test  # type: ignore[untyped-decorator]
        def run() -> Any:
            body()

        run()


@contextlib.contextmanager
def event_loop() -> Iterator[None]:
    """Give a program under Pulumi's mocks an event loop, and clear away those that they leave.

    The mocks leave one unclosed in each worker thread. The collector would find them in the middle of
    something else, and their complaints would fail that; so it waits, and nobody listens while it looks.
    """
    loop, collecting = asyncio.new_event_loop(), gc.isenabled()
    asyncio.set_event_loop(loop)
    gc.disable()
    try:
        yield
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        asyncio.set_event_loop(None)
        told, sys.unraisablehook = sys.unraisablehook, lambda _told: None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ResourceWarning)
                gc.collect()
        finally:
            sys.unraisablehook = told
            if collecting:
                gc.enable()


def main() -> None:
    """Write every golden file anew."""
    for path, text in golden().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path.relative_to(repo_root())}: {text.count(chr(10)) - 2} resources\n")


if __name__ == "__main__":
    main()
