"""One thing that watches: its account, its rights, whom it reaches and who reaches it, and its pods."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as kubernetes

from infra.iam.cluster_rules import Rule
from infra.node_daemon import labels, metadata
from infra.watch_pods import WatchPod

POD_IDENTITY_AGENT = "169.254.170.23/32"
"""Where EKS Pod Identity gives a pod its credentials (EKS user guide)."""
_API = "rbac.authorization.k8s.io"
_V1 = kubernetes.rbac.v1
_NET = kubernetes.networking.v1


@dataclass(frozen=True, kw_only=True)
class Reach:
    """Whom pods may reach.

    Args:
        namespaces: Namespace to the ports that are asked there.
        cidrs: Networks in which the API server and the endpoints of AWS answer, asked on port 443.
        identity: Whether credentials of AWS are fetched.
    """

    namespaces: Mapping[str, Sequence[int]] = field(default_factory=dict)
    cidrs: Sequence[str] = ()
    identity: bool = False


@dataclass(frozen=True, kw_only=True)
class WatcherArgs:
    """What it needs to know.

    Args:
        namespace: Its namespace, restricted; made elsewhere.
        pod: Its pods.
        replicas: How many; 0 for one on each node.
        reach: Whom they may reach; names are always asked of the cluster's DNS.
        asked_from: Namespace from which its port is asked.
        rights: What it may see in the whole cluster.
        files: ConfigMaps of its own: name to files.
    """

    namespace: str
    pod: WatchPod
    replicas: int
    reach: Reach
    asked_from: str
    rights: Sequence[Rule] = ()
    files: Mapping[str, Mapping[str, pulumi.Input[str]]] = field(default_factory=dict)


class Watcher(pulumi.ComponentResource):
    """A watching program in the cluster."""

    service: pulumi.Output[str]
    """Name of its headless service; known when its pods are ready."""

    def __init__(self, name: str, args: WatcherArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Place account, rights, network policy and files, then the pods."""
        super().__init__("plinth:monitoring:Watcher", name, None, opts)
        self._name, self._args = name, args
        child = pulumi.ResourceOptions(parent=self)
        app = args.pod.name
        inside = metadata(app, args.namespace)
        before: list[pulumi.Resource] = [
            kubernetes.core.v1.ServiceAccount(
                f"{name}-account", metadata=inside, automount_service_account_token=False, opts=child
            ),
            _NET.NetworkPolicy(f"{name}-traffic", metadata=inside, spec=traffic(args), opts=child),
            *self._rights(child),
            *(
                kubernetes.core.v1.ConfigMap(
                    f"{name}-{one}", metadata=metadata(one, args.namespace), data=dict(files), opts=child
                )
                for one, files in sorted(args.files.items())
            ),
        ]
        service = kubernetes.core.v1.Service(
            f"{name}-service",
            metadata=metadata(app, args.namespace),
            spec=kubernetes.core.v1.ServiceSpecArgs(
                cluster_ip="None",
                selector=labels(app),
                ports=[kubernetes.core.v1.ServicePortArgs(name=args.pod.port_name, port=args.pod.port)],
            ),
            opts=child,
        )
        pods = self._pods(pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=before)))
        self.service = pulumi.Output.all(service.metadata.name, pods.urn).apply(lambda known: str(known[0]))
        self.register_outputs({"service": self.service})

    def _rights(self, child: pulumi.ResourceOptions) -> list[pulumi.Resource]:
        args, name = self._args, self._name
        if not args.rights:
            return []
        made = metadata(args.pod.name, "")
        wide = kubernetes.meta.v1.ObjectMetaArgs(
            name=f"plinth-{args.pod.name}", annotations=made.annotations, labels=made.labels
        )
        role = _V1.ClusterRole(
            f"{name}-role",
            metadata=wide,
            rules=[
                _V1.PolicyRuleArgs(
                    api_groups=[rule.group], resources=list(rule.resources), verbs=list(rule.verbs)
                )
                for rule in args.rights
            ],
            opts=child,
        )
        binding = _V1.ClusterRoleBinding(
            f"{name}-binding",
            metadata=wide,
            role_ref=_V1.RoleRefArgs(api_group=_API, kind="ClusterRole", name=role.metadata.name),
            subjects=[_V1.SubjectArgs(kind="ServiceAccount", name=args.pod.name, namespace=args.namespace)],
            opts=child,
        )
        return [role, binding]

    def _pods(self, opts: pulumi.ResourceOptions) -> pulumi.Resource:
        args, app = self._args, self._args.pod.name
        selector = kubernetes.meta.v1.LabelSelectorArgs(match_labels=labels(app))
        if args.replicas:
            kubernetes.policy.v1.PodDisruptionBudget(
                f"{self._name}-budget",
                metadata=metadata(app, args.namespace),
                spec=kubernetes.policy.v1.PodDisruptionBudgetSpecArgs(
                    min_available=args.replicas - 1, selector=selector
                ),
                opts=pulumi.ResourceOptions(parent=self),
            )
            return kubernetes.apps.v1.Deployment(
                self._name,
                metadata=metadata(app, args.namespace),
                spec=kubernetes.apps.v1.DeploymentSpecArgs(
                    replicas=args.replicas, selector=selector, template=args.pod.template()
                ),
                opts=opts,
            )
        return kubernetes.apps.v1.DaemonSet(
            self._name,
            metadata=metadata(app, args.namespace),
            spec=kubernetes.apps.v1.DaemonSetSpecArgs(selector=selector, template=args.pod.template()),
            opts=opts,
        )


def fingerprint(files: Mapping[str, str]) -> str:
    """Return a short digest of files, for an annotation that replaces pods when they change."""
    text = "\0".join(f"{name}\0{content}" for name, content in sorted(files.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def traffic(args: WatcherArgs) -> _NET.NetworkPolicySpecArgs:
    """Return who may ask it, and whom it may ask. Pure."""

    def of(namespace: str) -> _NET.NetworkPolicyPeerArgs:
        return _NET.NetworkPolicyPeerArgs(
            namespace_selector=kubernetes.meta.v1.LabelSelectorArgs(
                match_labels={"kubernetes.io/metadata.name": namespace}
            )
        )

    def block(cidr: str) -> _NET.NetworkPolicyPeerArgs:
        return _NET.NetworkPolicyPeerArgs(ip_block=_NET.IPBlockArgs(cidr=cidr))

    def on(*ports: int, protocols: Sequence[str] = ("TCP",)) -> list[_NET.NetworkPolicyPortArgs]:
        return [_NET.NetworkPolicyPortArgs(port=port, protocol=p) for port in ports for p in protocols]

    egress = _NET.NetworkPolicyEgressRuleArgs
    out = [
        egress(to=[of(namespace)], ports=on(*ports))
        for namespace, ports in sorted(args.reach.namespaces.items())
    ]
    out += [egress(to=[block(cidr)], ports=on(443)) for cidr in args.reach.cidrs]
    if args.reach.identity:
        out.append(egress(to=[block(POD_IDENTITY_AGENT)], ports=on(80)))
    out.append(egress(to=[of("kube-system")], ports=on(53, protocols=("UDP", "TCP"))))
    return _NET.NetworkPolicySpecArgs(
        pod_selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=labels(args.pod.name)),
        policy_types=["Ingress", "Egress"],
        ingress=[
            _NET.NetworkPolicyIngressRuleArgs(
                from_=[of(args.asked_from)], ports=on(args.pod.port, *args.pod.more_ports.values())
            )
        ],
        egress=out,
    )
