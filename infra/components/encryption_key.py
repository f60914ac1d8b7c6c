"""A customer-managed key for one class of data."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra import naming
from infra.iam.key_policies import data_key_policy
from infra.iam.statements import Statement


@dataclass(frozen=True, kw_only=True)
class EncryptionKeyArgs:
    """What an encryption key needs to know.

    Args:
        environment: Environment in whose alias the key is found.
        data_class: What the key protects; one key for each class, so that access can differ.
        account_id: The account whose IAM decides who may use the key.
        deletion_days: Waiting time before a deleted key is gone.
        grants: Statements that let AWS services use the key, where IAM cannot.
    """

    environment: str
    data_class: str
    account_id: str
    deletion_days: int
    grants: Sequence[Statement] = ()


class EncryptionKey(pulumi.ComponentResource):
    """A KMS key with rotation and a narrow policy, and its alias.

    The engine refuses to delete the key: data encrypted with it would be lost with it. Unprotected on
    purpose, it still stays in the account when it leaves the program.
    """

    arn: pulumi.Output[str]
    """ARN of the key."""
    alias_name: pulumi.Output[str]
    """Alias of the key, with its ``alias/`` prefix."""

    def __init__(
        self, name: str, args: EncryptionKeyArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Place the key and its alias."""
        super().__init__("plinth:security:EncryptionKey", name, None, opts)
        key = aws.kms.Key(
            name,
            description=f"Plinth {args.environment}: encrypts data of class {args.data_class}",
            enable_key_rotation=True,  # once a year, which is AWS's default and what CIS AWS 3.6 asks for
            deletion_window_in_days=args.deletion_days,
            policy=data_key_policy(account_id=args.account_id, grants=args.grants),
            tags={"plinth:data-class": args.data_class},
            opts=pulumi.ResourceOptions(parent=self, protect=True, retain_on_delete=True),
        )
        alias = aws.kms.Alias(
            f"{name}-alias",
            name=naming.key_alias(args.environment, args.data_class),
            target_key_id=key.key_id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.arn = key.arn
        self.alias_name = alias.name
        self.register_outputs({"arn": self.arn, "alias_name": self.alias_name})
