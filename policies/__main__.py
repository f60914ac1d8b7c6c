"""The policy pack: the list of its policies, nothing else. What they check stands in the catalog."""

import gc

from pulumi_policy import PolicyPack

from policies.pulumi_pack import policies

gc.set_threshold(100_000, 50, 1000)  # most of what is made stays until the end: Python need not look often
PolicyPack(name="plinth", policies=policies())
