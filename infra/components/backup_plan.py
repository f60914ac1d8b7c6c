"""What is backed up, when, and where the copies go."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.iam.service_roles import service_trust

BACKUP_TAG = ("plinth:backup", "daily")
"""Tag of every resource that is backed up; stores that hold data set it themselves."""
SCHEDULE = "cron(0 2 * * ? *)"
"""Each night at two, UTC: after the day's last training run, before the first of the next."""
START_MINUTES = 60
"""Minutes within which a backup starts; the shortest that AWS Backup takes."""
COMPLETE_MINUTES = 480
"""Minutes after which an unfinished backup is given up and reported: before the working day begins."""
MANAGED_POLICIES = (
    "service-role/AWSBackupServiceRolePolicyForBackup",
    "service-role/AWSBackupServiceRolePolicyForRestores",
    "AWSBackupServiceRolePolicyForS3Backup",
    "AWSBackupServiceRolePolicyForS3Restore",
)
"""AWS's own lists of what backing up and restoring each kind of resource takes."""


@dataclass(frozen=True, kw_only=True)
class BackupPlanArgs:
    """What a plan needs to know.

    Args:
        plan_name: Name of the plan, its selection and its role.
        vault: Name of the vault that takes the backups.
        keep_days: Days for which a backup is kept.
        copy_to: ARN of the vault in another region that takes a copy of each; none for no copies.
        account_id: The account on whose behalf AWS Backup works.
        select: Whether tagged resources are backed up; a plan without selection waits.
    """

    plan_name: str
    vault: pulumi.Input[str]
    keep_days: int
    copy_to: pulumi.Input[str] | None
    account_id: str
    select: bool


class BackupPlan(pulumi.ComponentResource):
    """A nightly backup of everything that carries the tag, copied to another region."""

    arn: pulumi.Output[str]
    """ARN of the plan."""
    role_arn: pulumi.Output[str]
    """Role that AWS Backup takes over to back up and to restore."""

    def __init__(self, name: str, args: BackupPlanArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Place plan, role and selection."""
        super().__init__("plinth:recovery:BackupPlan", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{name}-role",
            name=args.plan_name,
            description="AWS Backup reads what is backed up and writes what is restored.",
            assume_role_policy=service_trust("backup.amazonaws.com", account_id=args.account_id),
            opts=child,
        )
        attached = [
            aws.iam.RolePolicyAttachment(
                f"{name}-{policy.rsplit('/', 1)[-1].removeprefix('AWSBackupServiceRolePolicyFor').lower()}",
                role=role.name,
                policy_arn=f"arn:aws:iam::aws:policy/{policy}",
                opts=child,
            )
            for policy in MANAGED_POLICIES
        ]
        plan = aws.backup.Plan(
            name,
            name=args.plan_name,
            rules=[
                aws.backup.PlanRuleArgs(
                    rule_name="daily",
                    target_vault_name=args.vault,
                    schedule=SCHEDULE,
                    start_window=START_MINUTES,
                    completion_window=COMPLETE_MINUTES,
                    lifecycle=aws.backup.PlanRuleLifecycleArgs(delete_after=args.keep_days),
                    copy_actions=(
                        [
                            aws.backup.PlanRuleCopyActionArgs(
                                destination_vault_arn=args.copy_to,
                                lifecycle=aws.backup.PlanRuleCopyActionLifecycleArgs(
                                    delete_after=args.keep_days
                                ),
                            )
                        ]
                        if args.copy_to
                        else []
                    ),
                )
            ],
            opts=child,
        )
        if args.select:
            key, value = BACKUP_TAG
            aws.backup.Selection(
                f"{name}-selection",
                name=args.plan_name,
                plan_id=plan.id,
                iam_role_arn=role.arn,
                selection_tags=[
                    aws.backup.SelectionSelectionTagArgs(type="STRINGEQUALS", key=key, value=value)
                ],
                opts=pulumi.ResourceOptions(parent=self, depends_on=attached),
            )
        self.arn = plan.arn
        self.role_arn = role.arn
        self.register_outputs({"arn": self.arn, "role_arn": self.role_arn})
