"""A namespace in which nothing is allowed until somebody says so."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pulumi
import pulumi_kubernetes as kubernetes

from infra.naming import FIELD_MANAGER

POD_SECURITY_VERSION = "v1.36"
"""Version of the Pod Security Standards that is enforced; pinned, so an upgrade changes it knowingly."""


@dataclass(frozen=True, kw_only=True)
class RestrictedNamespaceArgs:
    """What a namespace needs to know.

    Args:
        namespace_name: Its name in the cluster.
        pods: Most pods.
        cpu_cores: Most CPU that its pods may ask for together.
        memory_gib: Most memory that its pods may ask for together.
        labels: Labels beside those of pod security, such as the one that lets routes in.
        level: Pod Security level that is enforced. Anything but ``restricted`` must stand in
            ``policies/exemptions.yaml`` with its reason; warnings and audit stay at ``restricted``, so that
            each pod below it is said aloud.
    """

    namespace_name: str
    pods: int
    cpu_cores: int
    memory_gib: int
    labels: Mapping[str, str] = field(default_factory=dict)
    level: Literal["restricted", "privileged"] = "restricted"


class RestrictedNamespace(pulumi.ComponentResource):
    """A namespace with restricted pod security, traffic denied by default, quota and limits."""

    name: pulumi.Output[str]
    """Name of the namespace; known only when its guards stand, so that what waits for it is guarded."""

    def __init__(
        self, name: str, args: RestrictedNamespaceArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Place the namespace and its guards."""
        super().__init__("plinth:platform:RestrictedNamespace", name, None, opts)
        namespace = kubernetes.core.v1.Namespace(
            name,
            metadata=kubernetes.meta.v1.ObjectMetaArgs(
                name=args.namespace_name,
                annotations=FIELD_MANAGER,
                labels=dict(args.labels)
                | {
                    "pod-security.kubernetes.io/enforce": args.level,
                    "pod-security.kubernetes.io/audit": "restricted",
                    "pod-security.kubernetes.io/warn": "restricted",
                }
                | {
                    f"pod-security.kubernetes.io/{mode}-version": POD_SECURITY_VERSION
                    for mode in ("enforce", "audit", "warn")
                },
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        inside = namespace.metadata.name

        def metadata(role: str) -> kubernetes.meta.v1.ObjectMetaArgs:
            return kubernetes.meta.v1.ObjectMetaArgs(name=role, namespace=inside, annotations=FIELD_MANAGER)

        child = pulumi.ResourceOptions(parent=self)
        guards: list[pulumi.Resource] = [
            kubernetes.networking.v1.NetworkPolicy(
                f"{name}-default-deny",
                metadata=metadata("default-deny"),
                spec=kubernetes.networking.v1.NetworkPolicySpecArgs(
                    pod_selector=kubernetes.meta.v1.LabelSelectorArgs(),
                    policy_types=["Ingress", "Egress"],
                ),
                opts=child,
            ),
            kubernetes.core.v1.ResourceQuota(
                f"{name}-quota",
                metadata=metadata("quota"),
                spec=kubernetes.core.v1.ResourceQuotaSpecArgs(
                    hard={
                        "pods": str(args.pods),
                        "requests.cpu": str(args.cpu_cores),
                        "requests.memory": f"{args.memory_gib}Gi",
                        "limits.memory": f"{args.memory_gib}Gi",
                        "services.loadbalancers": "0",
                        "services.nodeports": "0",
                    }
                ),
                opts=child,
            ),
            kubernetes.core.v1.LimitRange(
                f"{name}-limits",
                metadata=metadata("limits"),
                spec=kubernetes.core.v1.LimitRangeSpecArgs(
                    limits=[
                        kubernetes.core.v1.LimitRangeItemArgs(
                            type="Container",
                            default={"cpu": "1", "memory": "512Mi"},
                            default_request={"cpu": "100m", "memory": "256Mi"},
                        )
                    ]
                ),
                opts=child,
            ),
        ]
        self.name = pulumi.Output.all(inside, *(guard.urn for guard in guards)).apply(
            lambda known: str(known[0])
        )
        self.register_outputs({"name": self.name})
