"""The controls that the API server itself can decide, as expressions of the Common Expression Language (CEL).

Each says the same as the check of the same control in ``families/``, about the object as the API server
sees it: complete, with its defaults, nothing unknown. That both say the same is shown by running the
fixtures of the controls against a real API server (``./plinth policy coverage`` with a platform up).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from policies.core.settings import PolicySettings
from policies.families.namespaces import ENFORCE, NAMESPACED
from policies.families.pod_isolation import APPARMOR_ANNOTATION, SAFE_SYSCTLS, SELINUX_TYPES, VOLUME_TYPES
from policies.families.pods import ALLOWED_CAPABILITIES, LOWEST_USER_ID

POD_VARIABLES = {
    "template": (
        "object.kind == 'Pod' ? object : "
        "object.kind == 'CronJob' ? object.spec.jobTemplate.spec.template : object.spec.template"
    ),
    "pod": "variables.template.spec",
    "annotations": (
        "has(variables.template.metadata) && has(variables.template.metadata.annotations) "
        "? variables.template.metadata.annotations : {}"
    ),
    "context": "has(variables.pod.securityContext) ? variables.pod.securityContext : {}",
    "inits": "has(variables.pod.initContainers) ? variables.pod.initContainers : []",
    "ephemeral": "has(variables.pod.ephemeralContainers) ? variables.pod.ephemeralContainers : []",
    "bounded": "variables.pod.containers + variables.inits",
    "all": "variables.bounded + variables.ephemeral",
    "lasting": (
        "variables.pod.containers + "
        "variables.inits.filter(c, has(c.restartPolicy) && c.restartPolicy == 'Always')"
    ),
    "volumes": "has(variables.pod.volumes) ? variables.pod.volumes : []",
    "finite": (
        "object.kind in ['Job', 'CronJob'] || "
        "(has(variables.pod.restartPolicy) && variables.pod.restartPolicy in ['Never', 'OnFailure'])"
    ),
}
"""Names for what the expressions of pods look at, each built from those above it."""
CONTROLLER_USERS = ("system:serviceaccount:kube-system:service-account-controller",)
"""Who makes the account 'default' in each new namespace; pod-mounts-no-token keeps pods from using it."""
SYSTEM_OBJECTS = ("default", "kube-root-ca.crt", "kubernetes")
"""What the control plane itself puts into the namespace 'default'."""


@dataclass(frozen=True)
class Rule:
    """One control as an expression that must be true."""

    control: str
    expression: str


def pod_rules(settings: PolicySettings) -> list[Rule]:
    """Return the rules for everything that holds a pod."""
    return [
        Rule("pod-is-unprivileged", _all(f"!{_set('c', 'privileged')} || {_is('c', 'privileged', 'false')}")),
        Rule("pod-cannot-escalate", _all(_says("c", "allowPrivilegeEscalation", "false"))),
        Rule("pod-drops-capabilities", _all(_capabilities())),
        Rule("pod-runs-as-non-root", _all(f"{_either('runAsNonRoot', '== true')} && {_user()}")),
        Rule("pod-uses-seccomp", _all(_seccomp())),
        Rule("pod-avoids-host", _host()),
        Rule("pod-keeps-kernel-defaults", _kernel()),
        Rule("pod-root-is-read-only", _all(_says("c", "readOnlyRootFilesystem", "true"))),
        Rule("pod-states-resources", f"variables.bounded.all(c, {_resources()})"),
        Rule("pod-has-probes", f"variables.finite || variables.lasting.all(c, {_probes()})"),
        Rule("pod-image-is-pinned", _all(f"c.image.matches({_image(settings.registries)})")),
        Rule("pod-mounts-no-token", _token()),
    ]


def namespace_rules(exempt: Iterable[str]) -> list[Rule]:
    """Return the rules for namespaces.

    Args:
        exempt: Namespaces of the cluster's own parts.
    """
    label = f"object.metadata.labels[{_text(ENFORCE)}]"
    has = f"has(object.metadata.labels) && {_text(ENFORCE)} in object.metadata.labels"
    names = f"object.metadata.name in {_list([*exempt, 'default'])}"
    return [Rule("namespace-enforces-restricted", f"{names} || ({has} && {label} == 'restricted')")]


def object_rules() -> list[Rule]:
    """Return the rules for objects that live in a namespace."""
    name = "has(object.metadata.name) ? object.metadata.name : ''"
    return [
        Rule(
            "default-namespace-is-unused",
            f"request.namespace != 'default' || ({name}) in {_list(SYSTEM_OBJECTS)}",
        )
    ]


def account_rules() -> list[Rule]:
    """Return the rules for service accounts."""
    return [
        Rule(
            "service-account-mounts-no-token",
            f"request.userInfo.username in {_list(CONTROLLER_USERS)} || "
            "(has(object.automountServiceAccountToken) && object.automountServiceAccountToken == false)",
        )
    ]


def namespaced_resources() -> list[tuple[str, list[str]]]:
    """Return API group to the plural names of the kinds that must not live in 'default'."""
    groups: dict[str, list[str]] = {}
    for token in sorted(NAMESPACED):
        _, group, kind = token.split(":")
        groups.setdefault("" if group == "core" else group, []).append(plural(kind))
    return sorted(groups.items())


def plural(kind: str) -> str:
    """Return the name under which the API serves a kind."""
    word = kind.lower()
    if word.endswith("s"):
        return f"{word}es"
    return f"{word[:-1]}ies" if word.endswith("y") and word[-2] not in "aeiou" else f"{word}s"


def dry_run_path(manifest: Mapping[str, Any]) -> str:
    """Return the path at which the API takes a new object without keeping it."""
    version, kind = manifest["apiVersion"], manifest["kind"]
    root = "apis" if "/" in version else "api"
    namespace = (manifest.get("metadata") or {}).get("namespace")
    group, _, _ = version.rpartition("/")
    if not namespace and f"kubernetes:{group or 'core'}:{kind}" in NAMESPACED:
        namespace = "default"  # where every client puts an object that names no namespace
    place = f"/namespaces/{namespace}" if namespace else ""
    return f"/{root}/{version}{place}/{plural(kind)}?dryRun=All"


def _text(value: str) -> str:
    return json.dumps(value)


def _list(values: Iterable[str]) -> str:
    return "[" + ", ".join(_text(value) for value in values) + "]"


def _all(condition: str) -> str:
    return f"variables.all.all(c, {condition})"


def _set(owner: str, key: str) -> str:
    return f"(has({owner}.securityContext) && has({owner}.securityContext.{key}))"


def _is(owner: str, key: str, value: str) -> str:
    return f"{owner}.securityContext.{key} == {value}"


def _says(owner: str, key: str, value: str) -> str:
    return f"({_set(owner, key)} && {_is(owner, key, value)})"


def _either(key: str, test: str) -> str:
    """Return a test of a setting that a container inherits from its pod when it has none of its own."""
    return (
        f"({_set('c', key)} ? c.securityContext.{key} {test} : "
        f"(has(variables.context.{key}) && variables.context.{key} {test}))"
    )


def _user() -> str:
    return _either("runAsUser", f">= {LOWEST_USER_ID}")


def _capabilities() -> str:
    here = "c.securityContext.capabilities"
    allowed = _list(sorted(ALLOWED_CAPABILITIES))
    return (
        f"{_set('c', 'capabilities')} && has({here}.drop) && {here}.drop.exists(name, name == 'ALL') && "
        f"(!has({here}.add) || {here}.add.all(name, name in {allowed}))"
    )


def _seccomp() -> str:
    return (
        _either("seccompProfile.type", "in ['RuntimeDefault', 'Localhost']")
        .replace(
            "has(variables.context.seccompProfile.type)",
            "has(variables.context.seccompProfile) && has(variables.context.seccompProfile.type)",
        )
        .replace(
            "has(c.securityContext.seccompProfile.type)",
            "has(c.securityContext.seccompProfile) && has(c.securityContext.seccompProfile.type)",
        )
    )


def _host() -> str:
    apart = [
        f"(!has(variables.pod.{key}) || variables.pod.{key} == false)"
        for key in ("hostPID", "hostIPC", "hostNetwork")
    ]
    ports = "variables.all.all(c, !has(c.ports) || c.ports.all(p, !has(p.hostPort) || p.hostPort == 0))"
    return " && ".join([*apart, ports, "variables.volumes.all(v, !has(v.hostPath))"])


def _kernel() -> str:
    # A path on the host is the business of another control, which names it.
    kinds = " || ".join(f"has(v.{kind})" for kind in sorted({*VOLUME_TYPES, "hostPath"}))
    sysctls = f"variables.context.sysctls.all(s, s.name in {_list(sorted(SAFE_SYSCTLS))})"
    value = "variables.annotations[key]"
    armor = (
        f"variables.annotations.all(key, !key.startsWith({_text(APPARMOR_ANNOTATION)}) || "
        f"{value} == 'runtime/default' || {value}.startsWith('localhost/'))"
    )
    containers = (
        f"variables.all.all(c, !has(c.securityContext) || ({_safe_context('c.securityContext')} && "
        "(!has(c.securityContext.procMount) || c.securityContext.procMount == 'Default')))"
    )
    return " && ".join(
        [
            f"variables.volumes.all(v, {kinds})",
            f"(!has(variables.context.sysctls) || {sysctls})",
            armor,
            _safe_context("variables.context"),
            containers,
        ]
    )


def _safe_context(context: str) -> str:
    armor = f"{context}.appArmorProfile"
    linux = f"{context}.seLinuxOptions"
    windows = f"{context}.windowsOptions"
    types = _list(["", *SELINUX_TYPES])
    labels = " && ".join(
        [
            f"(!has({linux}.type) || {linux}.type in {types})",
            *(f"(!has({linux}.{key}) || {linux}.{key} == '')" for key in ("user", "role")),
        ]
    )
    host = f"!has({windows}.hostProcess) || {windows}.hostProcess == false"
    return " && ".join(
        [
            f"(!has({armor}) || {armor}.type in ['RuntimeDefault', 'Localhost'])",
            f"(!has({linux}) || ({labels}))",
            f"(!has({windows}) || {host})",
        ]
    )


def _resources() -> str:
    bounds = [
        f"has(c.resources.{bound}) && '{resource}' in c.resources.{bound} && "
        f"quantity(string(c.resources.{bound}['{resource}'])).isGreaterThan(quantity('0'))"
        for bound in ("requests", "limits")
        for resource in ("cpu", "memory")
    ]
    return " && ".join(["has(c.resources)", *bounds])


def _probes() -> str:
    return "has(c.livenessProbe) && has(c.readinessProbe) && c.livenessProbe != c.readinessProbe"


def _image(registries: Iterable[str]) -> str:
    hosts = "|".join(f"(?:{pattern})" for pattern in registries) or "$nothing"
    pattern = rf"^(?:{hosts})/[a-z0-9][a-z0-9._/-]*(?::[\w.-]+)?@sha256:[0-9a-f]{{64}}$"
    return _text(pattern)


def _token() -> str:
    account, mounts = "variables.pod.serviceAccountName", "variables.pod.automountServiceAccountToken"
    return f"has({mounts}) && {mounts} == false && has({account}) && !({account} in ['', 'default'])"
