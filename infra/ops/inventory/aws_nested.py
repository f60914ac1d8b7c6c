"""Services that have to be asked more than once: for the parts of a thing, or for what a row leaves out."""

from collections.abc import Callable, Iterable, Mapping

from botocore.exceptions import ClientError

from infra.ops.account import Account
from infra.ops.inventory import tags
from infra.ops.inventory.model import Thing

Lister = Callable[[Account, str], Iterable[Thing]]
RETENTION = ("PendingDeletion", "PendingReplicaDeletion")
"""States of a KMS key that waits for its end."""


def _keys(account: Account, region: str) -> Iterable[Thing]:
    kms = account.client("kms", region)
    names: dict[str, str] = {}
    for row in account.rows("kms", "list_aliases", "Aliases", region=region):
        names.setdefault(row.get("TargetKeyId", ""), row["AliasName"])
    for row in account.rows("kms", "list_keys", "Keys", region=region):
        known = kms.describe_key(KeyId=row["KeyId"])["KeyMetadata"]
        if known["KeyManager"] != "CUSTOMER" or names.get(row["KeyId"], "").startswith("alias/aws/"):
            continue  # AWS's own; the local AWS API calls them a customer's
        rows = account.rows("kms", "list_resource_tags", "Tags", region=region, KeyId=row["KeyId"])
        yield Thing(
            kind="kms/key",
            id=row["KeyId"],
            name=names.get(row["KeyId"], row["KeyId"]),
            region=region,
            tags=tags.pairs(rows, "TagKey", "TagValue"),
            detail={"state": known["KeyState"], "until": known.get("DeletionDate")},
        )


def _aliases(account: Account, region: str) -> Iterable[Thing]:
    for row in account.rows("kms", "list_aliases", "Aliases", region=region):
        if not row["AliasName"].startswith("alias/aws/"):
            yield Thing(kind="kms/alias", id=row["AliasName"], name=row["AliasName"], region=region)


def _tables(account: Account, region: str) -> Iterable[Thing]:
    dynamodb = account.client("dynamodb", region)
    for name in account.rows("dynamodb", "list_tables", "TableNames", region=region):
        table = dynamodb.describe_table(TableName=name)["Table"]
        carried = tags.by_arn(account, "dynamodb", table["TableArn"], region)
        protected = bool(table.get("DeletionProtectionEnabled"))
        yield Thing(
            kind="dynamodb/table",
            id=table["TableArn"],
            name=name,
            region=region,
            tags=carried,
            detail={"protected": protected},
        )


def _clusters(account: Account, region: str) -> Iterable[Thing]:
    for name in account.rows("eks", "list_clusters", "clusters", region=region):
        known = account.client("eks", region).describe_cluster(name=name)["cluster"]
        yield Thing(
            kind="eks/cluster",
            id=known["arn"],
            name=name,
            region=region,
            tags=known.get("tags") or {},
            detail={"protected": bool(known.get("deletionProtection"))},
        )


def _of_clusters(
    kind: str,
    operation: str,
    key: str,
    name: Callable[[object], str],
    tagged: Callable[[Account, str, str, str], dict[str, str]],
) -> Lister:
    def listed(account: Account, region: str) -> Iterable[Thing]:
        for cluster in account.rows("eks", "list_clusters", "clusters", region=region):
            for row in account.rows("eks", operation, key, region=region, clusterName=cluster):
                part = name(row)
                yield Thing(
                    kind=kind,
                    id=f"{cluster}/{part}",
                    name=part,
                    region=region,
                    tags=tagged(account, region, cluster, part),
                    tied_to=cluster,
                )

    return listed


def _eks_tags(operation: str, key: str, argument: str) -> Callable[[Account, str, str, str], dict[str, str]]:
    def carried(account: Account, region: str, cluster: str, part: str) -> dict[str, str]:
        known = getattr(account.client("eks", region), operation)(clusterName=cluster, **{argument: part})[
            key
        ]
        return dict(known.get("tags") or {})

    return carried


def _detectors(account: Account, region: str) -> Iterable[Thing]:
    for number in account.rows("guardduty", "list_detectors", "DetectorIds", region=region):
        known = account.client("guardduty", region).get_detector(DetectorId=number)
        yield Thing(
            kind="guardduty/detector", id=number, name=number, region=region, tags=known.get("Tags") or {}
        )


def _hubs(account: Account, region: str) -> Iterable[Thing]:
    try:
        known = account.client("securityhub", region).describe_hub()
    except ClientError as error:
        # What AWS answers where there is no hub, for members and for others.
        if error.response["Error"]["Code"] in {"InvalidAccessException", "ResourceNotFoundException"}:
            return
        raise
    yield Thing(kind="securityhub/hub", id=known["HubArn"], name="hub", region=region)


def _standards(account: Account, region: str) -> Iterable[Thing]:
    if not list(_hubs(account, region)):
        return
    for row in account.rows("securityhub", "get_enabled_standards", "StandardsSubscriptions", region=region):
        arn = row["StandardsSubscriptionArn"]
        yield Thing(
            kind="securityhub/standard", id=arn, name=arn.split("subscription/", 1)[-1], region=region
        )


def _workgroups(account: Account, region: str) -> Iterable[Thing]:
    for row in account.rows("athena", "list_work_groups", "WorkGroups", region=region):
        if row["Name"] != "primary":
            arn = f"arn:aws:athena:{region}:{account.account_id}:workgroup/{row['Name']}"
            yield Thing(
                kind="athena/workgroup",
                id=arn,
                name=row["Name"],
                region=region,
                tags=tags.by_arn(account, "athena", arn, region),
            )


def _queries(account: Account, region: str) -> Iterable[Thing]:
    for group in account.rows("athena", "list_work_groups", "WorkGroups", region=region):
        given = {"WorkGroup": group["Name"]}
        for number in account.rows("athena", "list_named_queries", "NamedQueryIds", region=region, **given):
            known = account.client("athena", region).get_named_query(NamedQueryId=number)["NamedQuery"]
            yield Thing(
                kind="athena/query", id=number, name=known["Name"], region=region, tied_to=group["Name"]
            )


def _glue_tables(account: Account, region: str) -> Iterable[Thing]:
    for base in account.rows("glue", "get_databases", "DatabaseList", region=region):
        for row in account.rows("glue", "get_tables", "TableList", region=region, DatabaseName=base["Name"]):
            yield Thing(
                kind="glue/table",
                id=f"{base['Name']}/{row['Name']}",
                name=row["Name"],
                region=region,
                tied_to=base["Name"],
            )


def _selections(account: Account, region: str) -> Iterable[Thing]:
    for plan in account.rows("backup", "list_backup_plans", "BackupPlansList", region=region):
        given = {"BackupPlanId": plan["BackupPlanId"]}
        found = account.rows(
            "backup", "list_backup_selections", "BackupSelectionsList", region=region, **given
        )
        for row in found:
            yield Thing(
                kind="backup/selection",
                id=row["SelectionId"],
                name=row["SelectionName"],
                region=region,
                tied_to=plan["BackupPlanName"],
            )


def _restore_selections(account: Account, region: str) -> Iterable[Thing]:
    for plan in account.rows("backup", "list_restore_testing_plans", "RestoreTestingPlans", region=region):
        named = {"RestoreTestingPlanName": plan["RestoreTestingPlanName"]}
        found = account.rows(
            "backup", "list_restore_testing_selections", "RestoreTestingSelections", region=region, **named
        )
        for row in found:
            yield Thing(
                kind="backup/restore-selection",
                id=row["RestoreTestingSelectionName"],
                name=row["RestoreTestingSelectionName"],
                region=region,
                tied_to=plan["RestoreTestingPlanName"],
            )


def _buckets(account: Account, region: str) -> Iterable[Thing]:
    """Return all buckets of the account, wherever they are."""
    del region
    for row in account.rows("s3", "list_buckets", "Buckets"):
        name = row["Name"]
        place = account.client("s3").get_bucket_location(Bucket=name)["LocationConstraint"] or "us-east-1"
        yield Thing(
            kind="s3/bucket", id=name, name=name, region=place, tags=tags.bucket(account, name, place)
        )


def _account_block(account: Account, region: str) -> Iterable[Thing]:
    control = account.client("s3control", region)
    try:
        control.get_public_access_block(AccountId=account.account_id)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchPublicAccessBlockConfiguration":
            return
        raise
    yield Thing(kind="s3/account-block", id=account.account_id, name="public access block")


def _roles(account: Account, region: str) -> Iterable[Thing]:
    for row in account.rows("iam", "list_roles", "Roles", region=region):
        if not row["Path"].startswith(("/aws-service-role/", "/aws-reserved/")):
            name = row["RoleName"]
            rows = account.rows("iam", "list_role_tags", "Tags", region=region, RoleName=name)
            yield Thing(kind="iam/role", id=row["Arn"], name=name, tags=tags.pairs(rows))


def _policies(account: Account, region: str) -> Iterable[Thing]:
    for row in account.rows("iam", "list_policies", "Policies", region=region, Scope="Local"):
        rows = account.rows("iam", "list_policy_tags", "Tags", region=region, PolicyArn=row["Arn"])
        yield Thing(kind="iam/policy", id=row["Arn"], name=row["PolicyName"], tags=tags.pairs(rows))


def _profiles(account: Account, region: str) -> Iterable[Thing]:
    for row in account.rows("iam", "list_instance_profiles", "InstanceProfiles", region=region):
        name = row["InstanceProfileName"]
        yield Thing(kind="iam/instance-profile", id=row["Arn"], name=name, tags=tags.inline(row))


def _federations(account: Account, region: str) -> Iterable[Thing]:
    for row in account.rows(
        "iam", "list_open_id_connect_providers", "OpenIDConnectProviderList", region=region
    ):
        given = {"OpenIDConnectProviderArn": row["Arn"]}
        rows = account.rows("iam", "list_open_id_connect_provider_tags", "Tags", region=region, **given)
        name = row["Arn"].split("oidc-provider/", 1)[-1]
        asked = {"name": f"https://{name}"}  # as the program asks for it
        yield Thing(kind="iam/oidc-provider", id=row["Arn"], name=name, tags=tags.pairs(rows), detail=asked)


def _budgets(account: Account, region: str) -> Iterable[Thing]:
    given = {"AccountId": account.account_id}
    for row in account.rows("budgets", "describe_budgets", "Budgets", region=region, **given):
        arn = f"arn:aws:budgets::{account.account_id}:budget/{row['BudgetName']}"
        carried = tags.by_arn(account, "budgets", arn, region)
        yield Thing(kind="budgets/budget", id=arn, name=row["BudgetName"], tags=carried)


def _actions(account: Account, region: str) -> Iterable[Thing]:
    given = {"AccountId": account.account_id}
    for row in account.rows(
        "budgets", "describe_budget_actions_for_account", "Actions", region=region, **given
    ):
        arn = f"arn:aws:budgets::{account.account_id}:budget/{row['BudgetName']}/action/{row['ActionId']}"
        yield Thing(
            kind="budgets/action",
            id=row["ActionId"],
            name=f"{row['BudgetName']}/{row['ActionType']}",
            tags=tags.by_arn(account, "budgets", arn, region),
            tied_to=row["BudgetName"],
        )


REGIONAL: Mapping[str, Lister] = {
    "athena/query": _queries,
    "athena/workgroup": _workgroups,
    "backup/restore-selection": _restore_selections,
    "backup/selection": _selections,
    "dynamodb/table": _tables,
    "eks/cluster": _clusters,
    "eks/node-group": _of_clusters(
        "eks/node-group",
        "list_nodegroups",
        "nodegroups",
        str,
        _eks_tags("describe_nodegroup", "nodegroup", "nodegroupName"),
    ),
    "eks/addon": _of_clusters(
        "eks/addon", "list_addons", "addons", str, _eks_tags("describe_addon", "addon", "addonName")
    ),
    "eks/access-entry": _of_clusters(
        "eks/access-entry",
        "list_access_entries",
        "accessEntries",
        str,
        _eks_tags("describe_access_entry", "accessEntry", "principalArn"),
    ),
    "eks/pod-identity": _of_clusters(
        "eks/pod-identity",
        "list_pod_identity_associations",
        "associations",
        lambda row: str(row["associationId"]),  # type: ignore[index]
        _eks_tags("describe_pod_identity_association", "association", "associationId"),
    ),
    "glue/table": _glue_tables,
    "guardduty/detector": _detectors,
    "kms/alias": _aliases,
    "kms/key": _keys,
    "securityhub/hub": _hubs,
    "securityhub/standard": _standards,
}
"""Kind to what lists it in a region."""

GLOBAL: Mapping[str, Lister] = {
    "budgets/action": _actions,
    "budgets/budget": _budgets,
    "iam/instance-profile": _profiles,
    "iam/oidc-provider": _federations,
    "iam/policy": _policies,
    "iam/role": _roles,
    "s3/account-block": _account_block,
    "s3/bucket": _buckets,
}
"""Kind to what lists it for the whole account."""
