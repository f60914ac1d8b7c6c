"""What the readers conclude from documents: policies, selectors, rules, objects of the cluster."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.ops.verify.readers.audit import records_management, watched
from infra.ops.verify.readers.identity import wildcards
from infra.ops.verify.readers.inside import admissions, deployments, gateways, grants, namespaces
from infra.ops.verify.readers.recovery import _daily, _weekly
from infra.ops.verify.readers.storage import _everything, refuses_plain_http

DENY = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


def policy(**changes: Any) -> str:
    return json.dumps({"Statement": [{**DENY, **changes}]})


@pytest.mark.parametrize("principal", ["*", {"AWS": "*"}, {"AWS": ["*"]}])
def test_a_policy_that_refuses_plain_http_is_recognised(principal: Any) -> None:
    assert refuses_plain_http(policy(Principal=principal), "b")
    assert refuses_plain_http(json.dumps({"Statement": DENY}), "b"), "one statement without a list"


@pytest.mark.parametrize(
    "changes",
    [
        {"Effect": "Allow"},
        {"Principal": {"AWS": "arn:aws:iam::1:root"}},
        {"Action": "s3:GetObject"},
        {"Resource": ["arn:aws:s3:::b"]},
        {"Resource": ["arn:aws:s3:::b/*"]},
        {"Resource": ["arn:aws:s3:::other", "arn:aws:s3:::other/*"]},
        {"Condition": {}},
        {"Condition": {"Bool": {"aws:SecureTransport": "true"}}},
        {"Condition": {"Bool": {"aws:SecureTransport": "false", "aws:ViaAWSService": "true"}}},
        {"Condition": {**DENY["Condition"], "StringEquals": {"aws:PrincipalAccount": "1"}}},  # type: ignore[dict-item]
        {"Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}},
    ],
)
def test_a_policy_that_refuses_less_is_not(changes: dict[str, Any]) -> None:
    assert not refuses_plain_http(policy(**changes), "b")


def field(name: str, **kind: list[str]) -> dict[str, Any]:
    return {"Field": name, **kind}


DATA = [
    field("eventCategory", Equals=["Data"]),
    field("resources.type", Equals=["AWS::S3::Object"]),
    field("resources.ARN", StartsWith=["arn:aws:s3:::one/", "arn:aws:s3:::two/"]),
]


def test_a_selector_of_whole_buckets_names_them() -> None:
    assert watched([{"FieldSelectors": DATA}]) == ["one", "two"]


@pytest.mark.parametrize(
    "selector",
    [
        [*DATA, field("readOnly", Equals=["false"])],
        [*DATA, field("eventName", Equals=["PutObject"])],
        DATA[1:],
        [field("eventCategory", Equals=["Management"]), *DATA[1:]],
        [DATA[0], field("resources.type", Equals=["AWS::Lambda::Function"]), DATA[2]],
        [*DATA[:2], field("resources.ARN", StartsWith=["arn:aws:s3:::one/some/pre"])],
        [*DATA[:2], field("resources.ARN", Equals=["arn:aws:s3:::one/object"])],
    ],
)
def test_a_selector_that_leaves_something_out_names_nothing(selector: list[dict[str, Any]]) -> None:
    assert watched([{"FieldSelectors": selector}]) == []


def test_management_events_are_recorded_whole_or_not() -> None:
    whole = {"FieldSelectors": [field("eventCategory", Equals=["Management"])]}
    writes = {"FieldSelectors": [*whole["FieldSelectors"], field("readOnly", Equals=["false"])]}

    assert records_management([whole])
    assert not records_management([writes])
    assert not records_management([])


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ({"Effect": "Allow", "Action": "*", "Resource": "*"}, ["0: *"]),
        ({"Effect": "Allow", "Action": ["s3:*", "kms:Sign"], "Resource": ["*"]}, ["0: s3:*"]),
        ({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*", "Sid": "s"}, ["s: everything but some"]),
        ({"Effect": "Deny", "Action": "*", "Resource": "*"}, []),
        ({"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::b"}, []),
        ({"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}, []),
    ],
)
def test_statements_that_give_everything_are_found(statement: dict[str, Any], found: list[str]) -> None:
    assert wildcards({"Statement": statement}) == found


RULE = {
    "Status": "Enabled",
    "Filter": {"Prefix": ""},
    "SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}},
}


@pytest.mark.parametrize(
    ("change", "whole"),
    [
        ({}, True),
        ({"Status": "Disabled"}, False),
        ({"Filter": {"Prefix": "models/"}}, False),
        ({"Filter": {"Tag": {"Key": "copy", "Value": "yes"}}}, False),
        ({"SourceSelectionCriteria": {}}, False),
    ],
)
def test_replication_copies_everything_or_does_not(change: dict[str, Any], whole: bool) -> None:  # noqa: FBT001
    assert _everything({**RULE, **change}) is whole


@given(st.integers(0, 59), st.integers(0, 23))
def test_a_schedule_is_nightly_when_every_day_has_it(minute: int, hour: int) -> None:
    assert _daily(f"cron({minute} {hour} * * ? *)")
    assert _daily(f"cron({minute} {hour} ? * * *)")
    assert not _daily(f"cron({minute} {hour} ? * MON *)")
    assert not _daily(f"cron({minute} {hour} 1 * ? *)")
    assert not _daily("rate(7 days)")
    assert _weekly(f"cron({minute} {hour} ? * SUN *)")
    assert _weekly(f"cron({minute} {hour} * * ? *)")
    assert not _weekly(f"cron({minute} {hour} 1 * ? *)")
    assert not _weekly(f"cron({minute} {hour} ? JAN SUN *)")


def meta(name: str, space: str = "", **labels: str) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": space,
        "labels": {k.replace("_", "/", 1): v for k, v in labels.items()},
    }


SPACE = {
    "metadata": {
        "name": "s",
        "labels": {f"pod-security.kubernetes.io/{m}": "restricted" for m in ("enforce", "audit", "warn")},
    }
}
NAMESPACE: dict[str, list[dict[str, Any]]] = {
    "/api/v1/namespaces": [SPACE],
    "/api/v1/resourcequotas": [
        {"metadata": meta("q", "s"), "status": {"hard": {"pods": "4", "requests.nvidia.com/gpu": "8"}}}
    ],
    "/api/v1/limitranges": [
        {"metadata": meta("l", "s"), "spec": {"limits": [{"type": "Container", "default": {"cpu": "1"}}]}}
    ],
    "/apis/networking.k8s.io/v1/networkpolicies": [
        {"metadata": meta("d", "s"), "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}}
    ],
}


def test_the_guards_of_a_namespace_are_seen() -> None:
    assert namespaces(NAMESPACE)["s"] == {
        "namespace": "s",
        "restricted": ["enforce", "audit", "warn"],
        "denies": ["Egress", "Ingress"],
        "bounded": ["pods", "requests.nvidia.com/gpu"],
        "limited": ["Container"],
        "gpus": 8,
    }


@pytest.mark.parametrize(
    ("spec", "denies"),
    [
        ({"podSelector": {"matchLabels": {"app": "x"}}, "policyTypes": ["Ingress", "Egress"]}, []),
        ({"podSelector": {}, "policyTypes": ["Ingress"]}, ["Ingress"]),
        ({"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "egress": [{}]}, ["Ingress"]),
    ],
)
def test_a_policy_with_a_selector_or_a_rule_closes_less(spec: dict[str, Any], denies: list[str]) -> None:
    rows = copy.deepcopy(NAMESPACE)
    rows["/apis/networking.k8s.io/v1/networkpolicies"][0]["spec"] = spec

    assert namespaces(rows)["s"]["denies"] == denies


def test_guards_of_another_namespace_and_quotas_that_nobody_enforces_do_not_count() -> None:
    rows = copy.deepcopy(NAMESPACE)
    for path in list(rows)[1:]:
        rows[path][0]["metadata"]["namespace"] = "other"
    idle = copy.deepcopy(NAMESPACE)
    idle["/api/v1/resourcequotas"][0]["status"] = {}

    alone = namespaces(rows)["s"]

    assert (alone["denies"], alone["bounded"], alone["limited"], alone["gpus"]) == ([], [], [], -1)
    assert namespaces(idle)["s"]["bounded"] == []


def test_an_admission_policy_acts_as_its_binding_says() -> None:
    base = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolic"
    policy_ = {"metadata": meta("p"), "spec": {"failurePolicy": "Fail", "validations": [{}, {}]}}
    binding = {"metadata": meta("b"), "spec": {"policyName": "p", "validationActions": ["Deny"]}}
    narrow = {"metadata": meta("b"), "spec": {**binding["spec"], "matchResources": {"namespaceSelector": {}}}}

    bound = admissions({f"{base}ies": [policy_], f"{base}ybindings": [binding]})["p"]
    unbound = admissions({f"{base}ies": [policy_], f"{base}ybindings": [narrow]})["p"]

    assert bound == {"policy": "p", "when_it_fails": "Fail", "actions": ["Deny"], "rules": 2}
    assert unbound["actions"] == []


def test_a_gateway_that_takes_routes_of_all_namespaces_is_open() -> None:
    def read(whose: dict[str, Any]) -> Any:
        listener = {"allowedRoutes": {"namespaces": whose}}
        return gateways(
            {
                "/apis/gateway.networking.k8s.io/v1/gatewayclasses": [
                    {"metadata": meta("c"), "spec": {"controllerName": "x/y"}}
                ],
                "/apis/gateway.networking.k8s.io/v1/gateways": [
                    {
                        "metadata": meta("g", "s"),
                        "spec": {"gatewayClassName": "c", "listeners": [listener]},
                        "status": {"conditions": [{"type": "Programmed", "status": "True"}]},
                    }
                ],
            }
        )["s/g"]

    assert read({"from": "Selector"}) == {
        "gateway": "g", "controller": "x/y", "programmed": "True", "open_listeners": [],
    }  # fmt: skip
    assert read({})["open_listeners"] == []
    assert read({"from": "All"})["open_listeners"] == ["All"]


def test_who_is_let_in_by_a_binding_is_told_apart() -> None:
    subjects = [{"kind": "Group", "name": "g"}, {"kind": "User", "name": "u"}]
    row = {"metadata": meta("b", "gpu"), "roleRef": {"name": "r"}, "subjects": subjects}

    assert grants({"/apis/rbac.authorization.k8s.io/v1/rolebindings": [row]})["gpu/b"] == {
        "namespace": "gpu", "role": "r", "groups": ["g"], "others": ["u"],
    }  # fmt: skip


CONTAINER = {
    "name": "c",
    "image": "r@sha256:1",
    "securityContext": {"readOnlyRootFilesystem": True},
    "readinessProbe": {"x": 1},
    "livenessProbe": {"x": 1},
}
POD = {"containers": [CONTAINER], "automountServiceAccountToken": False, "topologySpreadConstraints": [{}]}


def deployed(pod: dict[str, Any], selector: dict[str, str]) -> Any:
    template = {"metadata": {"labels": {"app": "x"}}, "spec": pod}
    budget = {"metadata": meta("b", "s"), "spec": {"selector": {"matchLabels": selector}}}
    return deployments(
        {
            "/apis/apps/v1/deployments": [
                {"metadata": meta("d", "s"), "spec": {"replicas": 2, "template": template}}
            ],
            "/apis/policy/v1/poddisruptionbudgets": [budget],
        }
    )["s/d"]


def test_a_deployment_as_designed_has_nothing_to_answer_for() -> None:
    assert deployed(POD, {"app": "x"}) == {
        "namespace": "s", "service": "d", "replicas": 2, "by_tag": [], "writable_roots": [], "token": False,
        "unprobed": [], "spread": 1, "budgets": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("pod", "key", "value"),
    [
        ({"containers": [{**CONTAINER, "image": "r:latest"}]}, "by_tag", ["r:latest"]),
        ({"initContainers": [{"name": "i", "image": "r@sha256:1"}]}, "writable_roots", ["i"]),
        ({"containers": [{**CONTAINER, "livenessProbe": None}]}, "unprobed", ["c"]),
        ({"automountServiceAccountToken": True}, "token", True),
        ({"topologySpreadConstraints": None}, "spread", 0),
    ],
)
def test_each_weakness_of_a_deployment_is_named(pod: dict[str, Any], key: str, value: Any) -> None:
    assert deployed({**POD, **pod}, {"app": "x"})[key] == value


def test_a_token_is_mounted_unless_somebody_says_no_and_a_budget_is_for_its_own_pods() -> None:
    silent = {key: value for key, value in POD.items() if key != "automountServiceAccountToken"}

    assert deployed(silent, {"app": "x"})["token"] is True
    assert deployed(POD, {"app": "y"})["budgets"] == 0
    assert deployed(POD, {})["budgets"] == 0
