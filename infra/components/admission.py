"""The controls in the cluster itself: what reaches the API server on any way meets them there again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from infra.naming import FIELD_MANAGER


@dataclass(frozen=True, kw_only=True)
class AdmittedPolicy:
    """One policy as the API server takes it.

    Args:
        name: Name of the policy and of its binding.
        spec: Specification of the policy.
        binding: Specification of the binding.
    """

    name: str
    spec: Mapping[str, Any]
    binding: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class AdmissionArgs:
    """What is admitted.

    Args:
        policies: The policies, each with its binding.
    """

    policies: Sequence[AdmittedPolicy]


class Admission(pulumi.ComponentResource):
    """Policies of admission, and where they are in force."""

    policy_names: pulumi.Output[list[str]]
    """Names of the policies; known when all are in force."""

    def __init__(self, name: str, args: AdmissionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Place each policy, then what binds it."""
        super().__init__("plinth:platform:Admission", name, None, opts)
        v1 = kubernetes.admissionregistration.v1
        bindings = []
        for wanted in args.policies:
            metadata = kubernetes.meta.v1.ObjectMetaArgs(name=wanted.name, annotations=FIELD_MANAGER)
            policy = v1.ValidatingAdmissionPolicy(
                f"{name}-{wanted.name}",
                metadata=metadata,
                spec=dict(wanted.spec),
                opts=pulumi.ResourceOptions(parent=self),
            )
            bindings.append(
                v1.ValidatingAdmissionPolicyBinding(
                    f"{name}-{wanted.name}-binding",
                    metadata=metadata,
                    spec=dict(wanted.binding),
                    opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
                )
            )
        names = [wanted.name for wanted in args.policies]
        self.policy_names = pulumi.Output.all(*(binding.urn for binding in bindings)).apply(lambda _: names)
        self.register_outputs({"policy_names": self.policy_names})
