"""The project's own five stacks, judged as a first preview shows them: nothing is violated or undecided."""

import pytest

from infra.local.paths import repo_root
from infra.ops import graph, planned
from infra.settings import ENVIRONMENTS
from policies.core import PolicySettings
from policies.core.settings import ECR
from policies.core.values import UNKNOWN
from policies.judgement import judge
from policies.waivers import load

STACKS = repo_root() / "stacks"
WAIVERS = load()
TODAY = max((waiver.not_before for waiver in WAIVERS), default=None)  # a day on which all of them hold


@pytest.mark.parametrize("stack", ENVIRONMENTS)
def test_no_mandatory_control_is_violated_or_undecided(stack: str) -> None:
    settings = graph.stack_settings(STACKS / f"Pulumi.{stack}.yaml")
    resources = planned.resources(settings)

    judgement = judge(
        resources,
        PolicySettings(
            environment=stack,
            registries=("registry", ECR),  # the graph's releases come from one of that name
            accounts=(settings.aws.account_id,),
            owns_account=settings.aws.owns_account,
        ),
        WAIVERS,
        today=TODAY,
    )

    assert len(resources) > 200
    assert any(resource.at("kmsKeyId").value is UNKNOWN for resource in resources)
    assert [f"{f.control} {f.name}: {f.message}" for f in judgement.blocking] == []
