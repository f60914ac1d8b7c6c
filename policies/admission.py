"""ValidatingAdmissionPolicies from the catalog: what passes every other front meets the controls again here.

Pure: objects as the API server takes them. Rules of one scope and one level share a policy, so that a
cluster holds a handful of them. The message of each begins with the control's id in brackets.
"""

from dataclasses import dataclass
from typing import Any

from policies.admission_rules import (
    POD_VARIABLES,
    Rule,
    account_rules,
    namespace_rules,
    namespaced_resources,
    object_rules,
    pod_rules,
)
from policies.catalog import Level
from policies.core.settings import PolicySettings
from policies.procedure import control_of

EXEMPT = ("gpu-system", "kube-node-lease", "kube-public", "kube-system")
"""Namespaces of what runs the cluster itself, whose parts need their nodes."""
_LEVELS: tuple[Level, ...] = ("mandatory", "advisory")
_ACTIONS = {"mandatory": ["Deny", "Audit"], "advisory": ["Warn", "Audit"]}
_WORKLOADS = (
    ("", ["v1"], ["pods", "pods/ephemeralcontainers", "replicationcontrollers"]),
    ("apps", ["v1"], ["daemonsets", "deployments", "replicasets", "statefulsets"]),
    ("batch", ["v1"], ["cronjobs", "jobs"]),
)


@dataclass(frozen=True, kw_only=True)
class AdmissionPolicy:
    """One policy and its binding.

    Args:
        name: Name of both objects.
        controls: Ids of the controls that it holds.
        spec: Specification of the policy.
        binding: Specification of the binding.
    """

    name: str
    controls: tuple[str, ...]
    spec: dict[str, Any]
    binding: dict[str, Any]

    def objects(self) -> list[dict[str, Any]]:
        """Return both objects as manifests."""
        group = "admissionregistration.k8s.io/v1"
        return [
            {"apiVersion": group, "kind": kind, "metadata": {"name": self.name}, "spec": spec}
            for kind, spec in (
                ("ValidatingAdmissionPolicy", self.spec),
                ("ValidatingAdmissionPolicyBinding", self.binding),
            )
        ]


def admission_policies(settings: PolicySettings) -> list[AdmissionPolicy]:
    """Return the policies of an environment, in a fixed order."""
    pods = [_resource_rule(*row, operations=["CREATE", "UPDATE"]) for row in _WORKLOADS]
    objects = [
        _resource_rule(group, ["*"], plurals, operations=["CREATE"])
        for group, plurals in namespaced_resources()
    ]
    namespaces = [_resource_rule("", ["v1"], ["namespaces"], operations=["CREATE", "UPDATE"])]
    accounts = [_resource_rule("", ["v1"], ["serviceaccounts"], operations=["CREATE", "UPDATE"])]
    apart = {
        "namespaceSelector": {
            "matchExpressions": [
                {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": list(EXEMPT)}
            ]
        }
    }
    scopes: list[tuple[str, list[Rule], dict[str, Any], dict[str, str]]] = [
        ("accounts", account_rules(), {"resourceRules": accounts, **apart}, {}),
        ("namespaces", namespace_rules(EXEMPT), {"resourceRules": namespaces}, {}),
        ("objects", object_rules(), {"resourceRules": objects}, {}),
        ("pods", pod_rules(settings), {"resourceRules": pods, **apart}, POD_VARIABLES),
    ]
    return [
        _policy(scope, chosen, match, variables, level)
        for scope, rules, match, variables in scopes
        for level in _LEVELS
        if (chosen := [r for r in rules if control_of(r.control).level(settings.environment) == level])
    ]


def admitted_controls(settings: PolicySettings) -> frozenset[str]:
    """Return the controls that the API server decides too."""
    return frozenset(control for policy in admission_policies(settings) for control in policy.controls)


def _policy(
    scope: str, rules: list[Rule], match: dict[str, Any], variables: dict[str, str], level: Level
) -> AdmissionPolicy:
    name = f"plinth-{scope}" if level == "mandatory" else f"plinth-{scope}-advice"
    spec: dict[str, Any] = {
        "failurePolicy": "Fail",
        "matchConstraints": {"matchPolicy": "Equivalent", **match},
        "validations": [
            {
                "expression": rule.expression,
                "message": f"[{rule.control}] {_message(rule.control)}",
                "reason": "Forbidden",
            }
            for rule in rules
        ],
    }
    if variables:
        spec["variables"] = [{"name": key, "expression": text} for key, text in variables.items()]
    return AdmissionPolicy(
        name=name,
        controls=tuple(rule.control for rule in rules),
        spec=spec,
        binding={"policyName": name, "validationActions": _ACTIONS[level]},
    )


def _message(control_id: str) -> str:
    control = control_of(control_id)
    return f"{control.title}. {' '.join(control.fix.split())}"


def _resource_rule(
    group: str, versions: list[str], resources: list[str], *, operations: list[str]
) -> dict[str, Any]:
    return {
        "apiGroups": [group],
        "apiVersions": versions,
        "operations": operations,
        "resources": resources,
        "scope": "*",
    }
