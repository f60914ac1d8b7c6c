"""What an account has once: nothing in it can be made public, no volume is plain."""

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
    """What holds for everything in the account, also for what other programs make.

    No bucket can be made public; every new volume of the region is encrypted.
    """

    account_id: pulumi.Output[str]
    """The account that is closed."""

    def __init__(self, name: str, args: AccountGuardArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Place both."""
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
        volumes = aws.ebs.EncryptionByDefault(
            f"{name}-volumes",
            enabled=True,
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )
        self.account_id = pulumi.Output.all(block.account_id, volumes.urn).apply(lambda known: str(known[0]))
        self.register_outputs({"account_id": self.account_id})
