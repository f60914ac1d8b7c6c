"""Pods that wait get a node: each pool that a pod asks for is there, and what makes it grow is there too."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from infra import program, providers
from infra.autoscaler_pod import NAME
from infra.errors import SettingsError
from infra.local.paths import repo_root
from infra.ops.graph import stack_settings
from infra.settings import Settings

DIGEST = "sha256:" + "1" * 64


@pytest.fixture(scope="module", params=["local", "prod"])
def record(request: pytest.FixtureRequest, run_program: Callable[[Callable[[], Any]], Any]) -> Any:
    settings = stack_settings(repo_root() / "stacks" / f"Pulumi.{request.param}.yaml")
    found = run_program(lambda: program.build(settings, providers.build(settings)))
    found.settings = settings
    return found


def pods(record: Any) -> Iterator[dict[str, Any]]:
    for kind in ("Deployment", "DaemonSet"):
        for one in record.of_type(f"kubernetes:apps/v1:{kind}"):
            yield one.inputs["spec"]["template"]["spec"]


def test_each_pool_that_a_pod_asks_for_is_one_of_the_cluster_s(record: Any) -> None:
    groups = record.of_type("aws:eks/nodeGroup:NodeGroup")
    pools = {group.inputs["labels"]["plinth.dev/pool"] for group in groups}
    asked = {pod.get("nodeSelector", {}).get("plinth.dev/pool") for pod in pods(record)} - {None}

    assert {"serving", "system"} <= asked <= pools


def test_the_autoscaler_grows_this_cluster_s_pools_up_to_their_ends(record: Any) -> None:
    (found,) = [one for one in record.of_type("kubernetes:apps/v1:Deployment") if one.name == NAME]
    (container,) = found.inputs["spec"]["template"]["spec"]["containers"]
    flags = dict(flag.removeprefix("--").split("=", 1) for flag in container["args"])
    ends = [
        group.inputs["scalingConfig"]["maxSize"] for group in record.of_type("aws:eks/nodeGroup:NodeGroup")
    ]
    environment = record.settings.environment

    assert flags["node-group-auto-discovery"] == (
        f"asg:tag=k8s.io/cluster-autoscaler/enabled,k8s.io/cluster-autoscaler/plinth-{environment}"
    )
    assert int(flags["max-nodes-total"]) == sum(ends)
    assert found.inputs["spec"]["replicas"] == 2
    assert container["command"] == ["/cluster-autoscaler"]


def test_its_image_is_the_version_s_and_lies_in_the_stack_s_own_registry(record: Any) -> None:
    (found,) = [one for one in record.of_type("kubernetes:apps/v1:Deployment") if one.name == NAME]
    image = found.inputs["spec"]["template"]["spec"]["containers"][0]["image"]
    aws, repositories = record.settings.aws, record.of_type("aws:ecr/repository:Repository")
    name, digest = image.split("@")
    host, _, path = name.partition("/")

    assert host == f"{aws.account_id}.dkr.ecr.{aws.region}.amazonaws.com"
    assert path in {one.inputs["name"] for one in repositories}
    assert record.settings.cluster.autoscaler().endswith(f"@{digest}")


def test_it_has_the_one_identity_and_the_one_token_that_it_needs(record: Any) -> None:
    associations = record.of_type("aws:eks/podIdentityAssociation:PodIdentityAssociation")
    (identity,) = [one.inputs for one in associations if one.inputs["serviceAccount"] == NAME]
    (found,) = [one for one in record.of_type("kubernetes:apps/v1:Deployment") if one.name == NAME]
    pod = found.inputs["spec"]["template"]["spec"]
    (volume,) = pod["volumes"]

    assert identity["namespace"] == found.inputs["metadata"]["namespace"] == "autoscaler"
    assert pod["serviceAccountName"] == NAME
    assert pod["automountServiceAccountToken"] is False
    assert volume["projected"]["sources"][0]["serviceAccountToken"]["expirationSeconds"] == 3600


def test_nodes_without_a_way_out_reach_auto_scaling(record: Any) -> None:
    names = [one.inputs["serviceName"] for one in record.of_type("aws:ec2/vpcEndpoint:VpcEndpoint")]

    assert f"com.amazonaws.{record.settings.aws.region}.autoscaling" in names


@pytest.mark.parametrize("version", ["1.33", "1.34"])
def test_a_version_without_a_pinned_release_needs_an_image(version: str) -> None:
    raw = stack_settings(repo_root() / "stacks" / "Pulumi.dev.yaml").model_dump(mode="json")
    raw["cluster"]["version"] = version

    with pytest.raises(SettingsError, match=r"cluster\.autoscaler_image"):
        Settings.parse(raw, stack="dev", environ={})

    raw["cluster"]["autoscaler_image"] = f"registry.k8s.io/autoscaling/cluster-autoscaler@{DIGEST}"
    assert Settings.parse(raw, stack="dev", environ={}).cluster.autoscaler().endswith(DIGEST)
