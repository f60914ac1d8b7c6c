"""A copy of every object in another region, within minutes."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.iam.replication import replication_policy
from infra.iam.service_roles import service_trust


@dataclass(frozen=True, kw_only=True)
class BucketReplicationArgs:
    """What replication needs to know.

    Args:
        role_name: Name of the role that copies.
        account_id: Account of both buckets.
        source: Bucket whose objects are copied; versioned.
        source_name: Its name, known before it is made.
        source_region: Its region.
        source_alias: Alias of its key.
        target: Bucket in the other region; versioned.
        target_name: Its name, known before it is made.
        target_region: Its region.
        target_alias: Alias of its key.
        target_key_arn: That key.
        within_minutes: So soon a copy must be there; what takes longer is told as an event.
    """

    role_name: str
    account_id: str
    source: pulumi.Input[str]
    source_name: str
    source_region: str
    source_alias: str
    target: pulumi.Input[str]
    target_name: str
    target_region: str
    target_alias: str
    target_key_arn: pulumi.Input[str]
    within_minutes: int


class BucketReplication(pulumi.ComponentResource):
    """The rule that copies, and the role that may read the one bucket and write the other."""

    role_arn: pulumi.Output[str]
    """Role that copies."""

    def __init__(
        self, name: str, args: BucketReplicationArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Place rule and role."""
        super().__init__("plinth:recovery:BucketReplication", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{name}-role",
            name=args.role_name,
            description=f"S3 copies the objects of {args.source_name} to {args.target_region}.",
            assume_role_policy=service_trust("s3.amazonaws.com", account_id=args.account_id),
            opts=child,
        )
        policy = aws.iam.RolePolicy(
            f"{name}-policy",
            name="copy-objects",
            role=role.name,
            policy=replication_policy(
                account_id=args.account_id,
                source=(args.source_name, args.source_region, args.source_alias),
                target=(args.target_name, args.target_region, args.target_alias),
            ),
            opts=child,
        )
        aws.s3.BucketReplicationConfig(
            f"{name}-rule",
            bucket=args.source,
            role=role.arn,
            rules=[_everything(args)],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        self.role_arn = role.arn
        self.register_outputs({"role_arn": self.role_arn})


def _everything(args: BucketReplicationArgs) -> aws.s3.BucketReplicationConfigRuleArgs:
    minutes = args.within_minutes
    return aws.s3.BucketReplicationConfigRuleArgs(
        id="everything",
        status="Enabled",
        priority=1,
        filter=aws.s3.BucketReplicationConfigRuleFilterArgs(prefix=""),
        # A deletion stays where it happened: the copy must survive a mistake as well as a disaster.
        delete_marker_replication=aws.s3.BucketReplicationConfigRuleDeleteMarkerReplicationArgs(
            status="Disabled"
        ),
        source_selection_criteria=aws.s3.BucketReplicationConfigRuleSourceSelectionCriteriaArgs(
            sse_kms_encrypted_objects=aws.s3.BucketReplicationConfigRuleSourceSelectionCriteriaSseKmsEncryptedObjectsArgs(
                status="Enabled"
            )
        ),
        destination=aws.s3.BucketReplicationConfigRuleDestinationArgs(
            bucket=pulumi.Output.concat("arn:aws:s3:::", args.target),
            storage_class="STANDARD",
            encryption_configuration=aws.s3.BucketReplicationConfigRuleDestinationEncryptionConfigurationArgs(
                replica_kms_key_id=args.target_key_arn
            ),
            metrics=aws.s3.BucketReplicationConfigRuleDestinationMetricsArgs(
                status="Enabled",
                event_threshold=aws.s3.BucketReplicationConfigRuleDestinationMetricsEventThresholdArgs(
                    minutes=minutes
                ),
            ),
            replication_time=aws.s3.BucketReplicationConfigRuleDestinationReplicationTimeArgs(
                status="Enabled",
                time=aws.s3.BucketReplicationConfigRuleDestinationReplicationTimeTimeArgs(minutes=minutes),
            ),
        ),
    )
