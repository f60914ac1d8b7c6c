"""A DynamoDB table that is encrypted, can be wound back, and cannot be deleted by mistake."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pulumi
import pulumi_aws as aws

RECOVERY_DAYS = 35
"""Days to any second of which the table can be wound back: the longest that DynamoDB offers."""


@dataclass(frozen=True, kw_only=True)
class ProtectedTableArgs:
    """What a table needs to know.

    Args:
        table_name: Physical name, from ``naming.table``.
        data_class: What the table holds; tag that policies and access rules read.
        key_arn: Key with which it is encrypted.
        attributes: Every attribute that a key or an index uses, to its type: S, N or B.
        partition_by: Attribute that spreads items over partitions.
        sort_by: Attribute that orders the items of a partition.
        indexes: Index name to the attributes that partition and sort it.
        expires_at: Attribute with the time (seconds since the epoch) after which an item is removed;
            none where items stay.
    """

    table_name: str
    data_class: str
    key_arn: pulumi.Input[str]
    attributes: Mapping[str, Literal["S", "N", "B"]]
    partition_by: str
    sort_by: str
    indexes: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    expires_at: str | None = None


class ProtectedTable(pulumi.ComponentResource):
    """A table paid by request, with its own key, point-in-time recovery and deletion protection."""

    name: pulumi.Output[str]
    """Name of the table."""
    arn: pulumi.Output[str]
    """ARN of the table."""

    def __init__(
        self, name: str, args: ProtectedTableArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Place the table."""
        super().__init__("plinth:storage:ProtectedTable", name, None, opts)
        table = aws.dynamodb.Table(
            name,
            name=args.table_name,
            # Load is unknown and bursty; what is not asked costs nothing, and nothing is throttled for lack
            # of a plan.
            billing_mode="PAY_PER_REQUEST",
            hash_key=args.partition_by,
            range_key=args.sort_by,
            attributes=[
                aws.dynamodb.TableAttributeArgs(name=attribute, type=kind)
                for attribute, kind in sorted(args.attributes.items())
            ],
            global_secondary_indexes=[
                aws.dynamodb.TableGlobalSecondaryIndexArgs(
                    name=index,
                    key_schemas=[
                        aws.dynamodb.TableGlobalSecondaryIndexKeySchemaArgs(attribute_name=key, key_type=kind)
                        for key, kind in ((partition_by, "HASH"), (sort_by, "RANGE"))
                    ],
                    projection_type="ALL",
                )
                for index, (partition_by, sort_by) in sorted(args.indexes.items())
            ],
            ttl=(
                aws.dynamodb.TableTtlArgs(attribute_name=args.expires_at, enabled=True)
                if args.expires_at
                else None
            ),
            server_side_encryption=aws.dynamodb.TableServerSideEncryptionArgs(
                enabled=True, kms_key_arn=args.key_arn
            ),
            point_in_time_recovery=aws.dynamodb.TablePointInTimeRecoveryArgs(
                enabled=True, recovery_period_in_days=RECOVERY_DAYS
            ),
            deletion_protection_enabled=True,
            tags={"plinth:data-class": args.data_class, "plinth:backup": "daily"},
            opts=pulumi.ResourceOptions(parent=self, protect=True, retain_on_delete=True),
        )
        self.name = table.name
        self.arn = table.arn
        self.register_outputs({"name": self.name, "arn": self.arn})
