"""What every component promises, held over all of them at once."""

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

import pulumi
import pytest

import infra.components
from infra import program, providers
from infra.settings import Settings

MODULES = [f"infra.components.{m.name}" for m in pkgutil.iter_modules(infra.components.__path__)]
COMPONENTS = [
    member
    for name in MODULES
    for member in vars(importlib.import_module(name)).values()
    if inspect.isclass(member) and issubclass(member, pulumi.ComponentResource) and member.__module__ == name
]
TOKENS = {
    "AccountWatch": "plinth:audit:AccountWatch",
    "AuditQueries": "plinth:audit:AuditQueries",
    "AuditTrail": "plinth:audit:AuditTrail",
    "ConfigurationRecorder": "plinth:audit:ConfigurationRecorder",
    "BackupPlan": "plinth:recovery:BackupPlan",
    "RestoreTest": "plinth:recovery:RestoreTest",
    "BackupVault": "plinth:recovery:BackupVault",
    "BucketReplication": "plinth:recovery:BucketReplication",
    "Release": "plinth:release:Release",
    "ReleaseChecks": "plinth:release:ReleaseChecks",
    "RequestQueue": "plinth:serving:RequestQueue",
    "SilenceAlarm": "plinth:monitoring:SilenceAlarm",
    "Watcher": "plinth:monitoring:Watcher",
    "AllocationTags": "plinth:cost:AllocationTags",
    "AlertTopic": "plinth:cost:AlertTopic",
    "AnomalyMonitor": "plinth:cost:AnomalyMonitor",
    "MonthlyBudget": "plinth:cost:MonthlyBudget",
    "AccountGuard": "plinth:security:AccountGuard",
    "AccessLogBucket": "plinth:storage:AccessLogBucket",
    "Boundary": "plinth:identity:Boundary",
    "Duty": "plinth:identity:Duty",
    "ServiceRole": "plinth:identity:ServiceRole",
    "WorkflowTrust": "plinth:identity:WorkflowTrust",
    "ClusterAutoscaler": "plinth:platform:ClusterAutoscaler",
    "ClusterDutyRoles": "plinth:platform:ClusterDutyRoles",
    "UseAlarm": "plinth:audit:UseAlarm",
    "EksCluster": "plinth:cluster:EksCluster",
    "Admission": "plinth:platform:Admission",
    "GpuGate": "plinth:platform:GpuGate",
    "GpuSystem": "plinth:platform:GpuSystem",
    "GpuSystemGate": "plinth:platform:GpuSystemGate",
    "ImageRegistry": "plinth:registry:ImageRegistry",
    "NodePool": "plinth:cluster:NodePool",
    "PodIdentity": "plinth:cluster:PodIdentity",
    "EncryptedBucket": "plinth:storage:EncryptedBucket",
    "EncryptionKey": "plinth:security:EncryptionKey",
    "Gateway": "plinth:platform:Gateway",
    "Network": "plinth:network:Network",
    "ProtectedTable": "plinth:storage:ProtectedTable",
    "RestrictedNamespace": "plinth:platform:RestrictedNamespace",
    "Serving": "plinth:serving:Serving",
}
"""A token is part of every URN: changing one replaces what it names, so a change must be meant."""
component = pytest.mark.parametrize("cls", COMPONENTS, ids=lambda c: c.__name__)


def tree(cls: type) -> ast.FunctionDef:
    module = ast.parse(inspect.getsource(inspect.getmodule(cls)))  # type: ignore[arg-type]
    node = next(n for n in module.body if isinstance(n, ast.ClassDef) and n.name == cls.__name__)
    return next(n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__")


def test_every_component_is_in_the_list_of_tokens() -> None:
    assert {cls.__name__ for cls in COMPONENTS} == set(TOKENS)


@component
def test_tokens_do_not_change(cls: type) -> None:
    call = next(
        n
        for n in ast.walk(tree(cls))
        if isinstance(n, ast.Call) and ast.unparse(n.func) == "super().__init__"
    )

    assert ast.literal_eval(call.args[0]) == TOKENS[cls.__name__]


@component
def test_arguments_are_a_frozen_keyword_only_dataclass_and_each_is_described(cls: type) -> None:
    args = vars(inspect.getmodule(cls))[f"{cls.__name__}Args"]

    assert is_dataclass(args)
    assert args.__dataclass_params__.frozen
    assert all(entry.kw_only for entry in fields(args))
    undescribed = [e.name for e in fields(args) if f"\n        {e.name}: " not in (args.__doc__ or "")]
    assert undescribed == []


@component
def test_outputs_are_registered_last(cls: type) -> None:
    last = tree(cls).body[-1]

    assert "self.register_outputs({" in ast.unparse(last)


@component
def test_every_output_is_declared_typed_and_registered(cls: type) -> None:
    declared = set(cls.__annotations__)
    registered = {
        ast.literal_eval(key) for node in ast.walk(tree(cls).body[-1]) if isinstance(node, ast.Dict)
        for key in node.keys if key is not None
    }  # fmt: skip

    assert declared
    assert registered == declared


@component
def test_constructors_take_name_args_opts(cls: type) -> None:
    assert list(inspect.signature(cls.__init__).parameters) == ["self", "name", "args", "opts"]


@pytest.mark.parametrize("module", MODULES)
def test_components_do_not_import_each_other(module: str) -> None:
    source = inspect.getsource(importlib.import_module(module))

    assert "from infra.components" not in source
    assert "import infra.components" not in source


def test_children_are_named_after_their_component(
    settings: Settings, recorded: Callable[[Settings], Any]
) -> None:
    record = recorded(settings)
    parents = sorted(
        {r.name for r in record.resources if r.type.startswith("plinth:")}, key=len, reverse=True
    )

    orphans = [
        r.name
        for r in record.resources
        if not r.type.startswith(("plinth:", "pulumi:"))
        and not any(r.name == parent or r.name.startswith(f"{parent}-") for parent in parents)
    ]
    assert orphans == []


def test_two_builds_of_the_same_settings_ask_for_the_same_resources(
    settings: Settings, recorded: Callable[[Settings], Any], run_program: Callable[[Callable[[], Any]], Any]
) -> None:
    def asked(record: Any) -> list[tuple[str, str, str]]:
        return sorted((r.type, r.name, repr(sorted(r.inputs.items()))) for r in record.resources)

    again = run_program(lambda: program.build(settings, providers.build(settings)))
    assert asked(again) == asked(recorded(settings))
