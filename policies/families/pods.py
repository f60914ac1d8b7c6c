"""Kubernetes pods: the restricted Pod Security Standard and what a service needs beside it.

Every rule looks at all containers: main, init, sidecar and ephemeral ones, in every kind that holds
a pod. A setting may stand on the pod or on the container; the container's own one counts.
"""

from collections.abc import Callable, Iterator

from policies.core import (
    Check,
    Family,
    Outcome,
    PolicySettings,
    failed,
    not_applicable,
    passed,
    require,
    undecided,
)
from policies.core.verdicts import Verdict, is_false, is_set, is_true, one_of
from policies.exemptions import exempted
from policies.families.pod_isolation import avoids_host, keeps_kernel_defaults
from policies.families.pod_operation import has_probes, image_is_pinned, states_resources
from policies.families.pod_view import Pod, pod_view
from policies.families.secrets_in_text import holds_secret, names_secret

LOWEST_USER_ID = 10_000
"""User ids below are likely to exist on the node, with rights there (trivy KSV-0020, checkov CKV_K8S_40)."""
ALLOWED_CAPABILITIES = frozenset({"NET_BIND_SERVICE"})
"""The one capability that the restricted Pod Security Standard lets a container add."""


def _readable(pod: Pod, _: PolicySettings) -> Iterator[Outcome]:
    containers = pod.spec.at("containers")
    if pod.hidden:
        yield failed("", pod.hidden)
    elif containers.unknown:
        yield undecided(containers)
    elif containers.empty:
        yield failed(containers, "is not set; a pod needs at least one container")
    else:
        yield passed()


def _unprivileged(pod: Pod, _: PolicySettings) -> Iterator[Outcome]:
    for container in pod.containers:
        place = container.at.at("securityContext", "privileged")
        yield require(place, is_false, "must be false", absent=Verdict.PASSED)


def _cannot_escalate(pod: Pod, _: PolicySettings) -> Iterator[Outcome]:
    for container in pod.containers:
        place = container.at.at("securityContext", "allowPrivilegeEscalation")
        yield require(place, is_false, "must be false")


def _drops_capabilities(pod: Pod, _: PolicySettings) -> Iterator[Outcome]:
    allowed = ALLOWED_CAPABILITIES.union(exempted("pod-drops-capabilities", pod.owner))
    for container in pod.containers:
        capabilities = container.at.at("securityContext", "capabilities")
        dropped = capabilities.at("drop").each()
        if any(item.value == "ALL" for item in dropped):
            yield passed()
        elif hidden := next((item for item in dropped if item.unknown), None):
            yield undecided(hidden)
        else:
            yield failed(capabilities.at("drop"), "must hold ALL")
        for item in capabilities.at("add").each():
            yield require(item, lambda value: value in allowed, "must not be added")


def _runs_as_non_root(pod: Pod, _: PolicySettings) -> Iterator[Outcome]:
    users = exempted("pod-runs-as-non-root", pod.owner)
    for container in pod.containers:
        if users:
            place = pod.either(container, "runAsUser")
            yield require(place, lambda value: value in users, "is no user that exemptions.yaml allows it")
            continue
        yield require(pod.either(container, "runAsNonRoot"), is_true, "must be true")
        yield require(
            pod.either(container, "runAsUser"),
            lambda value: isinstance(value, int) and value >= LOWEST_USER_ID,
            f"must be {LOWEST_USER_ID} or more",
        )


def _uses_seccomp(pod: Pod, _: PolicySettings) -> Iterator[Outcome]:
    for container in pod.containers:
        yield require(
            pod.either(container, "seccompProfile", "type"),
            one_of("RuntimeDefault", "Localhost"),
            "must be RuntimeDefault or Localhost",
        )


def _root_is_read_only(pod: Pod, _: PolicySettings) -> Iterator[Outcome]:
    for container in pod.containers:
        place = container.at.at("securityContext", "readOnlyRootFilesystem")
        yield require(place, is_true, "must be true")


def _mounts_no_token(pod: Pod, _: PolicySettings) -> Iterator[Outcome]:
    yield require(pod.spec.at("automountServiceAccountToken"), is_false, "must be false")
    account = pod.spec.at("serviceAccountName")
    yield require(
        account,
        lambda value: is_set(value) and value != "default",
        "must name an account of its own, not 'default'",
        unknown=Verdict.PASSED,  # it comes from an account that is yet to be made; 'default' always exists
    )


def _takes_secrets_as_files(pod: Pod, _: PolicySettings) -> Iterator[Outcome]:
    for container in pod.containers:
        yield passed()
        for variable in container.at.at("env").each():
            name, value = variable.at("name"), variable.at("value")
            if not variable.at("valueFrom", "secretKeyRef").absent:
                yield failed(variable, "takes a secret into the environment; mount it as a file")
            elif name.known and names_secret(str(name.value)) and not value.empty:
                yield failed(variable, "holds what its name calls a secret; mount it as a file")
            elif value.known and holds_secret(str(value.value)):
                yield failed(variable, "seems to hold a credential; mount it as a file")
        for source in container.at.at("envFrom").each():
            if not source.at("secretRef").absent:
                yield failed(source, "takes a whole secret into the environment; mount it as a file")


def _each(
    rule: Callable[[Pod, PolicySettings], Iterator[Outcome]],
) -> Callable[[Pod, PolicySettings], Iterator[Outcome]]:
    """Let a rule speak only of pods that can be read; of others ``manifest-is-readable`` speaks."""

    def guarded(pod: Pod, settings: PolicySettings) -> Iterator[Outcome]:
        if pod.hidden or pod.spec.at("containers").empty:
            yield not_applicable()
        elif pod.spec.at("containers").unknown:
            yield undecided(pod.spec.at("containers"))
        else:
            yield from rule(pod, settings)

    return guarded


_RULES = {
    "pod-is-unprivileged": _unprivileged,
    "pod-cannot-escalate": _cannot_escalate,
    "pod-drops-capabilities": _drops_capabilities,
    "pod-runs-as-non-root": _runs_as_non_root,
    "pod-uses-seccomp": _uses_seccomp,
    "pod-avoids-host": avoids_host,
    "pod-keeps-kernel-defaults": keeps_kernel_defaults,
    "pod-root-is-read-only": _root_is_read_only,
    "pod-states-resources": states_resources,
    "pod-has-probes": has_probes,
    "pod-image-is-pinned": image_is_pinned,
    "pod-mounts-no-token": _mounts_no_token,
    "pod-takes-secrets-as-files": _takes_secrets_as_files,
}

PODS: Family[Pod] = Family(
    name="pods",
    title="Pods run restricted, bounded, probed and from pinned images.",
    prefixes=("kubernetes:",),
    view=pod_view,
    checks=(
        Check("manifest-is-readable", frozenset(), _readable),
        *(Check(control, frozenset(), _each(rule)) for control, rule in _RULES.items()),
    ),
)
