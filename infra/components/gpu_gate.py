"""Who may use GPUs in the cluster: one namespace, one group, a quota; admission refuses all others."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from infra.naming import FIELD_MANAGER

RESOURCE = "nvidia.com/gpu"
SERVICE_ACCOUNT = "gpu-workload"
"""Service account of every GPU pod; Pod Identity gives it its role."""
COST_LABEL = "plinth.dev/cost-centre"
"""Label of every GPU pod that says who pays."""
EXEMPT = ("kube-system", "gpu-system")
"""Namespaces of what runs on every node, GPU nodes too, without a GPU of its own."""
PRIORITY = 1000
"""Above 0, which all other pods have, so that training is not put off by what asks for no GPU."""

_CONTAINERS = "object.spec.containers + (has(object.spec.initContainers) ? object.spec.initContainers : [])"
_ASKS = (
    "variables.containers.exists(c, has(c.resources) && ("
    "(has(c.resources.limits) && c.resources.limits.exists(name, name.startsWith('nvidia.com/'))) || "
    "(has(c.resources.requests) && c.resources.requests.exists(name, name.startsWith('nvidia.com/')))))"
)
_TOLERATIONS = "has(object.spec.tolerations) ? object.spec.tolerations : []"
_NAMED = f"variables.tolerations.exists(t, has(t.key) && t.key == '{RESOURCE}')"
_ANY = "variables.tolerations.exists(t, !has(t.key) || t.key == '')"
_ACCOUNT = f"(has(object.spec.serviceAccountName) && object.spec.serviceAccountName == '{SERVICE_ACCOUNT}')"
_COSTED = (
    f"(has(object.metadata.labels) && '{COST_LABEL}' in object.metadata.labels && "
    f"object.metadata.labels['{COST_LABEL}'] != '')"
)


@dataclass(frozen=True, kw_only=True)
class GpuGateArgs:
    """What the gate needs to know.

    Args:
        namespace: The one namespace in which pods may ask for GPUs; made elsewhere, restricted.
        namespace_name: Its name, as the admission policy compares it.
        group: Kubernetes group that may create there.
        quotas: Resource name, such as ``nvidia.com/gpu``, to the units that all its pods may ask for.
    """

    namespace: pulumi.Input[str]
    namespace_name: str
    group: str
    quotas: Mapping[str, int]


class GpuGate(pulumi.ComponentResource):
    """The second and the third gate: RBAC for one group, and admission for everybody."""

    policy_name: pulumi.Output[str]
    """Name of the admission policy; known when it is in force."""

    def __init__(self, name: str, args: GpuGateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Place quota, priority, account, role and admission."""
        super().__init__("plinth:platform:GpuGate", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        kubernetes.core.v1.ResourceQuota(
            f"{name}-quota",
            metadata=kubernetes.meta.v1.ObjectMetaArgs(
                name="gpu", namespace=args.namespace, annotations=FIELD_MANAGER
            ),
            spec=kubernetes.core.v1.ResourceQuotaSpecArgs(
                hard={f"requests.{resource}": str(units) for resource, units in sorted(args.quotas.items())}
            ),
            opts=child,
        )
        kubernetes.scheduling.v1.PriorityClass(
            f"{name}-priority",
            metadata=kubernetes.meta.v1.ObjectMetaArgs(name="plinth-gpu", annotations=FIELD_MANAGER),
            value=PRIORITY,
            preemption_policy="Never",  # a training run that was begun is not thrown away for another
            description="Pods that use a GPU.",
            opts=child,
        )
        kubernetes.core.v1.ServiceAccount(
            f"{name}-account",
            metadata=kubernetes.meta.v1.ObjectMetaArgs(
                name=SERVICE_ACCOUNT, namespace=args.namespace, annotations=FIELD_MANAGER
            ),
            automount_service_account_token=False,
            opts=child,
        )
        self._let_the_group_in(name, args)
        self.policy_name = self._refuse_the_rest(name, args)
        self.register_outputs({"policy_name": self.policy_name})

    def _let_the_group_in(self, name: str, args: GpuGateArgs) -> None:
        """Let the named group start and watch pods and jobs; not enter them, nor read secrets."""
        role = kubernetes.rbac.v1.Role(
            f"{name}-role",
            metadata=kubernetes.meta.v1.ObjectMetaArgs(
                name="gpu-users", namespace=args.namespace, annotations=FIELD_MANAGER
            ),
            rules=[
                kubernetes.rbac.v1.PolicyRuleArgs(
                    api_groups=[group],
                    resources=resources,
                    verbs=["create", "delete", "get", "list", "watch"],
                )
                for group, resources in (("", ["pods"]), ("batch", ["jobs"]))
            ]
            + [
                kubernetes.rbac.v1.PolicyRuleArgs(
                    api_groups=[""],
                    resources=["events", "pods/log", "resourcequotas"],
                    verbs=["get", "list", "watch"],
                )
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
        kubernetes.rbac.v1.RoleBinding(
            f"{name}-binding",
            metadata=kubernetes.meta.v1.ObjectMetaArgs(
                name="gpu-users", namespace=args.namespace, annotations=FIELD_MANAGER
            ),
            role_ref=kubernetes.rbac.v1.RoleRefArgs(
                api_group="rbac.authorization.k8s.io", kind="Role", name=role.metadata.name
            ),
            subjects=[
                kubernetes.rbac.v1.SubjectArgs(
                    api_group="rbac.authorization.k8s.io", kind="Group", name=args.group
                )
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _refuse_the_rest(self, name: str, args: GpuGateArgs) -> pulumi.Output[str]:
        """Refuse GPUs outside the namespace, GPU pods that lack what they need, and who merely tolerates."""
        here = f"request.namespace == '{args.namespace_name}'"
        exempt = f"request.namespace in [{', '.join(repr(space) for space in EXEMPT)}]"
        rules = (
            (
                f"!variables.asks || {here}",
                f"GPUs are for namespace {args.namespace_name}; ask for access to group {args.group}",
            ),
            (
                f"!variables.asks || {_NAMED}",
                f"a GPU pod needs a toleration of {RESOURCE}, or it can never be scheduled",
            ),
            (
                f"!variables.asks || {_ACCOUNT}",
                f"a GPU pod runs as service account {SERVICE_ACCOUNT}",
            ),
            (
                f"!variables.asks || {_COSTED}",
                f"a GPU pod needs the label {COST_LABEL}, so that its cost has an owner",
            ),
            (
                f"variables.asks || {exempt} || !({_NAMED} || {_ANY})",
                f"a pod without a GPU must not tolerate {RESOURCE}: it would fill a GPU node",
            ),
        )
        v1 = kubernetes.admissionregistration.v1
        policy = v1.ValidatingAdmissionPolicy(
            f"{name}-policy",
            metadata=kubernetes.meta.v1.ObjectMetaArgs(name="plinth-gpu", annotations=FIELD_MANAGER),
            spec=v1.ValidatingAdmissionPolicySpecArgs(
                failure_policy="Fail",
                match_constraints=v1.MatchResourcesArgs(
                    resource_rules=[
                        v1.NamedRuleWithOperationsArgs(
                            api_groups=[""],
                            api_versions=["v1"],
                            operations=["CREATE", "UPDATE"],
                            resources=["pods"],
                        )
                    ]
                ),
                variables=[
                    v1.VariableArgs(name=variable, expression=expression)
                    for variable, expression in (
                        ("containers", _CONTAINERS),
                        ("tolerations", _TOLERATIONS),
                        ("asks", _ASKS),
                    )
                ],
                validations=[
                    v1.ValidationArgs(expression=expression, message=message, reason="Forbidden")
                    for expression, message in rules
                ],
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        binding = v1.ValidatingAdmissionPolicyBinding(
            f"{name}-policy-binding",
            metadata=kubernetes.meta.v1.ObjectMetaArgs(name="plinth-gpu", annotations=FIELD_MANAGER),
            spec=v1.ValidatingAdmissionPolicyBindingSpecArgs(
                policy_name="plinth-gpu", validation_actions=["Deny", "Audit"]
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        return binding.urn.apply(lambda _: "plinth-gpu")
