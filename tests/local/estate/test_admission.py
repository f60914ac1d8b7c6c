"""The admission policies of the catalog on a real API server: the same verdict as the pack's."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from infra.local.control_plane.kube_api import KubeError
from policies import proof
from policies.admission import admission_policies
from policies.admission_rules import dry_run_path, plural
from policies.core import PolicySettings

pytestmark = pytest.mark.local
NAMESPACE = "serving"


def _asked(cluster: Any, manifest: dict[str, Any]) -> str | None:
    """Ask for an object in a dry run; return the refusal, or None when it would be let in."""
    try:
        cluster.api.call("POST", dry_run_path(manifest), json.dumps(manifest).encode())
    except KubeError as error:
        return proof.refusal(error.status, str(error))
    return None


@pytest.fixture(scope="module")
def guarded(cluster: Any) -> Iterator[Any]:
    """Return the control plane with the policies of production in force."""
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    manifests = [item for policy in admission_policies(PolicySettings()) for item in policy.objects()]
    for item in manifests:
        cluster.apply(item)
    bad = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "wide-open"}}
    cluster.until(lambda: _asked(cluster, bad) is not None)  # policies take a moment to be in force
    yield cluster
    for item in manifests:
        plurals = plural(item["kind"])
        cluster.api.call("DELETE", f"/apis/{item['apiVersion']}/{plurals}/{item['metadata']['name']}")
    time.sleep(1)


def test_the_api_server_finds_nothing_wrong_with_the_policies(guarded: Any) -> None:
    for policy in admission_policies(PolicySettings()):
        path = f"/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/{policy.name}"
        guarded.until(lambda at=path: "observedGeneration" in guarded.api.get(at).get("status", {}))


def test_the_api_server_and_the_pack_say_the_same_of_every_fixture(guarded: Any) -> None:
    agreement = proof.pack_and_admission(lambda manifest: _asked(guarded, manifest))

    assert list(agreement.differences) == []
    assert agreement.compared > 90, agreement.unseen


def test_a_debug_container_that_is_put_into_a_running_pod_is_judged_too(guarded: Any) -> None:
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "scorer", "namespace": NAMESPACE},
        "automountServiceAccountToken": False,
    }
    guarded.apply(account)
    case = next(case for case in proof.cases(("clean",)) if case.control == "pod-is-unprivileged")
    scorer = next(entry for entry in case.stack if entry["name"] == "scorer")
    template = (proof.manifest(case, scorer) or {})["spec"]["template"]
    pods = f"/api/v1/namespaces/{NAMESPACE}/pods"
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "scorer"}, "spec": template["spec"]}
    guarded.api.call("POST", pods, json.dumps(pod).encode())
    strict = template["spec"]["containers"][0]["securityContext"]
    debug = {"name": "debug", "image": template["spec"]["containers"][0]["image"]}

    for context, refused in ((strict, False), ({**strict, "readOnlyRootFilesystem": False}, True)):
        added = {"spec": {"ephemeralContainers": [{**debug, "securityContext": context}]}}
        try:
            guarded.api.call(
                "PATCH",
                f"{pods}/scorer/ephemeralcontainers?dryRun=All",
                json.dumps(added).encode(),
                "application/strategic-merge-patch+json",
            )
            said = ""
        except KubeError as error:
            said = str(error)
        assert ("[pod-root-is-read-only]" in said) == refused, said
        assert bool(said) == refused, said
