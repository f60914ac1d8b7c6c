"""The project's own five stacks, judged as a first preview shows them: nothing is violated or undecided."""

import pytest

from infra.local.paths import repo_root
from infra.ops import graph, planned
from infra.settings import ENVIRONMENTS
from policies.core import PolicySettings
from policies.core.settings import ECR
from policies.core.values import UNKNOWN
from policies.judge import evaluate

STACKS = repo_root() / "stacks"


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_no_control_is_violated_or_undecided(stack: str) -> None:
    settings = graph.stack_settings(STACKS / f"Pulumi.{stack}.yaml")
    resources = planned.resources(settings)

    findings = evaluate(
        resources,
        # The graph's releases come from a registry of that name.
        PolicySettings(environment=stack, registries=("registry", ECR), accounts=(settings.aws.account_id,)),
    )

    assert len(resources) > 200
    assert any(resource.at("kmsKeyId").value is UNKNOWN for resource in resources)
    assert [f"{f.control} {f.name}: {f.message}" for f in findings if f.verdict.blocks] == []
