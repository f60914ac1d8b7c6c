"""The policy pack: the list of its policies, nothing else. What they check stands in the catalog."""

from pulumi_policy import PolicyPack

from policies.pulumi_pack import policies

PolicyPack(name="plinth", policies=policies())
