"""The fronts say the same: the pack, rendered manifests, and the rules of the API server."""

from policies import proof
from policies.admission import EXEMPT, admission_policies, admitted_controls
from policies.admission_rules import namespaced_resources, plural
from policies.catalog import catalog
from policies.core import PolicySettings


def test_the_pack_and_manifests_say_the_same_of_every_fixture_that_both_see():
    agreement = proof.pack_and_manifests()

    assert agreement.compared > 100
    assert list(agreement.differences) == []
    assert agreement.share == 1.0


def test_nothing_compared_is_no_agreement():
    assert proof.Agreement(compared=0, differences=()).share == 0.0


def test_admission_denies_what_is_mandatory_and_warns_where_it_is_advice():
    for environment in ("prod", "dev", "local"):
        for policy in admission_policies(PolicySettings(environment=environment)):
            levels = {catalog()[control].level(environment) for control in policy.controls}
            denies = policy.binding["validationActions"] == ["Deny", "Audit"]

            assert levels == {"mandatory" if denies else "advisory"}
            assert policy.spec["failurePolicy"] == "Fail"
            assert policy.binding["policyName"] == policy.name


def test_every_message_of_admission_names_its_control_and_its_fix():
    for policy in admission_policies(PolicySettings()):
        for control, rule in zip(policy.controls, policy.spec["validations"], strict=True):
            assert rule["message"].startswith(f"[{control}] {catalog()[control].title}")


def test_admission_has_the_pod_and_namespace_controls_that_need_no_other_object():
    assert admitted_controls(PolicySettings()) == {
        "default-namespace-is-unused",
        "namespace-enforces-restricted",
        "pod-avoids-host",
        "pod-cannot-escalate",
        "pod-drops-capabilities",
        "pod-has-probes",
        "pod-image-is-pinned",
        "pod-is-unprivileged",
        "pod-keeps-kernel-defaults",
        "pod-mounts-no-token",
        "pod-root-is-read-only",
        "pod-runs-as-non-root",
        "pod-states-resources",
        "pod-uses-seccomp",
        "service-account-mounts-no-token",
    }


def test_only_the_clusters_own_namespaces_are_exempt_and_only_from_rules_on_pods_and_accounts():
    for policy in admission_policies(PolicySettings()):
        selector = policy.spec["matchConstraints"].get("namespaceSelector")
        names = selector and selector["matchExpressions"][0]["values"]

        assert names == (list(EXEMPT) if policy.name.startswith(("plinth-pods", "plinth-accounts")) else None)


def test_plurals_are_those_of_the_api():
    plurals = {name for _, names in namespaced_resources() for name in names}

    assert {"ingresses", "networkpolicies", "canaries", "services", "gateways"} <= plurals
    assert plural("ValidatingAdmissionPolicy") == "validatingadmissionpolicies"
