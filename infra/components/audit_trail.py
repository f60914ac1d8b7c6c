"""Who did what in the account: a trail that cannot be changed afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.iam.service_roles import service_trust
from infra.iam.statements import Statement, document


@dataclass(frozen=True, kw_only=True)
class AuditTrailArgs:
    """What the trail needs to know.

    Args:
        trail_name: Name of the trail; its ARN, which keys and buckets name, follows from it.
        bucket: Bucket that takes the log files; Object Lock keeps them.
        key_arn: Key with which log files are encrypted.
        log_key_arn: Key of the log group that alerts read.
        log_group_name: Name of that group.
        log_days: Days for which the group keeps events.
        account_id: The account that is recorded.
        region: Home region of the trail; it records all regions.
        watched_buckets: Names of the buckets whose every read and write of an object is recorded.
    """

    trail_name: str
    bucket: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    log_key_arn: pulumi.Input[str]
    log_group_name: str
    log_days: int
    account_id: str
    region: str
    watched_buckets: Sequence[str]


class AuditTrail(pulumi.ComponentResource):
    """A CloudTrail trail of all regions with digests, its log group, and the role between them."""

    arn: pulumi.Output[str]
    """ARN of the trail."""
    log_group: pulumi.Output[str]
    """Log group that receives each event within minutes; alerts are made from it."""

    def __init__(self, name: str, args: AuditTrailArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Place the trail and what it delivers to."""
        super().__init__("plinth:audit:AuditTrail", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        group_arn = f"arn:aws:logs:{args.region}:{args.account_id}:log-group:{args.log_group_name}"
        group = aws.cloudwatch.LogGroup(
            f"{name}-log",
            name=args.log_group_name,
            retention_in_days=args.log_days,
            kms_key_id=args.log_key_arn,
            tags={"plinth:data-class": "logs"},
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )
        role = aws.iam.Role(
            f"{name}-delivery",
            name=f"{args.trail_name}-delivery",
            description="CloudTrail writes its events to the audit log group.",
            assume_role_policy=service_trust("cloudtrail.amazonaws.com", account_id=args.account_id),
            opts=child,
        )
        policy = aws.iam.RolePolicy(
            f"{name}-delivery-policy",
            name="write-events",
            role=role.name,
            policy=document(
                Statement(
                    sid="WriteEvents",
                    actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                    resources=[f"{group_arn}:log-stream:{args.account_id}_CloudTrail_{args.region}*"],
                )
            ),
            opts=child,
        )
        trail = aws.cloudtrail.Trail(
            name,
            name=args.trail_name,
            s3_bucket_name=args.bucket,
            is_multi_region_trail=True,
            include_global_service_events=True,
            enable_log_file_validation=True,
            enable_logging=True,
            kms_key_id=args.key_arn,
            cloud_watch_logs_group_arn=group.arn.apply(lambda arn: f"{arn.removesuffix(':*')}:*"),
            cloud_watch_logs_role_arn=role.arn,
            advanced_event_selectors=_selectors(args.watched_buckets),
            # CloudTrail tries the role when it is set, so the role must be able to write by then.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        self.arn = trail.arn
        self.log_group = group.name
        self.register_outputs({"arn": self.arn, "log_group": self.log_group})


def _selectors(watched: Sequence[str]) -> list[aws.cloudtrail.TrailAdvancedEventSelectorArgs]:
    """Return what is recorded: all management events, and each object of the watched buckets."""
    return [
        aws.cloudtrail.TrailAdvancedEventSelectorArgs(
            name="Management events", field_selectors=[_field("eventCategory", equals=["Management"])]
        ),
        aws.cloudtrail.TrailAdvancedEventSelectorArgs(
            name="Objects of watched buckets",
            field_selectors=[
                _field("eventCategory", equals=["Data"]),
                _field("resources.type", equals=["AWS::S3::Object"]),
                _field("resources.ARN", starts=[f"arn:aws:s3:::{bucket}/" for bucket in sorted(watched)]),
            ],
        ),
    ]


def _field(
    name: str, *, equals: list[str] | None = None, starts: list[str] | None = None
) -> aws.cloudtrail.TrailAdvancedEventSelectorFieldSelectorArgs:
    return aws.cloudtrail.TrailAdvancedEventSelectorFieldSelectorArgs(
        field=name, equals=equals, starts_withs=starts
    )
