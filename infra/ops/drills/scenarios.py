"""Partial losses and bad days, one by one: how each is made, who notices, and what mends it.

Each scenario is three functions over the same few things, so that a table can say of all of them what users
saw, how long it took to be noticed and to be mended, and what was lost.
"""

import contextlib
import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psutil

from infra import naming
from infra.errors import PlinthError
from infra.local import session
from infra.local.paths import home
from infra.ops import changes, emulated, status
from infra.ops.account import UNANSWERED, Account
from infra.ops.chaos.small_stack import ask_faults
from infra.ops.console import Steps
from infra.ops.drills import loss
from infra.ops.drills.load import Load
from infra.ops.drills.places import STACK
from infra.ops.recovery import keeping, objects, records, sources, undo
from infra.settings import Settings

BAD_DAY_SECONDS = 45.0
"""How long AWS has a bad day in a drill; on AWS it may be minutes or hours."""
SLOW_SECONDS = 2.0
"""How long each request to a slow region waits."""
JUNK = b"your files are encrypted"


@dataclass(kw_only=True)
class World:
    """What a scenario works on; ``notes`` is its own."""

    settings: Settings
    account: Account
    steps: Steps
    load: Load
    began: float
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One thing that goes wrong.

    Args:
        name: How the command calls it.
        title: What is injected, in words.
        inject: Does it.
        notice: Returns who noticed what, or None while nobody has.
        mend: Brings it back; what a person would run stands in ``commands``.
        lost: Returns what was lost, by name; empty for nothing.
        commands: The commands of the runbook, in order.
    """

    name: str
    title: str
    inject: Callable[[World], None]
    notice: Callable[[World], str | None]
    mend: Callable[[World], None]
    lost: Callable[[World], dict[str, int]]
    commands: tuple[str, ...]


def nothing(_: World) -> dict[str, int]:
    """Say that nothing can have been lost."""
    return {}


def by_itself(_: World) -> None:
    """Nobody does anything."""


# The Kubernetes API


def _kill_apiserver(world: World) -> None:
    platform = session.ready("break")
    world.notes["restarts"] = platform.parts["apiserver"].restarts
    pid = platform.parts["apiserver"].pid
    with contextlib.suppress(psutil.Error):
        psutil.Process(int(pid or 0)).kill()


def _apiserver_seen(world: World) -> str | None:
    platform = session.current()
    if platform is None:
        return None
    part = platform.parts["apiserver"]
    if part.state != "ready":
        return f"./plinth status: part 'apiserver' is {part.state}"
    if part.restarts > world.notes["restarts"]:
        return "./plinth status: part 'apiserver' was restarted"
    return None


# The cluster with everything in it


def _lose_cluster(_: World) -> None:
    loss.kill_everything()
    for folder in ("etcd", "xds"):
        shutil.rmtree(home() / "local" / folder, ignore_errors=True)


def _cluster_seen(_: World) -> str | None:
    found = status.collect(STACK)
    return f"./plinth status: {found.problems[0]}" if found.problems else None


def _up_with_refresh(world: World) -> None:
    ready = changes.prepare(emulated.stack_file(STACK), world.steps, refresh=True)
    changes.up(ready, world.steps, adopt_existing=True)
    status.wait(STACK, 60)


# The state file


def _lose_state(world: World) -> None:
    world.notes["record"] = records.load(world.settings)
    loss.forget(STACK)


def _state_seen(_: World) -> str | None:
    count = status.collect(STACK).resources
    return None if count else "./plinth status: 0 resources in the state"


def _restore_state(world: World) -> None:
    sources.restore_state(world.settings, world.account)


def _state_lost(world: World) -> dict[str, int]:
    found = records.verify(world.settings, world.notes["record"], None)
    return dict(Counter(f"{one.of} ({one.what[:200]})" for one in found))


# Objects that somebody wrote over or deleted


def _remember(world: World) -> tuple[Any, str]:
    s3, bucket = world.account.client("s3"), keeping.bucket(world.settings)
    world.notes["before"] = _contents(s3, bucket)
    world.notes["moment"] = datetime.now(UTC)
    time.sleep(1.1)  # S3 tells times in whole seconds
    return s3, bucket


def _contents(s3: Any, bucket: str) -> dict[str, bytes]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return {
        row["Key"]: s3.get_object(Bucket=bucket, Key=row["Key"])["Body"].read()
        for page in pages
        for row in page.get("Contents", [])
    }


def _overwrite(world: World) -> None:
    s3, bucket = _remember(world)
    for name in world.notes["before"]:
        s3.put_object(Bucket=bucket, Key=name, Body=JUNK)


def _delete(world: World) -> None:
    s3, bucket = _remember(world)
    for name in world.notes["before"]:
        s3.delete_object(Bucket=bucket, Key=name)


def _objects_seen(world: World) -> str | None:
    try:
        sources.find(world.settings, world.account, copy=False)
    except PlinthError as error:
        return f"./plinth backup test: {error.what.splitlines()[-1].strip()}"
    return None


def _undo(world: World) -> None:
    undo.since(world.account.client("s3"), keeping.bucket(world.settings), world.notes["moment"])


def _objects_lost(world: World) -> dict[str, int]:
    now = _contents(world.account.client("s3"), keeping.bucket(world.settings))
    wrong = sum(now.get(name) != body for name, body in world.notes["before"].items())
    return {"objects": wrong} if wrong else {}


def _lose_bucket(world: World) -> None:
    """Take every version away: what only an administrator who means it can do."""
    s3, bucket = _remember(world)
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for row in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            s3.delete_object(Bucket=bucket, Key=row["Key"], VersionId=row["VersionId"])


def _from_copy(world: World) -> None:
    """Copy everything back from the other region."""
    objects.from_copy(world.settings, world.account, keeping.DATA_CLASS, world.steps.say)


# A key that is disabled


def _disable_key(world: World) -> None:
    kms = world.account.client("kms")
    alias = naming.key_alias(STACK, "decisions")
    world.notes["key"] = kms.describe_key(KeyId=alias)["KeyMetadata"]["KeyId"]
    kms.disable_key(KeyId=world.notes["key"])


def _key_seen(world: World) -> str | None:
    found = world.account.client("kms").describe_key(KeyId=world.notes["key"])["KeyMetadata"]["KeyState"]
    return None if found == "Enabled" else f"KMS: the key of the decision log is {found}"


def _enable_key(world: World) -> None:
    world.account.client("kms").enable_key(KeyId=world.notes["key"])


# AWS on a bad day


def _throttle(world: World) -> None:
    rates = {"throttle": 0.5, "error": 0.3, "reset": 0.1}
    ask_faults(world.account.proxy, "PUT", {"rates": rates, "seconds": BAD_DAY_SECONDS})


def _slow(world: World) -> None:
    ask_faults(world.account.proxy, "PUT", {"delay_seconds": SLOW_SECONDS, "seconds": BAD_DAY_SECONDS})


def _aws_seen(world: World) -> str | None:
    began = time.monotonic()
    try:
        world.account.client("s3").head_bucket(Bucket=keeping.bucket(world.settings))
    except UNANSWERED as error:
        return f"./plinth backup status: {type(error).__name__}"
    took = time.monotonic() - began
    return f"./plinth backup status: an answer took {took:.1f} s" if took > SLOW_SECONDS / 2 else None


def _wait_it_out(world: World) -> None:
    while ask_faults(world.account.proxy, "GET")["on"]:
        time.sleep(1)


UP = "./plinth up --refresh"
ALL: tuple[Scenario, ...] = (
    Scenario(
        name="api-server-down", title="the Kubernetes API server is killed", inject=_kill_apiserver,
        notice=_apiserver_seen, mend=by_itself, lost=nothing,
        commands=("./plinth status", "./plinth logs apiserver"),
    ),
    Scenario(
        name="aws-throttled", title="AWS throttles, fails or breaks nine of ten requests", inject=_throttle,
        notice=_aws_seen, mend=_wait_it_out, lost=nothing,
        commands=("./plinth backup status", "./plinth audit verify"),
    ),
    Scenario(
        name="slow-region", title="each request to AWS takes two seconds more", inject=_slow,
        notice=_aws_seen, mend=_wait_it_out, lost=nothing,
        commands=("./plinth backup status",),
    ),
    Scenario(
        name="objects-overwritten", title="every object of the artifacts bucket is overwritten",
        inject=_overwrite, notice=_objects_seen, mend=_undo, lost=_objects_lost,
        commands=("./plinth backup test", "./plinth backup undo", "./plinth backup test"),
    ),
    Scenario(
        name="objects-deleted", title="every object of the artifacts bucket is deleted", inject=_delete,
        notice=_objects_seen, mend=_undo, lost=_objects_lost,
        commands=("./plinth backup test", "./plinth backup undo", "./plinth backup test"),
    ),
    Scenario(
        name="bucket-lost", title="every version in the artifacts bucket is gone", inject=_lose_bucket,
        notice=_objects_seen, mend=_from_copy, lost=_objects_lost,
        commands=("./plinth backup test", "./plinth backup restore-bucket", "./plinth backup test"),
    ),
    Scenario(
        name="key-disabled", title="the KMS key of the decision log is disabled", inject=_disable_key,
        notice=_key_seen, mend=_enable_key, lost=nothing,
        commands=("./plinth verify", "./plinth audit verify"),
    ),
    Scenario(
        name="state-lost", title="the state file is gone, with its history", inject=_lose_state,
        notice=_state_seen, mend=_restore_state, lost=_state_lost,
        commands=("./plinth backup restore-state", UP, "./plinth record verify"),
    ),
    Scenario(
        name="cluster-lost", title="the cluster's store (etcd) is gone, with every object in it",
        inject=_lose_cluster, notice=_cluster_seen, mend=_up_with_refresh, lost=nothing,
        commands=("./plinth status", UP, "./plinth audit verify"),
    ),
)  # fmt: skip
"""Every scenario, the cheap ones first."""
