"""The admission policies of an environment, from the same catalog as the policy packs."""

import pulumi

from infra.components.admission import Admission, AdmissionArgs, AdmittedPolicy
from infra.policy_settings import policy_settings
from infra.settings import Settings
from policies.admission import admission_policies


def build(settings: Settings, opts: pulumi.ResourceOptions) -> Admission:
    """Build the policies that the API server itself judges by."""
    return Admission(
        "admission",
        AdmissionArgs(
            policies=[
                AdmittedPolicy(name=policy.name, spec=policy.spec, binding=policy.binding)
                for policy in admission_policies(policy_settings(settings))
            ]
        ),
        opts,
    )
