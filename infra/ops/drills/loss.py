"""Loses things on purpose: by the API where there is one, by force where a disaster asks nobody."""

import contextlib
import shutil
import time
from collections.abc import Mapping
from typing import Any

import psutil

from infra.data_classes import REPLICATED
from infra.local import session
from infra.local.paths import home
from infra.local.supervisor import processes
from infra.ops import state
from infra.ops.account import UNANSWERED, Account
from infra.ops.chaos.small_stack import ask_faults
from infra.ops.recovery import keeping
from infra.settings import Settings

UNREACHABLE_SECONDS = 3600.0
"""For how long a lost region does not answer: longer than any drill."""


def region(settings: Settings, account: Account) -> float:
    """Lose the whole region of a stack at once, without a word; return when, in seconds since the epoch.

    The region's AWS API no longer answers (each connection is reset) and copies nothing more. The cluster,
    its store, its pods with their volumes and the state are gone. What lies in the other region, what the
    account has everywhere (IAM), and this clone (repository, its key, its packed services) are left.

    Args:
        settings: Settings of the stack.
        account: Its account.
    """
    s3 = account.client("s3")
    for data_class in REPLICATED:
        with contextlib.suppress(*UNANSWERED):
            s3.delete_bucket_replication(Bucket=keeping.bucket(settings, data_class))
    lost_at = time.time()
    unreachable(account.proxy, settings.aws.region)
    kill_everything()
    empty_cluster()
    forget(settings.environment)
    session.start()  # the other region, with a cluster in which nothing is
    unreachable(account.proxy, settings.aws.region)
    return lost_at


def empty_cluster() -> None:
    """Remove what the cluster and its pods kept on this machine, while nothing runs."""
    for folder in ("etcd", "pods", "xds"):
        shutil.rmtree(home() / "local" / folder, ignore_errors=True)


def unreachable(proxy: str, region_name: str) -> None:
    """Let no request to a region's endpoints be answered from now on."""
    plan = {"rates": {"reset": 1.0}, "seconds": UNREACHABLE_SECONDS, "hosts": region_name.replace(".", "[.]")}
    ask_faults(proxy, "PUT", plan)


def kill_everything() -> None:
    """Kill the platform with everything that it runs, the way a power cut does."""
    root = home()
    supervisors = processes.ours(root, processes.SUPERVISOR_MARKER)
    for process in [*supervisors, *processes.ours(root)]:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(supervisors, timeout=10)
    session.stop()  # sweeps what was started meanwhile, and the status file


def forget(stack: str) -> None:
    """Remove a stack's state from this machine, with its history and what was written down beside it."""
    path = state.state_file(stack)
    for one in path.parent.glob(f"{stack}.json*"):
        one.unlink(missing_ok=True)
    folder = state.backend_dir() / ".pulumi"
    for kind in ("backups", "history", "locks"):
        for place in folder.glob(f"{kind}/**/{stack}"):
            shutil.rmtree(place, ignore_errors=True)
    shutil.rmtree(home() / "records" / stack, ignore_errors=True)
    for kind in ("accepted", "baseline", "releases"):
        (home() / kind / f"{stack}.json").unlink(missing_ok=True)


def refused(proxy: str) -> Mapping[str, Any]:
    """Return how many requests met what was switched on."""
    return ask_faults(proxy, "GET")
