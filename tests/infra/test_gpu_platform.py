"""What the program asks for on GPU nodes: plugins as the pools are divided, an exporter, nodes from zero."""

import base64
import email
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from infra import mig_setup
from infra.components.gpu_system import Division, plugin_config
from infra.components.node_pool import TEMPLATE_TAG, user_data
from infra.gpu_instances import MIG_PROFILES
from infra.local import nodes
from infra.local.paths import repo_root
from infra.settings import Settings

PROFILES = sorted({(name, count) for of in MIG_PROFILES.values() for name, count in of.items()})


@pytest.fixture(scope="module")
def record(recorded: Callable[[Settings], Any]) -> Any:
    raw = {
        "owner": "risk-platform",
        "cost_centre": "4711",
        "approval": "gates",
        "aws": {"account_id": "123456789012", "region": "eu-central-1", "emulated": True},
        "gateway": {"domain": "plinth.localhost", "controller": "plinth.dev/local-gateway"},
        "cost": {"monthly_budget_usd": 1_000_000},
        "gpu": {
            "quota": 20,
            "pools": {
                "mig": {"instance_types": ["p4d.24xlarge"], "mig_profile": "1g.5gb", "max_nodes": 1},
                "shared": {"instance_types": ["g5.xlarge"], "time_slices": 4},
                "whole": {"instance_types": ["g5.12xlarge", "g6.12xlarge"], "disk_gib": 300},
            },
        },
    }
    settings = Settings.parse(raw, stack="local", environ={})
    return recorded(settings)


def daemons(record: Any) -> dict[str, dict[str, Any]]:
    found = record.of_type("kubernetes:apps/v1:DaemonSet")
    return {one.inputs["metadata"]["name"]: one.inputs for one in found if one.name != "node-exporter"}


def test_each_pool_has_its_plugin_and_all_share_one_exporter(record: Any) -> None:
    selectors = {
        name: inputs["spec"]["template"]["spec"]["nodeSelector"] for name, inputs in daemons(record).items()
    }

    assert selectors == {
        "dcgm-exporter": {"nvidia.com/gpu.present": "true"},
        **{
            f"nvidia-device-plugin-gpu-{pool}": {"plinth.dev/pool": f"gpu-{pool}"}
            for pool in ("mig", "shared", "whole")
        },
    }


def test_the_configuration_divides_gpus_as_the_pool_says(record: Any) -> None:
    found = {
        one.inputs["metadata"]["name"].rsplit("-", 1)[-1]: json.loads(one.inputs["data"]["config.json"])
        for one in record.of_type("kubernetes:core/v1:ConfigMap")
        if one.inputs["metadata"]["namespace"] == "gpu-system"
    }

    assert found["whole"] == {"version": "v1", "flags": {"migStrategy": "none"}}
    assert found["mig"] == {"version": "v1", "flags": {"migStrategy": "mixed"}}
    sharing = found["shared"]["sharing"]["timeSlicing"]
    assert sharing["resources"] == [{"name": "nvidia.com/gpu", "replicas": 4}]
    assert sharing["renameByDefault"] is True


def test_only_what_needs_it_adds_a_capability(record: Any) -> None:
    added = {
        name: inputs["spec"]["template"]["spec"]["containers"][0]["securityContext"]["capabilities"].get(
            "add"
        )
        for name, inputs in daemons(record).items()
    }

    assert added == {
        "dcgm-exporter": ["SYS_ADMIN"],
        "nvidia-device-plugin-gpu-mig": ["SYS_ADMIN"],
        "nvidia-device-plugin-gpu-shared": None,
        "nvidia-device-plugin-gpu-whole": None,
    }


def test_images_come_by_digest_from_the_stack_s_own_registry(record: Any) -> None:
    images = {
        inputs["spec"]["template"]["spec"]["containers"][0]["image"] for inputs in daemons(record).values()
    }
    repositories = {one.inputs["name"] for one in record.of_type("aws:ecr/repository:Repository")}

    for image in images:
        address, digest = image.split("@")
        host, _, path = address.partition("/")
        assert host == "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
        assert path in repositories
        assert digest.startswith("sha256:")


def test_the_privileged_namespace_says_so_and_is_closed_otherwise(record: Any) -> None:
    (labels,) = [
        one.inputs["metadata"]["labels"]
        for one in record.of_type("kubernetes:core/v1:Namespace")
        if one.inputs["metadata"]["name"] == "gpu-system"
    ]
    pod_security = "pod-security.kubernetes.io"

    assert labels[f"{pod_security}/enforce"] == "privileged"
    assert labels[f"{pod_security}/warn"] == labels[f"{pod_security}/audit"] == "restricted"
    privileged = [
        one.inputs["metadata"]["name"]
        for one in record.of_type("kubernetes:core/v1:Namespace")
        if one.inputs["metadata"]["labels"][f"{pod_security}/enforce"] != "restricted"
    ]
    assert privileged == ["gpu-system"]


def test_the_quota_counts_what_pools_offer_by_the_name_under_which_pods_ask(record: Any) -> None:
    (hard,) = [
        one.inputs["spec"]["hard"]
        for one in record.of_type("kubernetes:core/v1:ResourceQuota")
        if one.name == "gpu-gate-quota"
    ]

    assert hard == {
        "requests.nvidia.com/gpu": "8",  # two nodes of four
        "requests.nvidia.com/gpu.shared": "8",  # two nodes of one, four slices each
        "requests.nvidia.com/mig-1g.5gb": "20",  # 56, but the quota is 20
    }


def test_an_autoscaler_knows_a_node_that_does_not_exist_yet(record: Any) -> None:
    groups = {
        one.inputs["nodeGroupName"]: one.inputs for one in record.of_type("aws:eks/nodeGroup:NodeGroup")
    }
    offered = {
        name: {
            key.removeprefix(f"{TEMPLATE_TAG}/"): value
            for key, value in group["tags"].items()
            if key.startswith(TEMPLATE_TAG)
        }
        for name, group in groups.items()
    }

    assert offered == {
        "gpu-mig": {"nvidia.com/mig-1g.5gb": "56", "ephemeral-storage": "200Gi"},
        "gpu-shared": {"nvidia.com/gpu.shared": "4", "ephemeral-storage": "200Gi"},
        "gpu-whole": {"nvidia.com/gpu": "4", "ephemeral-storage": "300Gi"},
        "serving": {},
        "system": {},
    }
    for name in ("gpu-mig", "gpu-shared", "gpu-whole"):
        assert groups[name]["scalingConfig"]["minSize"] == 0
        assert groups[name]["scalingConfig"]["desiredSize"] == 0
        assert groups[name]["labels"]["nvidia.com/gpu.present"] == "true"
        assert groups[name]["labels"]["k8s.amazonaws.com/accelerator"].startswith("nvidia-a1")
        assert groups[name]["taints"] == [
            {"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"}
        ]


def test_only_nodes_with_mig_run_a_script_before_they_join(record: Any) -> None:
    scripts = {
        one.inputs["name"].removeprefix("plinth-local-"): one.inputs.get("userData")
        for one in record.of_type("aws:ec2/launchTemplate:LaunchTemplate")
    }

    assert {name for name, script in scripts.items() if script} == {"gpu-mig"}
    (part,) = email.message_from_bytes(base64.b64decode(scripts["gpu-mig"])).get_payload()  # type: ignore[arg-type]
    assert part.get_content_type() == "text/x-shellscript"  # type: ignore[union-attr]
    assert "1g.5gb,1g.5gb,1g.5gb,1g.5gb,1g.5gb,1g.5gb,1g.5gb --default" in part.get_payload()  # type: ignore[union-attr]


@pytest.mark.parts
@pytest.mark.parametrize(("profile", "instances"), PROFILES[:3])
def test_the_script_is_shell_and_so_is_what_it_writes(profile: str, instances: int) -> None:
    text = mig_setup.script(profile, instances)
    inner = text.split("<<'SCRIPT'\n")[1].split("\nSCRIPT\n")[0]

    for script in (text, inner):
        subprocess.run(["bash", "-n"], input=script.encode(), check=True)
    assert inner.count(profile) == instances + 1
    assert len(base64.b64decode(user_data(text))) < 16384, "EC2 takes 16 KiB of user data"


@given(slices=st.integers(1, 16), mig=st.booleans())
def test_a_configuration_is_yaml_and_shares_only_when_asked(slices: int, *, mig: bool) -> None:
    text = plugin_config(Division(time_slices=slices, mig=mig))

    assert yaml.safe_load(text) == json.loads(text)
    assert ("sharing" in text) == (slices > 1)


def test_the_laptop_s_gpu_nodes_are_of_the_local_stack_s_pool() -> None:
    stack = Path(repo_root() / "stacks" / "Pulumi.local.yaml").read_text(encoding="utf-8")
    pools = yaml.safe_load(stack)["config"]["plinth:gpu"]["pools"]
    labels = [node["metadata"]["labels"] for node in nodes.manifests()]
    gpu = [of for of in labels if "nvidia.com/gpu.present" in of]

    assert {of["plinth.dev/pool"] for of in gpu} == {f"gpu-{name}" for name in pools}
    assert len(gpu) == 2
