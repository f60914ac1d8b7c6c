"""The shape of the code: which way imports point, how long files are, what must never be committed."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from infra.local.paths import repo_root

pytestmark = pytest.mark.parts

ROOT = repo_root()
LONGEST_FILE = 350
"""Lines: more cannot be read in one go."""
MAY_IMPORT = {
    "services": {"services"},
    "policies": {"policies"},
    "infra/errors.py": set(),
    "infra/naming.py": set(),
    "infra/mistakes.py": {"infra.settings_base"},
    "infra/iam": {"infra.iam"},
    "infra/settings.py": {
        "infra.errors", "infra.gpu_checks", "infra.mistakes", "infra.naming", "infra.settings_base",
        "infra.settings_checks", "infra.settings_foundation", "infra.settings_monitoring",
        "infra.settings_operations", "infra.settings_rollout",
        "infra.settings_sources", "infra.settings_tokens",
    },
    "infra/settings_sources.py": {"infra.errors"},
    "infra/settings_tokens.py": {"infra.errors", "infra.settings_base"},
    "infra/data_classes.py": {"infra.naming", "infra.settings"},
    "infra/network_plan.py": set(),
    "infra/prices.py": set(),
    "infra/gpu_instances.py": set(),
    "infra/settings_base.py": set(),
    "infra/settings_checks.py": {
        "infra.network_plan", "infra.settings_foundation", "infra.settings_operations",
    },
    "infra/gpu_checks.py": {
        "infra.gpu_instances", "infra.prices", "infra.settings_checks", "infra.settings_foundation",
        "infra.settings_operations",
    },
    "infra/settings_foundation.py": {"infra.settings_base"},
    "infra/settings_operations.py": {"infra.settings_base"},
    "infra/settings_monitoring.py": {"infra.settings_base"},
    "infra/settings_rollout.py": {"infra.settings_base"},
    "infra/wiring": {
        "infra.components", "infra.data_classes", "infra.gpu_checks", "infra.gpu_instances", "infra.iam",
        "infra.mig_setup", "infra.naming",
        "infra.network_plan", "infra.providers", "infra.settings", "infra.settings_checks",
        "infra.settings_foundation", "infra.settings_operations", "infra.settings_tokens", "infra.wiring",
        "infra.monitoring", "infra.policy_settings", "infra.watch_pods",
        "policies.admission",
    },
    # A service without a contract cannot be released, which settings cannot know.
    "infra/wiring/releases.py": {
        "infra.components", "infra.errors", "infra.iam", "infra.naming", "infra.rollout", "infra.settings",
        "infra.watch_pods", "infra.wiring",
    },
    "infra/components/release.py": {"infra.naming", "infra.rollout", "services.readiness.contract"},
    # What a candidate must hold comes from contracts and from what services export.
    "infra/rollout": {
        "infra.rollout", "services.readiness.contract", "services.readiness.metrics",
        "services.readiness.shadow",
    },
    # What a service shows in the cluster is its readiness contract, which lies with the service.
    "infra/wiring/readiness.py": {"infra.local.paths", "infra.naming", "services.readiness"},
    "infra/components": {
        "infra.autoscaler_pod", "infra.iam", "infra.naming", "infra.network_plan", "infra.node_daemon",
        "infra.serving_traffic", "infra.watch_pods",
    },
    "infra/autoscaler_pod.py": {"infra.node_daemon"},
    "infra/watch_pods.py": {"infra.node_daemon"},
    "infra/serving_traffic.py": set(),
    "infra/monitoring/exported.py": {"services.readiness"},
    # Rules are made from contracts, and measured against what services export.
    "infra/monitoring": {
        "infra.errors", "infra.monitoring", "services.readiness.contract", "services.readiness.limits",
        "services.readiness.metrics",
    },
    "infra/node_daemon.py": {"infra.naming"},
    "infra/mig_setup.py": set(),
    "infra/policy_settings.py": {"infra.settings", "policies.core"},
    "infra/providers.py": {"infra.settings"},
    "infra/outputs.py": set(),
    "infra/program.py": {
        "infra.components", "infra.data_classes", "infra.iam", "infra.naming", "infra.outputs",
        "infra.providers", "infra.settings", "infra.wiring",
    },
    "infra/local": {"infra.local", "infra.errors"},
    "infra/preview": {"infra.errors", "infra.prices", "infra.preview"},
    # The emulator judges bucket policies by the rules that the tests of IAM use.
    "infra/local/aws_api/bucket_judge.py": {"infra.local", "infra.iam"},
}  # fmt: skip
"""What each part may import of this project; the deepest entry that fits a file counts."""


def sources() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).exists()]


def own_imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from infra import naming` imports infra.naming.
            deep = node.module in {"infra", "services", "policies"}
            found |= {f"{node.module}.{alias.name}" for alias in node.names} if deep else {node.module}
    return {name for name in found if name.split(".")[0] in {"infra", "services", "policies"}}


def test_imports_point_one_way() -> None:
    wrong = []
    for path in sources():
        relative = path.relative_to(ROOT).as_posix()
        fitting = [part for part in MAY_IMPORT if relative == part or relative.startswith(f"{part}/")]
        if not fitting:
            continue
        allowed = MAY_IMPORT[max(fitting, key=len)]
        wrong += [
            f"{relative} imports {name}"
            for name in sorted(own_imports(path))
            if not any(name == prefix or name.startswith(f"{prefix}.") for prefix in allowed)
        ]

    assert wrong == []


def test_the_model_runtime_is_loaded_where_it_is_told_to_report_nothing_home() -> None:
    """``services/readiness/__init__.py`` says so in the environment, which counts for what comes after it."""
    loads = re.compile(r"^\s*(import|from) onnxruntime\b", re.MULTILINE)
    loading = [path for path in sources() if loads.search(path.read_text(encoding="utf-8"))]

    assert [path.relative_to(ROOT).as_posix() for path in loading] == ["services/readiness/model.py"]


def test_files_can_be_read_in_one_go() -> None:
    long = {
        path.relative_to(ROOT).as_posix(): lines
        for path in sources()
        if (lines := path.read_text(encoding="utf-8").count("\n")) > LONGEST_FILE
        and "tests" not in path.parts
    }

    assert long == {}


def test_the_root_holds_what_was_agreed() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    top = {line.split("/")[0] for line in listed.stdout.splitlines()}

    assert {entry for entry in top if not entry.startswith(".")} == {
        "CHANGELOG.md", "LICENSE", "Pulumi.yaml", "README.md", "infra", "plinth", "policies",
        "pyproject.toml", "requirements.lock", "services", "stacks", "tests",
    }  # fmt: skip


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(
            r"https?://[^\s\"']*(pypi|proxy\.golang|goproxy|npmjs|crates\.io|mirror)", id="registry-host"
        ),
        pytest.param(r"(?<![\w./-])/(work|root)/", id="machine-path"),
    ],
)
def test_no_registry_host_or_machine_path_is_committed(pattern: str) -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    found = []
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if name == "tests/structure/test_structure.py" or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="ignore")
        found += [f"{name}: {match.group(0)}" for match in re.finditer(pattern, text)]

    assert found == []
