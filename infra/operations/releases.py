"""What the gates of releases and continuous training look at, in one stack."""

import os
from pathlib import Path

from infra.operations import cluster
from infra.operations.gates import Sources
from infra.operations.shadows import Shadows
from infra.operations.training import Wanted
from infra.ops import changes, contracts, emulated, experiments
from infra.ops.releases import releases_file
from infra.settings_sources import RELEASES_VARIABLE
from services.readiness import contract_file


def wanted(stack: str) -> Wanted:
    """Return which services of a stack are to be retrained without anybody asking.

    Args:
        stack: Name of the stack.

    Raises:
        SettingsError: There is no such stack, or its file has mistakes.
    """
    settings = changes.stack_settings(emulated.stack_file(stack), {})
    if settings.retraining.engine == "none":
        return Wanted(services=(), seconds=settings.retraining.look_seconds)
    asking = (
        service
        for service in sorted(settings.services)
        if contract_file.load(contracts.folder(service)).retraining
    )
    return Wanted(services=tuple(asking), seconds=settings.retraining.look_seconds)


def sources(stack: str, kubeconfig: Path | None) -> Sources:
    """Return what the gates of a stack look at.

    Args:
        stack: Name of the stack.
        kubeconfig: With which the API server is asked; None in a pod.

    Raises:
        SettingsError: There is no such stack, or its file has mistakes.
    """
    file = emulated.stack_file(stack)
    kube = cluster.Cluster(kubeconfig)
    services = changes.stack_settings(file, {}).services
    promised = {service: contract_file.load(contracts.folder(service)) for service in sorted(services)}

    def objections(service: str, digest: str) -> list[str]:
        """Ask anew each time: a later preview leaves other evidence, a person another signature."""
        settings = changes.stack_settings(file, {**os.environ, RELEASES_VARIABLE: str(releases_file(stack))})
        return list(contracts.standing(service, settings, model_digest=digest).objections)

    def experimenting(service: str) -> list[str]:
        """Ask only where a release waits for it; a table that cannot be read holds the release."""
        settings = changes.stack_settings(file, {})
        found = experiments.known(experiments.Store.of(settings, "aws"), service)
        return [one.name for one in found if not one.ended]

    return Sources(
        contracts=promised,
        shadows=Shadows(kube.pods, promised),
        target=kube.deployment,
        stable=kube.stable,
        objections=objections,
        experiments=experimenting,
    )
