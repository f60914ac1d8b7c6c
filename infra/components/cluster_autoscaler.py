"""What adds nodes when pods wait for one, and takes away those that nobody needs: the Cluster Autoscaler."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from infra.autoscaler_pod import METRICS_PORT, NAME, pod
from infra.iam.cluster_rules import SEE, Rule
from infra.node_daemon import labels, metadata

REPLICAS = 2
"""One works; the other takes over when the lease of the first runs out."""
POD_IDENTITY_AGENT = "169.254.170.23/32"
"""Where EKS Pod Identity gives a pod its credentials (EKS user guide)."""
STATUS = "cluster-autoscaler-status"
"""ConfigMap in which it says what it sees."""
_API = "rbac.authorization.k8s.io"
_V1 = kubernetes.rbac.v1

EVERYWHERE = (
    # What would run where, if there were one more node: the scheduler's own question, for reading only.
    Rule(
        group="",
        resources=[
            "namespaces", "nodes", "persistentvolumeclaims", "persistentvolumes", "pods", "podtemplates",
            "replicationcontrollers", "services",
        ],
        verbs=SEE,
    ),
    Rule(group="apps", resources=["daemonsets", "replicasets", "statefulsets"], verbs=SEE),
    Rule(group="batch", resources=["jobs"], verbs=SEE),
    Rule(group="policy", resources=["poddisruptionbudgets"], verbs=SEE),
    Rule(
        group="resource.k8s.io", resources=["deviceclasses", "resourceclaims", "resourceslices"], verbs=SEE
    ),
    Rule(
        group="storage.k8s.io",
        resources=[
            "csidrivers", "csinodes", "csistoragecapacities", "storageclasses", "volumeattachments",
        ],
        verbs=SEE,
    ),
    # A node that goes is tainted first, and its pods are evicted, which keeps to disruption budgets.
    Rule(group="", resources=["nodes"], verbs=["update"]),
    Rule(group="", resources=["pods/eviction"], verbs=["create"]),
    Rule(group="", resources=["pods/status"], verbs=["update"]),
    Rule(group="", resources=["events"], verbs=["create", "patch"]),
)  # fmt: skip
"""What it may do in the whole cluster."""


@dataclass(frozen=True, kw_only=True)
class ClusterAutoscalerArgs:
    """What the autoscaler needs to know.

    Args:
        namespace: Its namespace, restricted; made elsewhere.
        cluster: Name of the EKS cluster; by it the autoscaler finds its node groups.
        region: Region of the cluster.
        image: Cluster Autoscaler of the cluster's Kubernetes version, by digest.
        most_nodes: Nodes that all pools may have together.
        api_cidrs: Networks in which the API server and the endpoints of AWS answer.
        scraped_from: Namespace from which metrics are fetched.
    """

    namespace: str
    cluster: str
    region: str
    image: str
    most_nodes: int
    api_cidrs: Sequence[str]
    scraped_from: str


class ClusterAutoscaler(pulumi.ComponentResource):
    """The autoscaler, what it may do in the cluster, and whom it reaches. In AWS its role decides."""

    name: pulumi.Output[str]
    """Name of the Deployment; known when it is ready."""

    def __init__(
        self, name: str, args: ClusterAutoscalerArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Place account, rights, network policy, disruption budget, and then the pods."""
        super().__init__("plinth:platform:ClusterAutoscaler", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        inside = metadata(NAME, args.namespace)
        account = kubernetes.core.v1.ServiceAccount(
            f"{name}-account", metadata=inside, automount_service_account_token=False, opts=child
        )
        subjects = [_V1.SubjectArgs(kind="ServiceAccount", name=NAME, namespace=args.namespace)]
        whole = _V1.ClusterRole(
            f"{name}-role",
            metadata=_cluster_wide(),
            rules=[_rule(rule) for rule in EVERYWHERE],
            opts=child,
        )
        own = _V1.Role(f"{name}-own-role", metadata=inside, rules=_own_rules(), opts=child)
        able = [
            _V1.ClusterRoleBinding(
                f"{name}-binding",
                metadata=_cluster_wide(),
                role_ref=_V1.RoleRefArgs(api_group=_API, kind="ClusterRole", name=whole.metadata.name),
                subjects=subjects,
                opts=child,
            ),
            _V1.RoleBinding(
                f"{name}-own-binding",
                metadata=inside,
                role_ref=_V1.RoleRefArgs(api_group=_API, kind="Role", name=own.metadata.name),
                subjects=subjects,
                opts=child,
            ),
            kubernetes.networking.v1.NetworkPolicy(
                f"{name}-traffic", metadata=inside, spec=_traffic(args), opts=child
            ),
            kubernetes.policy.v1.PodDisruptionBudget(
                f"{name}-budget",
                metadata=inside,
                spec=kubernetes.policy.v1.PodDisruptionBudgetSpecArgs(
                    min_available=REPLICAS - 1,
                    selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=labels(NAME)),
                ),
                opts=child,
            ),
        ]
        deployment = kubernetes.apps.v1.Deployment(
            name,
            metadata=inside,
            spec=kubernetes.apps.v1.DeploymentSpecArgs(
                replicas=REPLICAS,
                selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=labels(NAME)),
                template=kubernetes.core.v1.PodTemplateSpecArgs(
                    metadata=kubernetes.meta.v1.ObjectMetaArgs(labels=labels(NAME)),
                    spec=pod(
                        namespace=args.namespace,
                        cluster=args.cluster,
                        region=args.region,
                        image=args.image,
                        most_nodes=args.most_nodes,
                    ),
                ),
            ),
            opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[account, *able])),
        )
        self.name = deployment.metadata.name.apply(str)
        self.register_outputs({"name": self.name})


def _rule(rule: Rule) -> _V1.PolicyRuleArgs:
    return _V1.PolicyRuleArgs(api_groups=[rule.group], resources=list(rule.resources), verbs=list(rule.verbs))


def _own_rules() -> list[_V1.PolicyRuleArgs]:
    """Return what it may do in its own namespace: its lease and its status. A creation has no name yet."""
    named = {
        "leases": ("coordination.k8s.io", NAME, ["get", "update"]),
        "configmaps": ("", STATUS, ["delete", "get", "update"]),
    }
    return [
        *(
            _V1.PolicyRuleArgs(api_groups=[group], resources=[kind], resource_names=[one], verbs=verbs)
            for kind, (group, one, verbs) in named.items()
        ),
        _V1.PolicyRuleArgs(api_groups=["coordination.k8s.io"], resources=["leases"], verbs=["create"]),
        _V1.PolicyRuleArgs(api_groups=[""], resources=["configmaps"], verbs=["create", "list", "watch"]),
    ]


def _cluster_wide() -> kubernetes.meta.v1.ObjectMetaArgs:
    made = metadata(NAME, "")
    return kubernetes.meta.v1.ObjectMetaArgs(
        name=f"plinth-{NAME}", annotations=made.annotations, labels=made.labels
    )


def _traffic(args: ClusterAutoscalerArgs) -> kubernetes.networking.v1.NetworkPolicySpecArgs:
    """Let metrics be fetched; out, only to the API server, AWS's endpoints, the identity agent and DNS."""

    def namespace(name: str) -> kubernetes.networking.v1.NetworkPolicyPeerArgs:
        return kubernetes.networking.v1.NetworkPolicyPeerArgs(
            namespace_selector=kubernetes.meta.v1.LabelSelectorArgs(
                match_labels={"kubernetes.io/metadata.name": name}
            )
        )

    def ports(port: int, *protocols: str) -> list[kubernetes.networking.v1.NetworkPolicyPortArgs]:
        return [kubernetes.networking.v1.NetworkPolicyPortArgs(port=port, protocol=p) for p in protocols]

    def block(cidr: str) -> kubernetes.networking.v1.NetworkPolicyPeerArgs:
        return kubernetes.networking.v1.NetworkPolicyPeerArgs(
            ip_block=kubernetes.networking.v1.IPBlockArgs(cidr=cidr)
        )

    egress = kubernetes.networking.v1.NetworkPolicyEgressRuleArgs
    return kubernetes.networking.v1.NetworkPolicySpecArgs(
        pod_selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=labels(NAME)),
        policy_types=["Ingress", "Egress"],
        ingress=[
            kubernetes.networking.v1.NetworkPolicyIngressRuleArgs(
                from_=[namespace(args.scraped_from)], ports=ports(METRICS_PORT, "TCP")
            )
        ],
        egress=[
            egress(to=[block(cidr) for cidr in args.api_cidrs], ports=ports(443, "TCP")),
            egress(to=[block(POD_IDENTITY_AGENT)], ports=ports(80, "TCP")),
            egress(to=[namespace("kube-system")], ports=ports(53, "UDP", "TCP")),
        ],
    )
