"""What an account has once: nothing in it can be made public."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True)
class AccountGuardArgs:
    """What the guard needs to know.

    Args:
        account_id: The account that is closed.
    """

    account_id: str


class AccountGuard(pulumi.ComponentResource):
    """Public access is refused for every bucket of the account, also for those of other programs."""

    account_id: pulumi.Output[str]
    """The account that is closed."""

    def __init__(self, name: str, args: AccountGuardArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Place the block."""
        super().__init__("plinth:security:AccountGuard", name, None, opts)
        block = aws.s3.AccountPublicAccessBlock(
            f"{name}-public-access",
            account_id=args.account_id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )
        self.account_id = block.account_id
        self.register_outputs({"account_id": self.account_id})
