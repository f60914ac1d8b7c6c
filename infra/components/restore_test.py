"""A backup that was never restored is a hope: AWS Backup restores one of each kind and removes it again."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

SCHEDULE = "cron(0 4 ? * SUN *)"
"""Sundays at four, UTC: after the night's backup, on the day with the fewest people at work."""
START_HOURS = 8
"""Hours within which a test begins; AWS Backup spreads them to spare the account's limits."""
WINDOW_DAYS = 7
"""Days of backups from which the newest is taken: since the last test."""
VALIDATION_HOURS = 4
"""Hours for which what was restored stays, so that somebody can look at it, before it is removed."""


@dataclass(frozen=True, kw_only=True)
class RestoreTestArgs:
    """What a restore test needs to know.

    Args:
        plan_name: Name of the plan; letters, digits and underscores, as AWS asks.
        vault_arn: Vault whose backups are restored.
        role_arn: Role that AWS Backup takes over to restore.
        kinds: What is restored, such as ``DynamoDB`` and ``S3``; one of each.
    """

    plan_name: str
    vault_arn: pulumi.Input[str]
    role_arn: pulumi.Input[str]
    kinds: Sequence[str]


class RestoreTest(pulumi.ComponentResource):
    """A weekly restore of the newest backup of each kind; a failed one shows in AWS Backup and its events."""

    arn: pulumi.Output[str]
    """ARN of the plan."""

    def __init__(self, name: str, args: RestoreTestArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Place the plan and a selection for each kind."""
        super().__init__("plinth:recovery:RestoreTest", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        plan = aws.backup.RestoreTestingPlan(
            name,
            name=args.plan_name,
            schedule_expression=SCHEDULE,
            start_window_hours=START_HOURS,
            recovery_point_selection=aws.backup.RestoreTestingPlanRecoveryPointSelectionArgs(
                algorithm="LATEST_WITHIN_WINDOW",
                include_vaults=[args.vault_arn],
                recovery_point_types=["SNAPSHOT"],
                selection_window_days=WINDOW_DAYS,
            ),
            opts=child,
        )
        for kind in args.kinds:
            aws.backup.RestoreTestingSelection(
                f"{name}-{kind.lower()}",
                name=f"{args.plan_name}_{kind.lower()}",
                restore_testing_plan_name=plan.name,
                protected_resource_type=kind,
                protected_resource_arns=["*"],
                iam_role_arn=args.role_arn,
                validation_window_hours=VALIDATION_HOURS,
                opts=child,
            )
        self.arn = plan.arn
        self.register_outputs({"arn": self.arn})
