"""A pod as the checks see it, whatever kind of resource it is written in."""

from dataclasses import dataclass, replace

from policies.core import At, Resource

_TEMPLATES: dict[str, tuple[str, ...]] = {
    "kubernetes:core:Pod": (),
    "kubernetes:core:PodTemplate": ("template",),
    "kubernetes:core:ReplicationController": ("spec", "template"),
    "kubernetes:apps:Deployment": ("spec", "template"),
    "kubernetes:apps:StatefulSet": ("spec", "template"),
    "kubernetes:apps:DaemonSet": ("spec", "template"),
    "kubernetes:apps:ReplicaSet": ("spec", "template"),
    "kubernetes:batch:Job": ("spec", "template"),
    "kubernetes:batch:CronJob": ("spec", "jobTemplate", "spec", "template"),
    "kubernetes:argoproj.io:Rollout": ("spec", "template"),
    "kubernetes:serving.knative.dev:Configuration": ("spec", "template"),
    "kubernetes:serving.knative.dev:Service": ("spec", "template"),
}
"""Where each kind keeps its pod."""
_FINITE = frozenset({"kubernetes:batch:Job", "kubernetes:batch:CronJob"})
_OPAQUE = ("kubernetes:helm.sh/", "kubernetes:helm.sh:")
_GENERIC = (("spec", "template"), ("spec", "jobTemplate", "spec", "template"))
"""Where other custom kinds keep their pod, by convention."""


@dataclass(frozen=True)
class Container:
    """One container.

    Args:
        at: Its place.
        role: ``main``, ``init``, ``sidecar`` (an init container that keeps running) or ``ephemeral``.
    """

    at: At
    role: str


@dataclass(frozen=True)
class Pod:
    """A pod's specification.

    Args:
        metadata: Metadata of the pod, with its annotations.
        spec: The specification.
        containers: All containers of all roles.
        finite: It ends by itself, so nothing waits for it to be ready.
        hidden: Why the pod cannot be read at all; None when it can.
        owner: The resource that describes it.
    """

    metadata: At
    spec: At
    containers: tuple[Container, ...]
    finite: bool
    hidden: str | None = None
    owner: Resource | None = None

    def either(self, container: Container, *keys: str) -> At:
        """Return a security setting that a container inherits from its pod when it has none of its own."""
        own = container.at.at("securityContext", *keys)
        return own if not own.absent else self.spec.at("securityContext", *keys)


def pod_view(resource: Resource) -> Pod | None:
    """Return the pod that a resource describes; None when it describes none."""
    kind = resource.kind
    if kind.startswith(_OPAQUE) and kind.endswith(":Release"):
        return _hidden(
            resource, "is installed by the provider out of sight; render the chart (helm.sh/v4 Chart)"
        )
    for suffix, reason in (
        ("Patch", "is only a part of an object; own the whole object instead"),
        ("List", "is a list of objects; give each its own resource"),
    ):
        if kind.endswith(suffix) and kind.removesuffix(suffix) in _TEMPLATES:
            return _hidden(resource, reason)
    path = _TEMPLATES.get(kind)
    if path is None:
        path = next((path for path in _GENERIC if _may_hold_pod(resource, path)), None)
        if path is None:
            return None
    return replace(_pod(resource.at(*path), finite=kind in _FINITE), owner=resource)


def _may_hold_pod(resource: Resource, path: tuple[str, ...]) -> bool:
    """Whether a custom kind has a template of a pod, or one that cannot be read."""
    containers = resource.at(*path, "spec", "containers")
    return containers.known or (containers.unknown and bool(resource.at("spec").keys()))


def _hidden(resource: Resource, reason: str) -> Pod:
    nothing = resource.at()
    return Pod(metadata=nothing, spec=nothing, containers=(), finite=True, hidden=reason)


def _pod(template: At, *, finite: bool) -> Pod:
    spec = template.at("spec")
    containers = [Container(item, "main") for item in spec.at("containers").each()]
    containers += [
        Container(item, "sidecar" if item.at("restartPolicy").value == "Always" else "init")
        for item in spec.at("initContainers").each()
    ]
    containers += [Container(item, "ephemeral") for item in spec.at("ephemeralContainers").each()]
    return Pod(
        metadata=template.at("metadata"),
        spec=spec,
        containers=tuple(containers),
        finite=finite or spec.at("restartPolicy").value in ("Never", "OnFailure"),
    )
