"""What each duty may do inside the cluster, as RBAC rules. Pure.

RBAC only adds up: there is no rule that takes something away. So nobody here gets ``*`` in the core group,
where secrets and ways into running pods are; what is allowed there is listed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

AUDITORS, BREAK_GLASS = "plinth-auditors", "plinth-break-glass"
DEPLOYERS, OPERATORS = "plinth-deployers", "plinth-operators"

SEE = ("get", "list", "watch")
MAKE = ("create", "delete", "patch", "update")
RBAC, _GATEWAY = "rbac.authorization.k8s.io", "gateway.networking.k8s.io"
_NO_SECRETS = (
    "bindings", "configmaps", "endpoints", "events", "limitranges", "namespaces", "nodes",
    "persistentvolumeclaims", "persistentvolumes", "pods", "pods/log", "pods/status",
    "replicationcontrollers", "resourcequotas", "serviceaccounts", "services",
)  # fmt: skip
"""The core group without secrets, and without what enters a pod (exec, attach, port-forward, proxy)."""
_GROUPS = (
    "admissionregistration.k8s.io", "apiextensions.k8s.io", "apps", "autoscaling", "batch",
    "coordination.k8s.io", "discovery.k8s.io", "events.k8s.io", "flagger.app", _GATEWAY,
    "metrics.k8s.io", "networking.k8s.io", "node.k8s.io", "policy", RBAC, "scheduling.k8s.io",
    "storage.k8s.io",
)  # fmt: skip
"""API groups of what this program and its controllers make; none of them holds a secret."""
_WORKLOADS = ("daemonsets", "deployments", "replicasets", "statefulsets")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One RBAC rule.

    Args:
        group: API group; empty for the core.
        resources: Kinds in plural, with a sub-resource after a slash.
        verbs: What may be done with them.
    """

    group: str
    resources: Sequence[str]
    verbs: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class ClusterDuty:
    """What one group may do.

    Args:
        group: Name of the group; access entries put IAM roles into it.
        everywhere: Rules for the whole cluster.
        at_work: Rules for the namespaces in which services run, and nowhere else.
        loud: Whether each use is an event that somebody is told of.
    """

    group: str
    everywhere: Sequence[Rule]
    at_work: Sequence[Rule] = ()
    loud: bool = False


def duties() -> list[ClusterDuty]:
    """Return the duties in the cluster, by name of their group."""
    return [auditors(), break_glass(), deployers(), operators()]


def auditors() -> ClusterDuty:
    """See everything but secrets, change nothing."""
    return ClusterDuty(
        group=AUDITORS,
        everywhere=[
            Rule(group="", resources=_NO_SECRETS, verbs=SEE),
            *(Rule(group=group, resources=["*"], verbs=SEE) for group in _GROUPS),
        ],
    )


def operators() -> ClusterDuty:
    """Keep it running: see workloads, restart and scale them, empty nodes; make nothing, enter nothing."""
    return ClusterDuty(
        group=OPERATORS,
        everywhere=[
            Rule(
                group="",
                resources=[
                    "endpoints", "events", "limitranges", "namespaces", "nodes", "pods", "pods/log",
                    "resourcequotas", "services",
                ],
                verbs=SEE,
            ),
            Rule(group="apps", resources=_WORKLOADS, verbs=SEE),
            Rule(group="autoscaling", resources=["horizontalpodautoscalers"], verbs=SEE),
            Rule(group="batch", resources=["cronjobs", "jobs"], verbs=SEE),
            Rule(group="events.k8s.io", resources=["events"], verbs=SEE),
            Rule(group="flagger.app", resources=["canaries"], verbs=SEE),
            Rule(group=_GATEWAY, resources=["gateways", "httproutes"], verbs=SEE),
            Rule(group="metrics.k8s.io", resources=["nodes", "pods"], verbs=["get", "list"]),
            Rule(group="networking.k8s.io", resources=["networkpolicies"], verbs=SEE),
            Rule(group="policy", resources=["poddisruptionbudgets"], verbs=SEE),
            # Cordon and drain; an eviction keeps to disruption budgets, a deletion would not.
            Rule(group="", resources=["nodes"], verbs=["patch"]),
            Rule(group="", resources=["pods/eviction"], verbs=["create"]),
        ],
        at_work=[
            Rule(group="apps", resources=["deployments/scale"], verbs=["get", "patch", "update"]),
            Rule(group="", resources=["pods"], verbs=["delete"]),
        ],
    )  # fmt: skip


def deployers() -> ClusterDuty:
    """Change services and what stands around them; not who may do what, nor what admission refuses."""
    return ClusterDuty(
        group=DEPLOYERS,
        everywhere=[
            Rule(group="", resources=["namespaces", "nodes"], verbs=SEE),
            Rule(group="admissionregistration.k8s.io", resources=["*"], verbs=SEE),
            Rule(group=_GATEWAY, resources=["gatewayclasses"], verbs=SEE),
            Rule(group=RBAC, resources=["*"], verbs=SEE),
            Rule(group="scheduling.k8s.io", resources=["priorityclasses"], verbs=SEE),
        ],
        at_work=[
            Rule(
                group="",
                resources=["configmaps", "limitranges", "resourcequotas", "serviceaccounts", "services"],
                verbs=[*SEE, *MAKE],
            ),
            Rule(group="", resources=["endpoints", "events", "pods", "pods/log"], verbs=SEE),
            Rule(group="apps", resources=["deployments"], verbs=[*SEE, *MAKE]),
            Rule(group="apps", resources=["replicasets"], verbs=SEE),
            Rule(group="autoscaling", resources=["horizontalpodautoscalers"], verbs=[*SEE, *MAKE]),
            Rule(group="discovery.k8s.io", resources=["endpointslices"], verbs=SEE),
            Rule(
                group="flagger.app",
                resources=["alertproviders", "canaries", "metrictemplates"],
                verbs=[*SEE, *MAKE],
            ),
            Rule(
                group="gateway.networking.k8s.io", resources=["gateways", "httproutes"], verbs=[*SEE, *MAKE]
            ),
            Rule(group="networking.k8s.io", resources=["networkpolicies"], verbs=[*SEE, *MAKE]),
            Rule(group="policy", resources=["poddisruptionbudgets"], verbs=[*SEE, *MAKE]),
        ],
    )


def break_glass() -> ClusterDuty:
    """Repair anything in an emergency; read no secret, give nobody rights that this group lacks.

    Whoever may start pods can mount a secret into one: that is loud, not impossible.
    """
    return ClusterDuty(
        group=BREAK_GLASS,
        loud=True,
        everywhere=[
            Rule(group="", resources=_NO_SECRETS, verbs=[*SEE, *MAKE]),
            Rule(group="", resources=["pods/ephemeralcontainers", "pods/eviction", "pods/exec"], verbs=MAKE),
            *(Rule(group=group, resources=["*"], verbs=[*SEE, *MAKE]) for group in _GROUPS if group != RBAC),
            # Without `bind` and `escalate` the API server itself refuses rights that the writer lacks.
            Rule(
                group=RBAC,
                resources=["clusterrolebindings", "clusterroles", "rolebindings", "roles"],
                verbs=[*SEE, *MAKE],
            ),
        ],
    )
