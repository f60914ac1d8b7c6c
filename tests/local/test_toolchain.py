"""The installed toolchain is what the files say, and its parts work together without any cloud."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import yaml

from infra.local.toolchain import Toolchain, ensure, status, verify

pytestmark = pytest.mark.toolchain


@pytest.fixture(scope="module")
def tools() -> Toolchain:
    missing = [row.name for row in status() if row.state != "installed"]
    if missing:
        pytest.fail(f"not installed: {', '.join(missing)}; run: ./plinth toolchain build")
    return ensure()


@pytest.fixture
def pulumi(tools, tmp_path):
    """Run the engine on an empty project with a home, a backend and plugins of its own."""
    (tmp_path / "home").mkdir()
    (tmp_path / "state").mkdir()
    (tmp_path / "home" / "plugins").symlink_to(tools.pulumi_plugins)
    project = {"name": "empty", "runtime": {"name": "python", "options": {"virtualenv": sys.prefix}}}
    (tmp_path / "Pulumi.yaml").write_text(yaml.safe_dump(project))
    (tmp_path / "__main__.py").write_text("import pulumi\npulumi.export('answer', 42)\n")
    environment = {
        "PATH": f"{tools.bin('pulumi').parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "PULUMI_HOME": str(tmp_path / "home"),
        "PULUMI_BACKEND_URL": f"file://{tmp_path / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "made up",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [tools.bin("pulumi"), *arguments],
            cwd=tmp_path,
            env=environment | more,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def _write_policy_pack(folder: Path, *, violated: bool) -> Path:
    folder.mkdir()
    runtime = {"runtime": {"name": "python", "options": {"virtualenv": sys.prefix}}}
    (folder / "PulumiPolicy.yaml").write_text(yaml.safe_dump(runtime))
    (folder / "__main__.py").write_text(
        textwrap.dedent(f"""\
        from pulumi_policy import EnforcementLevel, PolicyPack, StackValidationPolicy

        def check(args, report):
            if {violated}:
                report("refused on purpose")

        rule = StackValidationPolicy("always", "Refuses or does not.", check)
        PolicyPack("small", enforcement_level=EnforcementLevel.MANDATORY, policies=[rule])
        """)
    )
    return folder


@pytest.mark.usefixtures("tools")
def test_what_is_installed_is_what_the_files_say():
    assert verify() == []


@pytest.mark.parametrize("component", ["kube-apiserver", "kube-controller-manager", "kube-scheduler"])
def test_one_program_is_the_whole_control_plane(tools, component):
    said = subprocess.check_output([tools.bin("kube"), component, "--version"], text=True)

    assert said == "Kubernetes v1.36.3\n"


def test_the_control_plane_refuses_what_it_does_not_know(tools):
    done = subprocess.run([tools.bin("kube"), "kubelet"], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert done.stderr.startswith("usage: kube kube-apiserver|")


def test_the_language_host_has_its_scripts_beside_it(tools):
    folder = tools.bin("pulumi").parent
    scripts = [
        "pulumi-language-python-exec",
        "pulumi-analyzer-policy-python",
        "pulumi-resource-pulumi-python",
    ]

    assert tools.bin("pulumi-language-python").parent == folder
    assert [name for name in scripts if not os.access(folder / name, os.X_OK)] == []


def test_definitions_of_the_gateway_api_are_there(tools):
    loaded = [yaml.safe_load(path.read_text()) for path in tools.file("gateway-api-crds").glob("*.yaml")]

    assert {one["kind"] for one in loaded} == {"CustomResourceDefinition"}
    assert {"Gateway", "HTTPRoute", "ReferenceGrant"} <= {one["spec"]["names"]["kind"] for one in loaded}


def test_stages_for_nodes_and_pods_are_there(tools):
    folder = tools.file("kwok-stages")
    stages = {
        str(path.relative_to(folder)): yaml.safe_load(path.read_text()) for path in folder.rglob("*.yaml")
    }

    assert {stage["kind"] for stage in stages.values()} == {"Stage"}
    assert {"node/fast/node-initialize.yaml", "pod/fast/pod-ready.yaml"} <= stages.keys()


def test_the_engine_finds_the_providers(pulumi):
    found = {(row["name"], row["version"]) for row in json.loads(pulumi("plugin", "ls", "--json").stdout)}

    assert {("aws", "7.21.0"), ("kubernetes", "4.25.0")} <= found


def test_the_engine_runs_a_python_program(pulumi):
    created = pulumi("stack", "init", "test")
    done = pulumi("up", "--yes", "--skip-preview", "--non-interactive")

    assert created.returncode == 0, created.stderr
    assert done.returncode == 0, done.stdout + done.stderr
    assert pulumi("stack", "output", "answer").stdout == "42\n"


@pytest.mark.parametrize("violated", [True, False])
def test_a_policy_pack_can_be_named_by_environment_variable(pulumi, tmp_path, violated):
    """Plain ``pulumi up`` is judged too: the engine reads every option from PULUMI_OPTION_<NAME>."""
    pack = _write_policy_pack(tmp_path / "policy", violated=violated)
    pulumi("stack", "init", "test")
    done = pulumi("preview", "--non-interactive", PULUMI_OPTION_POLICY_PACK=str(pack))

    assert "small@v" in done.stdout, done.stdout + done.stderr
    assert ("refused on purpose" in done.stdout) is violated
    assert (done.returncode != 0) is violated


@pytest.mark.parametrize(("discovery", "known"), [("kubernetes_sd_configs", True), ("ec2_sd_configs", False)])
def test_prometheus_finds_targets_in_kubernetes_and_in_no_foreign_cloud(tools, tmp_path, discovery, known):
    how = {"role": "pod"} if known else {"region": "eu-central-1"}
    config = {"scrape_configs": [{"job_name": "services", discovery: [how]}]}
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    done = subprocess.run(
        [tools.bin("promtool"), "check", "config", "--syntax-only", tmp_path / "prometheus.yml"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode == 0) is known, done.stdout + done.stderr


def test_alertmanager_reads_its_configuration(tools, tmp_path):
    config = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
    (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump(config))
    done = subprocess.run(
        [tools.bin("amtool"), "check-config", tmp_path / "alertmanager.yml"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
