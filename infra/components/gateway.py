"""The door: one Gateway through which every request to a service comes."""

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from infra.naming import FIELD_MANAGER

HTTP_PORT = 80
"""Port of the listener inside the cluster. Locally the proxy listens on a free loopback port instead."""


@dataclass(frozen=True, kw_only=True)
class GatewayArgs:
    """What the gateway needs to know.

    Args:
        namespace: Namespace in which it stands.
        domain: Services answer at ``<service>.<domain>``.
        controller: Gateway API controller that serves its class.
    """

    namespace: pulumi.Input[str]
    domain: str
    controller: str


class Gateway(pulumi.ComponentResource):
    """A gateway class and one gateway that accepts routes from service namespaces only."""

    name: pulumi.Output[str]
    """Name of the gateway, for the parents of routes."""

    def __init__(self, name: str, args: GatewayArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Place the class and the gateway."""
        super().__init__("plinth:platform:Gateway", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        gateway_class = kubernetes.apiextensions.CustomResource(
            f"{name}-class",
            api_version="gateway.networking.k8s.io/v1",
            kind="GatewayClass",
            metadata=kubernetes.meta.v1.ObjectMetaArgs(name="plinth", annotations=FIELD_MANAGER),
            spec={"controllerName": args.controller},
            opts=child,
        )
        gateway = kubernetes.apiextensions.CustomResource(
            name,
            api_version="gateway.networking.k8s.io/v1",
            kind="Gateway",
            metadata=kubernetes.meta.v1.ObjectMetaArgs(
                name="plinth", namespace=args.namespace, annotations=FIELD_MANAGER
            ),
            spec={
                "gatewayClassName": "plinth",
                "listeners": [
                    {
                        "name": "http",
                        "protocol": "HTTP",
                        "port": HTTP_PORT,
                        "hostname": f"*.{args.domain}",
                        "allowedRoutes": {
                            "namespaces": {
                                "from": "Selector",
                                "selector": {"matchLabels": {"plinth.dev/routes": "allowed"}},
                            }
                        },
                    }
                ],
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[gateway_class]),
        )
        self.name = gateway.urn.apply(lambda _: "plinth")
        self.register_outputs({"name": self.name})
