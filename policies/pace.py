"""What the pack costs: CPU time for each resource, asked as the SDK asks it, with its own proxies."""

import contextlib
import time
from collections.abc import Sequence
from typing import Any

from pulumi_policy import (
    PolicyCustomTimeouts,
    PolicyResource,
    PolicyResourceOptions,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.policy import _NotApplicableError
from pulumi_policy.proxy import unknown_checking_proxy

from policies.core import PolicySettings
from policies.pulumi_pack import policies

Raw = tuple[str, str, dict[str, Any]]
"""Type, URN and properties of a resource, unknowns as the engine writes them."""


def milliseconds_per_resource(resources: Sequence[Raw], settings: PolicySettings) -> float:
    """Return the CPU time of all policies together for each resource of a stack, relations included.

    Args:
        resources: A whole stack.
        settings: Settings of the pack.
    """
    pack = policies()
    alone = [policy for policy in pack if isinstance(policy, ResourceValidationPolicy)]
    whole = [policy for policy in pack if isinstance(policy, StackValidationPolicy)]
    config = settings.render()
    begun = time.process_time()
    for kind, urn, props in resources:
        for policy in alone:
            args = ResourceValidationArgs(
                kind, unknown_checking_proxy(props), urn, _name(urn), _options(), None, config
            )
            with contextlib.suppress(_NotApplicableError):
                policy.validate(args, _nothing)
    known = [
        PolicyResource(kind, unknown_checking_proxy(props), urn, _name(urn), _options(), None, None, [], {})
        for kind, urn, props in resources
    ]
    for stack_policy in whole:
        stack_policy.validate(StackValidationArgs(known, config, None), _nothing)
    return (time.process_time() - begun) * 1000 / max(len(resources), 1)


def _name(urn: str) -> str:
    return urn.rsplit("::", 1)[-1]


def _nothing(_: str, __: str | None = None) -> None:
    """Take a report and drop it: only the time counts here."""


def _options() -> PolicyResourceOptions:
    return PolicyResourceOptions(
        protect=True,
        ignore_changes=[],
        delete_before_replace=None,
        aliases=[],
        custom_timeouts=PolicyCustomTimeouts(0, 0, 0),
        additional_secret_outputs=[],
    )
