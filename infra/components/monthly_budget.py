"""What a month may cost, who is told, and what stops when it is spent."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.iam.service_roles import service_trust
from infra.iam.spending import attach_policy, no_new_gpus

START = "2026-01-01_00:00"
"""From when the budget counts; a month ends with the calendar's, so any first of a month will do."""


@dataclass(frozen=True, kw_only=True)
class MonthlyBudgetArgs:
    """What the budget needs to know.

    Args:
        budget_name: Name of the budget, its policy and its role.
        account_id: The account that pays.
        environment: Value of the environment tag whose cost counts.
        limit_usd: Money for a month, in US dollars.
        alert_percent: Share of the limit, spent or foreseen, at which people are told.
        stop_percent: Share at which roles lose the right to new GPU capacity; 0 for never.
        topic_arn: Topic through which people are told.
        stopped_roles: Names of the roles that lose it.
    """

    budget_name: str
    account_id: str
    environment: str
    limit_usd: int
    alert_percent: int
    stop_percent: int
    topic_arn: pulumi.Input[str]
    stopped_roles: Sequence[str]


class MonthlyBudget(pulumi.ComponentResource):
    """A cost budget of one environment by its tag, with alerts and an action that a person can undo."""

    name: pulumi.Output[str]
    """Name of the budget."""

    def __init__(
        self, name: str, args: MonthlyBudgetArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Place budget and action."""
        super().__init__("plinth:cost:MonthlyBudget", name, None, opts)
        budget = aws.budgets.Budget(
            name,
            name=args.budget_name,
            account_id=args.account_id,
            budget_type="COST",
            time_unit="MONTHLY",
            time_period_start=START,
            limit_amount=str(args.limit_usd),
            limit_unit="USD",
            cost_filters=[
                aws.budgets.BudgetCostFilterArgs(
                    name="TagKeyValue", values=[f"user:plinth:environment${args.environment}"]
                )
            ],
            notifications=[
                aws.budgets.BudgetNotificationArgs(
                    comparison_operator="GREATER_THAN",
                    notification_type=kind,
                    threshold=args.alert_percent,
                    threshold_type="PERCENTAGE",
                    subscriber_sns_topic_arns=[args.topic_arn],
                )
                for kind in ("ACTUAL", "FORECASTED")
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
        if args.stop_percent:
            _stop(self, name, args, budget)
        self.name = budget.name
        self.register_outputs({"name": self.name})


def _stop(parent: pulumi.Resource, name: str, args: MonthlyBudgetArgs, budget: aws.budgets.Budget) -> None:
    """Place the action: a policy that forbids is attached to the roles; detaching it undoes the action."""
    child = pulumi.ResourceOptions(parent=parent)
    policy_name = f"{args.budget_name}-spent"
    policy = aws.iam.Policy(
        f"{name}-spent",
        name=policy_name,
        description="Attached when the month's budget is spent: no new GPU capacity.",
        policy=no_new_gpus(),
        opts=child,
    )
    role = aws.iam.Role(
        f"{name}-role",
        name=f"{args.budget_name}-action",
        description="AWS Budgets attaches the policy above to the roles of the GPU pool, and can do no more.",
        assume_role_policy=service_trust("budgets.amazonaws.com", account_id=args.account_id),
        opts=child,
    )
    may = aws.iam.RolePolicy(
        f"{name}-role-policy",
        name="attach-one-policy",
        role=role.name,
        policy=attach_policy(
            policy_arn=f"arn:aws:iam::{args.account_id}:policy/{policy_name}",
            role_arns=[f"arn:aws:iam::{args.account_id}:role/{name}" for name in args.stopped_roles],
        ),
        opts=child,
    )
    aws.budgets.BudgetAction(
        f"{name}-action",
        account_id=args.account_id,
        budget_name=budget.name,
        action_type="APPLY_IAM_POLICY",
        approval_model="AUTOMATIC",
        notification_type="ACTUAL",
        execution_role_arn=role.arn,
        action_threshold=aws.budgets.BudgetActionActionThresholdArgs(
            action_threshold_type="PERCENTAGE", action_threshold_value=args.stop_percent
        ),
        definition=aws.budgets.BudgetActionDefinitionArgs(
            iam_action_definition=aws.budgets.BudgetActionDefinitionIamActionDefinitionArgs(
                policy_arn=policy.arn, roles=sorted(args.stopped_roles)
            )
        ),
        subscribers=[aws.budgets.BudgetActionSubscriberArgs(address=args.topic_arn, subscription_type="SNS")],
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[may]),
    )
