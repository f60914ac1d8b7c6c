"""What the growth of previews is computed from: stacks that differ in one number, points on a line."""

import subprocess
from pathlib import Path

import pytest
import yaml

from infra.local.paths import repo_root
from infra.ops import draft, scale, scale_stacks
from infra.ops.scale import Point
from infra.settings import Settings
from services.readiness import contract_file

BASE = yaml.safe_load((repo_root() / "stacks" / "Pulumi.local.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("services", "pools"), [(1, 1), (scale.SERVICES[-1], 1), (1, scale.POOLS[-1])])
def test_a_larger_stack_is_a_valid_one(services: int, pools: int) -> None:
    made = scale_stacks.document(BASE, services=services, pools=pools)
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
    assert (found.cpu_seconds_without, found.off_line_share) == (5, 0)
    assert (found.slowest, found.grows_most) == ("program", "program")


def test_the_slowest_part_need_not_be_the_one_that_grows_most() -> None:
    points = [point(n, 10 + 0.1 * n, engine=10, program=0.1 * n) for n in (1, 5, 10)]
    found = scale.growth("GPU pools", points, lambda p: p.services)

    assert (found.slowest, found.grows_most) == ("engine", "program")


def test_what_grows_with_the_square_shows() -> None:
    points = [point(n, n * n, engine=n * n) for n in (1, 10, 50)]

    found = scale.growth("services", points, lambda p: p.services)

    assert found.steepening > 5
    assert found.off_line_share > 0.5


@pytest.mark.parts
def test_invented_services_are_judged_as_real_ones(tmp_path: Path) -> None:
    draft.make(repo_root(), tmp_path)
    scale_stacks.invent_services(tmp_path, like="digit-reader", count=2)

    rows = yaml.safe_load((tmp_path / "policies" / "exemptions.yaml").read_text(encoding="utf-8"))
    names = [row["names"] for row in rows["exemptions"] if "digit-reader" in row["names"]]
    assert names == [["credit-risk", "digit-reader", "service-01", "service-02"]]
    for name in scale_stacks.service_names(2):
        folder = tmp_path / "services" / name.replace("-", "_")
        assert contract_file.load(folder).service == name
    listed = subprocess.run(
        [str(tmp_path / ".venv" / "bin" / "python"), "-c", "import infra; print(infra.__file__)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path / "tests",
    )
    assert Path(listed.stdout.strip()).parents[1] == tmp_path, "the draft runs its own code"


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
