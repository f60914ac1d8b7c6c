"""What every resource looked like, and when it changed."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.iam.service_roles import service_trust
from infra.iam.statements import Statement, document

MANAGED_POLICY = "arn:aws:iam::aws:policy/service-role/AWS_ConfigRole"
"""AWS's own list of what Config must read to describe every resource type; it grows with the types."""


@dataclass(frozen=True, kw_only=True)
class ConfigurationRecorderArgs:
    """What the recorder needs to know.

    Args:
        recorder_name: Name of the recorder, its channel and its role.
        bucket: Bucket that takes snapshots and history.
        bucket_name: Its name, known before it is made.
        key_arn: Key with which they are encrypted.
        key_alias: Alias of that key, known before it is made.
        account_id: The account that is recorded.
        region: Region that is recorded.
        global_resources: Whether resources without a region (IAM) are recorded here; one region does it.
    """

    recorder_name: str
    bucket: pulumi.Input[str]
    bucket_name: str
    key_arn: pulumi.Input[str]
    key_alias: str
    account_id: str
    region: str
    global_resources: bool


class ConfigurationRecorder(pulumi.ComponentResource):
    """An AWS Config recorder of all resource types, delivering daily, switched on."""

    name: pulumi.Output[str]
    """Name of the recorder; known once it records."""

    def __init__(
        self, name: str, args: ConfigurationRecorderArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Place recorder, role and channel, and switch it on."""
        super().__init__("plinth:audit:ConfigurationRecorder", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{name}-role",
            name=args.recorder_name,
            description="AWS Config reads how resources are set up and delivers their history.",
            assume_role_policy=service_trust("config.amazonaws.com", account_id=args.account_id),
            opts=child,
        )
        aws.iam.RolePolicyAttachment(f"{name}-reads", role=role.name, policy_arn=MANAGED_POLICY, opts=child)
        delivery = aws.iam.RolePolicy(
            f"{name}-delivery",
            name="deliver-history",
            role=role.name,
            policy=_delivery(args),
            opts=child,
        )
        recorder = aws.cfg.Recorder(
            name,
            name=args.recorder_name,
            role_arn=role.arn,
            recording_group=aws.cfg.RecorderRecordingGroupArgs(
                all_supported=True, include_global_resource_types=args.global_resources
            ),
            opts=child,
        )
        channel = aws.cfg.DeliveryChannel(
            f"{name}-channel",
            name=args.recorder_name,
            s3_bucket_name=args.bucket,
            s3_kms_key_arn=args.key_arn,
            snapshot_delivery_properties=aws.cfg.DeliveryChannelSnapshotDeliveryPropertiesArgs(
                delivery_frequency="TwentyFour_Hours"
            ),
            # Config writes a test object when the channel is made.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[recorder, delivery]),
        )
        status = aws.cfg.RecorderStatus(
            f"{name}-on",
            name=recorder.name,
            is_enabled=True,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[channel]),
        )
        self.name = status.name
        self.register_outputs({"name": self.name})


def _delivery(args: ConfigurationRecorderArgs) -> str:
    bucket = f"arn:aws:s3:::{args.bucket_name}"
    return document(
        Statement(
            sid="WriteHistory",
            actions=["s3:PutObject"],
            resources=[f"{bucket}/AWSLogs/{args.account_id}/Config/*"],
        ),
        Statement(sid="CheckBucket", actions=["s3:GetBucketAcl", "s3:ListBucket"], resources=[bucket]),
        Statement(
            sid="EncryptHistory",
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            # The key's own ARN is not known before it is made; its alias is.
            resources=[f"arn:aws:kms:{args.region}:{args.account_id}:key/*"],
            conditions={"ForAnyValue:StringEquals": {"kms:ResourceAliases": [args.key_alias]}},
        ),
    )
