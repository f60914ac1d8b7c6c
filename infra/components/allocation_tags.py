"""Tags by which a bill can be split: AWS leaves them out of its cost reports until they are activated."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True)
class AllocationTagsArgs:
    """What the activation needs to know.

    Args:
        tag_keys: Keys of the tags.
    """

    tag_keys: Sequence[str]


class AllocationTags(pulumi.ComponentResource):
    """Activates tags for cost reports, in the account that pays."""

    tag_keys: pulumi.Output[list[str]]
    """Keys of the activated tags."""

    def __init__(
        self, name: str, args: AllocationTagsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Place an activation for each tag."""
        super().__init__("plinth:cost:AllocationTags", name, None, opts)
        activated = [
            aws.costexplorer.CostAllocationTag(
                f"{name}-{key.rsplit(':', 1)[-1]}",
                tag_key=key,
                status="Active",
                opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
            ).tag_key
            for key in sorted(args.tag_keys)
        ]
        self.tag_keys = pulumi.Output.all(*activated)
        self.register_outputs({"tag_keys": self.tag_keys})
