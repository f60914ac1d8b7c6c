"""What the pods of a service may reach, and who may reach them."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_kubernetes as kubernetes

POD_IDENTITY_AGENT = "169.254.170.23/32"
"""Where EKS Pod Identity gives a pod its credentials (EKS user guide)."""


def traffic(
    labels: Mapping[str, str], *, port: int, sources: Sequence[pulumi.Input[str]]
) -> kubernetes.networking.v1.NetworkPolicySpecArgs:
    """Allow what comes from the gateway's and the scrapers' namespace; out, only the way to AWS.

    A policy cannot name an AWS service: the subnets have no way to the internet, so what can be reached on
    port 443 are the endpoints of the VPC. The agent of Pod Identity answers at a link-local address.

    Args:
        labels: Of the service's pods.
        port: On which they answer.
        sources: Namespaces from which they may be asked.
    """
    return kubernetes.networking.v1.NetworkPolicySpecArgs(
        pod_selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=dict(labels)),
        policy_types=["Ingress", "Egress"],
        ingress=[
            kubernetes.networking.v1.NetworkPolicyIngressRuleArgs(
                # Metrics lie on the same port; whoever fetches them has no token, and so gets no decision.
                from_=[
                    kubernetes.networking.v1.NetworkPolicyPeerArgs(
                        namespace_selector=kubernetes.meta.v1.LabelSelectorArgs(
                            match_labels={"kubernetes.io/metadata.name": namespace}
                        )
                    )
                    for namespace in sources
                ],
                ports=[kubernetes.networking.v1.NetworkPolicyPortArgs(port=port, protocol="TCP")],
            )
        ],
        egress=[
            _to("0.0.0.0/0", 443, "TCP"),
            _to(POD_IDENTITY_AGENT, 80, "TCP"),
            kubernetes.networking.v1.NetworkPolicyEgressRuleArgs(
                to=[
                    kubernetes.networking.v1.NetworkPolicyPeerArgs(
                        namespace_selector=kubernetes.meta.v1.LabelSelectorArgs(
                            match_labels={"kubernetes.io/metadata.name": "kube-system"}
                        )
                    )
                ],
                ports=[
                    kubernetes.networking.v1.NetworkPolicyPortArgs(port=53, protocol=protocol)
                    for protocol in ("UDP", "TCP")
                ],
            ),
        ],
    )


def _to(cidr: str, port: int, protocol: str) -> kubernetes.networking.v1.NetworkPolicyEgressRuleArgs:
    return kubernetes.networking.v1.NetworkPolicyEgressRuleArgs(
        to=[
            kubernetes.networking.v1.NetworkPolicyPeerArgs(
                ip_block=kubernetes.networking.v1.IPBlockArgs(cidr=cidr)
            )
        ],
        ports=[kubernetes.networking.v1.NetworkPolicyPortArgs(port=port, protocol=protocol)],
    )
