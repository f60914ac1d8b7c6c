"""Which readings a stack has: everything on AWS; locally what the emulated AWS API can tell."""

import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra import naming
from infra.operations import certificates, cluster, contracts, stores
from infra.operations.exporter import Reading
from infra.operations.samples import Sample
from infra.ops import changes, emulated
from infra.ops.releases import releases_file
from infra.settings import Settings
from infra.settings_sources import RELEASES_VARIABLE


def readings(stack: str, kubeconfig: Path | None, folder: Path | None) -> dict[str, Reading]:
    """Return every reading of a stack by name.

    Args:
        stack: Name of the stack.
        kubeconfig: With which the API server is asked; None in a pod.
        folder: Of certificates to watch; None to ask the API server for its own.

    Raises:
        SettingsError: There is no such stack, or its file has mistakes.
    """
    file = emulated.stack_file(stack)
    kube = cluster.Cluster(kubeconfig)

    def settings() -> Settings:
        """Read them anew: a later `up` writes other releases."""
        return changes.stack_settings(file, {**os.environ, RELEASES_VARIABLE: str(releases_file(stack))})

    first = changes.stack_settings(file, {})
    environment, aws = first.environment, first.aws

    def running() -> Mapping[str, str]:
        return cluster.digests(kube.deployments())

    table = naming.table(environment, "review-index")
    clients: dict[str, Any] = {}

    def known(service: str) -> Any:
        if service not in clients:
            import boto3  # noqa: PLC0415 - half a second, which a first round without AWS saves

            make: Any = boto3.client
            clients[service] = make(service, region_name=aws.region)
        return clients[service]

    def trail() -> Iterable[Sample]:
        name = naming.role(environment, "audit")
        return stores.trail(known("cloudtrail"), name, _now(), delivers=not aws.emulated)

    found: dict[str, Reading] = {
        "pods": lambda: cluster.pods(kube.deployments()),
        "contracts": lambda: contracts.validity(settings(), running()),
        "fairness": lambda: contracts.fairness(settings(), running()),
        "reviews": lambda: stores.reviews(known("dynamodb"), table, first.services, _now()),
        "trail": trail,
        "certificates": lambda: (
            certificates.in_folder(folder) if folder else certificates.served("kubernetes.default.svc", 443)
        ),
    }
    if not aws.emulated:
        # The emulated AWS API makes no backups and sends no bills: there is nothing to tell.
        vault, budget = naming.backup(environment, "backups"), naming.role(environment, "budget")
        found["backups"] = lambda: stores.backups(known("backup"), vault, _now())
        found["cost"] = lambda: stores.cost(known("budgets"), aws.account_id, budget, environment, _now())
    return found


def _now() -> datetime:
    return datetime.now(UTC)
