"""Whether contracts hold for the models that run, and what these models' records say of fairness."""

from collections.abc import Iterator, Mapping

from infra.operations.samples import Sample
from infra.ops import contracts
from infra.settings import Settings
from services.readiness import contract_file
from services.readiness.attestation import Release
from services.readiness.contract import CONTRACT_FILE
from services.readiness.digests import file_digest
from services.readiness.errors import ServiceError


def validity(settings: Settings, running: Mapping[str, str]) -> Iterator[Sample]:
    """Tell of each service whether its contract holds for the model that it runs.

    Args:
        settings: Settings of the stack.
        running: Service to the digest of the model that runs.
    """
    for service in sorted(settings.services):
        try:
            holds = contracts.standing(service, settings, model_digest=running.get(service)).holds
        except ServiceError:
            holds = False  # a contract that cannot be read holds nothing
        yield Sample(name="plinth_contract_valid", value=float(holds), labels={"service": service})


def fairness(settings: Settings, running: Mapping[str, str]) -> Iterator[Sample]:
    """Tell how groups fare by the running model's own record, and what the contract allows.

    Protected attributes never reach a service, so nothing can be said of groups from live requests.

    Args:
        settings: Settings of the stack.
        running: Service to the digest of the model that runs.
    """
    for service in sorted(running.keys() & settings.services.keys()):
        folder = contracts.folder(service)
        contract = contract_file.load(folder)
        release = Release(
            service=service,
            environment=settings.environment,
            contract_digest=file_digest(folder / CONTRACT_FILE),
            model_digest=running[service],
        )
        figures: dict[str, float] = {}
        for proof in contracts.evidence(service, settings, release, contract):
            figures |= proof.figures
        for limit in contract.fairness:
            measured = figures.get(limit.figure)
            if measured is None or limit.at_least is None:
                continue
            labels = {"service": service, "attribute": limit.attribute, "figure": limit.figure}
            yield Sample(name="plinth_fairness_ratio", value=measured, labels=labels)
            yield Sample(name="plinth_fairness_limit", value=limit.at_least, labels=labels)
