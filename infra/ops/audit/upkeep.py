"""Reads what keeps the environment going: backups, the budget, machines of nodes, identities of pods."""

from infra.ops.audit.asking import Asked, Props, Reader, camel


def _plan(asked: Asked) -> Props | None:
    known = asked.client("backup").get_backup_plan(BackupPlanId=asked.id)["BackupPlan"]
    return {"name": known["BackupPlanName"], "rules": camel(known["Rules"])}


def _selection(asked: Asked) -> Props | None:
    plan = str(asked.declared["planId"])
    answer = asked.client("backup").get_backup_selection(BackupPlanId=plan, SelectionId=asked.id)
    known = answer["BackupSelection"]
    return {
        "planId": plan,
        "name": known["SelectionName"],
        "iamRoleArn": known["IamRoleArn"],
        "resources": known.get("Resources") or [],
        "selectionTags": [
            {"type": row["ConditionType"], "key": row["ConditionKey"], "value": row["ConditionValue"]}
            for row in known.get("ListOfTags") or []
        ],
    }


def _restore_test(asked: Asked) -> Props | None:
    name = str(asked.declared["name"])
    answer = asked.client("backup").get_restore_testing_plan(RestoreTestingPlanName=name)
    known = answer["RestoreTestingPlan"]
    return {"name": name, "scheduleExpression": known["ScheduleExpression"]}


def _vault_lock(asked: Asked) -> Props | None:
    known = asked.client("backup").describe_backup_vault(BackupVaultName=asked.id)
    if not known.get("Locked"):
        return None
    return {
        "backupVaultName": asked.id,
        "minRetentionDays": known.get("MinRetentionDays"),
        "maxRetentionDays": known.get("MaxRetentionDays"),
        **asked.untold("changeableForDays"),
    }


def _budget(asked: Asked) -> Props | None:
    account, _, name = asked.id.partition(":")
    budgets, of = asked.client("budgets"), {"AccountId": account, "BudgetName": name}
    known = budgets.describe_budget(**of)["Budget"]
    warnings = []
    for row in budgets.describe_notifications_for_budget(**of)["Notifications"]:
        told = budgets.describe_subscribers_for_notification(**of, Notification=row)["Subscribers"]
        people = {
            key: [one["Address"] for one in told if one["SubscriptionType"] == kind]
            for key, kind in (("subscriberSnsTopicArns", "SNS"), ("subscriberEmailAddresses", "EMAIL"))
        }
        warnings.append({**camel(row), **{key: value for key, value in people.items() if value}})
    return {"name": name, "budgetType": known["BudgetType"], "notifications": warnings}


def _budget_action(asked: Asked) -> Props | None:
    account, action, name = asked.id.split(":", 2)
    budgets = asked.client("budgets")
    known = budgets.describe_budget_action(AccountId=account, BudgetName=name, ActionId=action)["Action"]
    return {
        "budgetName": name,
        "actionType": known["ActionType"],
        "approvalModel": known["ApprovalModel"],
        "definition": camel(known["Definition"]),
    }


def _anomalies(asked: Asked) -> Props | None:
    answer = asked.client("ce").get_anomaly_monitors(MonitorArnList=[asked.id])
    return next(
        (
            {"name": row["MonitorName"], "monitorType": row["MonitorType"]}
            for row in answer["AnomalyMonitors"]
        ),
        None,
    )


def _machine(asked: Asked) -> Props | None:
    answer = asked.client("ec2").describe_launch_template_versions(
        LaunchTemplateId=asked.id, Versions=["$Latest"]
    )
    (known,) = answer["LaunchTemplateVersions"]
    return {"name": known["LaunchTemplateName"], **camel(known["LaunchTemplateData"])}


def _pod_identity(asked: Asked) -> Props | None:
    cluster = str(asked.declared["clusterName"])
    answer = asked.client("eks").describe_pod_identity_association(
        clusterName=cluster, associationId=asked.id
    )
    known = answer["association"]
    return {
        "clusterName": cluster,
        "namespace": known["namespace"],
        "serviceAccount": known["serviceAccount"],
        "roleArn": known["roleArn"],
    }


def _group_rule(asked: Asked) -> Props | None:
    answer = asked.client("ec2").describe_security_group_rules(SecurityGroupRuleIds=[asked.id])
    (known,) = answer["SecurityGroupRules"]
    told = ("CidrIpv4", "CidrIpv6", "Description", "FromPort", "IpProtocol", "PrefixListId", "ToPort")
    peer = (known.get("ReferencedGroupInfo") or {}).get("GroupId")
    return {
        "securityGroupId": known["GroupId"],
        **({"referencedSecurityGroupId": peer} if peer else {}),
        **camel({key: known[key] for key in told if known.get(key) is not None}),
    }


READERS: dict[str, Reader] = {
    "aws:backup/plan:Plan": _plan,
    "aws:backup/restoreTestingPlan:RestoreTestingPlan": _restore_test,
    "aws:backup/selection:Selection": _selection,
    "aws:backup/vaultLockConfiguration:VaultLockConfiguration": _vault_lock,
    "aws:budgets/budget:Budget": _budget,
    "aws:budgets/budgetAction:BudgetAction": _budget_action,
    "aws:costexplorer/anomalyMonitor:AnomalyMonitor": _anomalies,
    "aws:ec2/launchTemplate:LaunchTemplate": _machine,
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": _pod_identity,
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _group_rule,
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _group_rule,
}
