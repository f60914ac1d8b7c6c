"""What keeps the one privileged namespace narrow: admission lets in two images, two accounts, two paths."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from infra.naming import FIELD_MANAGER

POLICY = "plinth-gpu-system"
_CONTAINERS = "object.spec.containers + (has(object.spec.initContainers) ? object.spec.initContainers : [])"


@dataclass(frozen=True, kw_only=True)
class GpuSystemGateArgs:
    """What the gate needs to know.

    Args:
        namespace_name: The privileged namespace.
        images: Images that may run there.
        accounts: Service accounts under which they run.
        host_paths: Directories of the node that they may mount.
        capabilities: Capabilities that they may add.
    """

    namespace_name: str
    images: Sequence[str]
    accounts: Sequence[str]
    host_paths: Sequence[str]
    capabilities: Sequence[str]


class GpuSystemGate(pulumi.ComponentResource):
    """Admission for one namespace: who may create pods there gets no more of a node than the task needs."""

    policy_name: pulumi.Output[str]
    """Name of the admission policy; known when it is in force."""

    def __init__(
        self, name: str, args: GpuSystemGateArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Place policy and binding."""
        super().__init__("plinth:platform:GpuSystemGate", name, None, opts)
        v1 = kubernetes.admissionregistration.v1
        policy = v1.ValidatingAdmissionPolicy(
            f"{name}-policy",
            metadata=kubernetes.meta.v1.ObjectMetaArgs(name=POLICY, annotations=FIELD_MANAGER),
            spec=v1.ValidatingAdmissionPolicySpecArgs(
                failure_policy="Fail",
                match_constraints=v1.MatchResourcesArgs(
                    namespace_selector=kubernetes.meta.v1.LabelSelectorArgs(
                        match_labels={"kubernetes.io/metadata.name": args.namespace_name}
                    ),
                    resource_rules=[
                        v1.NamedRuleWithOperationsArgs(
                            api_groups=[""],
                            api_versions=["v1"],
                            operations=["CREATE", "UPDATE"],
                            resources=["pods", "pods/ephemeralcontainers"],
                        )
                    ],
                ),
                variables=[v1.VariableArgs(name="containers", expression=_CONTAINERS)],
                validations=[
                    v1.ValidationArgs(expression=expression, message=message, reason="Forbidden")
                    for expression, message in rules(args)
                ],
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        binding = v1.ValidatingAdmissionPolicyBinding(
            f"{name}-policy-binding",
            metadata=kubernetes.meta.v1.ObjectMetaArgs(name=POLICY, annotations=FIELD_MANAGER),
            spec=v1.ValidatingAdmissionPolicyBindingSpecArgs(
                policy_name=POLICY, validation_actions=["Deny", "Audit"]
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        self.policy_name = binding.urn.apply(lambda _: POLICY)
        self.register_outputs({"policy_name": self.policy_name})


def rules(args: GpuSystemGateArgs) -> list[tuple[str, str]]:
    """Return what must hold for a pod of the namespace, with what is said when it does not. Pure."""
    paths, added = _cel(args.host_paths), _cel(args.capabilities)
    shared = [
        f"!(has(object.spec.{key}) && object.spec.{key})" for key in ("hostNetwork", "hostPID", "hostIPC")
    ]
    context = "variables.containers.all(c, !has(c.securityContext) || "
    given, volumes = "c.securityContext.capabilities", "object.spec.volumes"
    return [
        (
            f"variables.containers.all(c, c.image in {_cel(args.images)})",
            "only the device plugin and the exporter, by their digests, run in this namespace",
        ),
        (
            "!has(object.spec.ephemeralContainers) || object.spec.ephemeralContainers.size() == 0",
            "nothing may be put into a running pod of this namespace",
        ),
        (
            f"has(object.spec.serviceAccountName) && object.spec.serviceAccountName in {_cel(args.accounts)}",
            f"pods of this namespace run as {' or '.join(args.accounts)}",
        ),
        (
            f"!has({volumes}) || {volumes}.all(v, !has(v.hostPath) || v.hostPath.path in {paths})",
            f"of the node nothing but {' and '.join(args.host_paths)} may be mounted",
        ),
        (" && ".join(shared), "network, processes and memory of the node are not shared"),
        (
            f"{context}!has(c.securityContext.privileged) || !c.securityContext.privileged)",
            "privileged containers are not allowed even here",
        ),
        (
            f"{context}!has({given}) || !has({given}.add) || {given}.add.all(a, a in {added}))",
            f"no capability but {', '.join(args.capabilities)} may be added",
        ),
    ]


def _cel(values: Sequence[str]) -> str:
    return "[" + ", ".join(f"'{value}'" for value in values) + "]"
