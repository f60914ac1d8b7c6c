"""The rules of a stack that has everything."""

import pytest

from infra.local.paths import repo_root
from infra.monitoring import rules
from infra.monitoring.model import Group
from services.readiness import contract_file
from services.readiness.contract import Contract

SERVICES = ("credit_risk", "digit_reader")


@pytest.fixture(scope="session")
def contracts() -> list[Contract]:
    return [contract_file.load(repo_root() / "services" / name) for name in SERVICES]


@pytest.fixture(scope="session")
def watched(contracts: list[Contract]) -> rules.Watched:
    return rules.Watched(contracts=contracts, gpus=True, remote_write=True)


@pytest.fixture(scope="session")
def groups(watched: rules.Watched) -> list[Group]:
    return rules.groups(watched)
