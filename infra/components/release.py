"""How new versions of a service come into service: a Canary, which Flagger carries out."""

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from infra.naming import FIELD_MANAGER
from infra.rollout import objects
from services.readiness.contract import Contract

API = objects.GROUP


@dataclass(frozen=True, kw_only=True)
class ReleaseArgs:
    """What a release needs to know.

    Args:
        service: Name of the service and of its Deployment, which exists.
        namespace: Namespace of both.
        contract: What the service promised.
        route: Where requests come in.
        pace: How fast a release goes.
    """

    service: str
    namespace: pulumi.Input[str]
    contract: Contract
    route: objects.Route
    pace: objects.Pace


class Release(pulumi.ComponentResource):
    """A Canary, and the way of copies. Flagger makes stable Deployment, Services and route, and owns them."""

    hostname: pulumi.Output[str]
    """Host name at which the gateway answers for the service; known when the Canary is placed."""

    def __init__(self, name: str, args: ReleaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Place it."""
        super().__init__("plinth:release:Release", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        copies = kubernetes.core.v1.Service(
            f"{name}-shadow",
            metadata=kubernetes.meta.v1.ObjectMetaArgs(
                name=objects.shadow_name(args.service), namespace=args.namespace, annotations=FIELD_MANAGER
            ),
            spec=kubernetes.core.v1.ServiceSpecArgs(
                selector={"app.kubernetes.io/name": args.service},
                ports=[
                    kubernetes.core.v1.ServicePortArgs(name="http", port=objects.PORT, target_port="http")
                ],
            ),
            opts=child,
        )
        made = kubernetes.apiextensions.CustomResource(
            name,
            api_version=API,
            kind="Canary",
            metadata=kubernetes.meta.v1.ObjectMetaArgs(
                name=args.service, namespace=args.namespace, annotations=FIELD_MANAGER
            ),
            spec=pulumi.Output.from_input(args.namespace).apply(
                lambda namespace: objects.canary(
                    args.service, namespace, args.contract, args.route, args.pace
                )
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[copies]),
        )
        way: list[pulumi.Output[str]] = []
        if args.pace.variants:
            variant = kubernetes.apiextensions.CustomResource(
                f"{name}-variant",
                api_version=f"{objects.ROUTES}/v1",
                kind="HTTPRoute",
                metadata=kubernetes.meta.v1.ObjectMetaArgs(
                    name=f"{args.service}-variant", namespace=args.namespace, annotations=FIELD_MANAGER
                ),
                spec=objects.variant_route(args.service, args.route),
                opts=pulumi.ResourceOptions(parent=self, depends_on=[copies]),
            )
            way.append(variant.urn)
        self.hostname = pulumi.Output.all(made.urn, *way).apply(lambda _: args.route.hostname)
        self.register_outputs({"hostname": self.hostname})


@dataclass(frozen=True, kw_only=True)
class ReleaseChecksArgs:
    """What the checks need to know.

    Args:
        namespace: Namespace of the services.
    """

    namespace: pulumi.Input[str]


class ReleaseChecks(pulumi.ComponentResource):
    """The questions that Flagger asks Prometheus about every candidate; limits stand in each Canary."""

    count: pulumi.Output[int]
    """How many questions there are; known when all are placed."""

    def __init__(
        self, name: str, args: ReleaseChecksArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Place one metric template for each question."""
        super().__init__("plinth:release:ReleaseChecks", name, None, opts)
        placed = [
            kubernetes.apiextensions.CustomResource(
                f"{name}-{check}",
                api_version=API,
                kind="MetricTemplate",
                metadata=kubernetes.meta.v1.ObjectMetaArgs(
                    name=check, namespace=args.namespace, annotations=FIELD_MANAGER
                ),
                spec=spec,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for check, spec in objects.templates().items()
        ]
        self.count = pulumi.Output.all(*(one.urn for one in placed)).apply(len)
        self.register_outputs({"count": self.count})
