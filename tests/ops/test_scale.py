"""What the growth of previews is computed from: stacks that differ in one number, points on a line."""

import pytest
import yaml

from infra.local.paths import repo_root
from infra.ops import scale
from infra.ops.scale import Point
from infra.settings import Settings

BASE = yaml.safe_load((repo_root() / "stacks" / "Pulumi.local.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("services", "pools"), [(1, 1), (scale.SERVICES[-1], 1), (1, scale.POOLS[-1])])
def test_a_larger_stack_is_a_valid_one(services: int, pools: int) -> None:
    made = scale.document(BASE, services=services, pools=pools)
    raw = {key.removeprefix("plinth:"): value for key, value in made["config"].items()}
    settings = Settings.parse(raw, stack="local", environ={})

    assert len(settings.services) == len(settings.releases) == services
    assert len(settings.gpu.pools) == pools
    assert "credit-risk" in BASE["config"]["plinth:services"], "the original is left as it was"


def point(count: int, cpu: float, **parts: float) -> Point:
    return Point(
        services=count, pools=1, resources=100 + 10 * count, cpu_seconds=cpu, wall_seconds=0, parts=parts
    )


def test_a_line_is_as_steep_at_its_end_as_at_its_beginning() -> None:
    points = [point(n, 5 + 0.5 * n, engine=2, program=3 + 0.5 * n) for n in (1, 10, 50)]
    found = scale.growth("services", points, lambda p: p.services)

    assert (found.resources_each, found.cpu_seconds_each, found.steepening) == (10, 0.5, 1)
    assert found.slowest == "program"


def test_what_grows_with_the_square_shows() -> None:
    points = [point(n, n * n, engine=n * n) for n in (1, 10, 50)]

    assert scale.growth("services", points, lambda p: p.services).steepening > 5


@pytest.mark.parametrize(
    ("command", "role"),
    [
        (["/t/bin/pulumi", "preview"], "engine"),
        (["/t/bin/pulumi-language-python", "127.0.0.1:1"], "language host"),
        (["python", "/t/bin/pulumi-language-python-exec", "--monitor"], "program"),
        (["/h/plugins/resource-aws-v7/pulumi-resource-aws", "1"], "AWS provider"),
        (["python", "/clone/policies", "127.0.0.1:1"], "policy pack"),
        (["sleep", "1"], "other"),
    ],
)
def test_a_process_belongs_to_a_part(command: list[str], role: str) -> None:
    assert scale.role_of(command) == role
