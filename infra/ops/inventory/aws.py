"""Every thing in an account, of every service that the blueprint uses.

One row for each kind. What AWS itself puts into an account (its own keys, the default network, the primary
workgroup) is left out: it was there before and stays.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from infra.ops.account import UNANSWERED, Account, reason
from infra.ops.inventory import aws_nested, aws_network, aws_plain
from infra.ops.inventory.model import Found, Thing

Lister = Callable[[Account, str], Iterable[Thing]]

REGIONAL: Mapping[str, Lister] = {**aws_network.LISTERS, **aws_plain.REGIONAL, **aws_nested.REGIONAL}
"""Kind to what lists it in one region."""
GLOBAL: Mapping[str, Lister] = {**aws_plain.GLOBAL, **aws_nested.GLOBAL}
"""Kind to what lists it for the account; asked in the stack's own region."""
KINDS = tuple(sorted((*REGIONAL, *GLOBAL)))


def things_in(account: Account, regions: Iterable[str], *, kinds: Iterable[str] = KINDS) -> Found:
    """Return every thing in an account, in these regions and in none.

    Args:
        account: Where to look.
        regions: Regions in which the stack has something.
        kinds: Only these.
    """
    things: list[Thing] = []
    unseen: dict[str, str] = {}
    for kind, region, lister in _asked(tuple(dict.fromkeys(regions)), frozenset(kinds), account.region):
        try:
            things += lister(account, region)
        except UNANSWERED as error:
            unseen[f"{kind} in {region}" if kind in REGIONAL else kind] = reason(error)
    return Found(things=things, unseen=unseen)


def _asked(regions: tuple[str, ...], kinds: frozenset[str], home: str) -> Iterator[tuple[str, str, Lister]]:
    for kind, lister in GLOBAL.items():
        if kind in kinds:
            yield kind, home, lister
    for region in regions:
        for kind, lister in REGIONAL.items():
            if kind in kinds:
                yield kind, region, lister


PART_OF: Mapping[str, Any] = {
    "aws:backup/vaultLockConfiguration:VaultLockConfiguration": "backup/vault",
    "aws:backup/vaultNotifications:VaultNotifications": "backup/vault",
    "aws:backup/vaultPolicy:VaultPolicy": "backup/vault",
    "aws:cfg/recorderStatus:RecorderStatus": "config/recorder",
    "aws:cloudwatch/eventTarget:EventTarget": "events/rule",
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": "logs/group",
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": "ecr/repository",
    "aws:ecr/repositoryPolicy:RepositoryPolicy": "ecr/repository",
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": "eks/access-entry",
    "aws:guardduty/detectorFeature:DetectorFeature": "guardduty/detector",
    "aws:iam/rolePolicy:RolePolicy": "iam/role",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": "iam/role",
    "aws:kms/keyPolicy:KeyPolicy": "kms/key",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": "ec2/vpc",
    "aws:ec2/route:Route": "ec2/route-table",
    "aws:ec2/routeTableAssociation:RouteTableAssociation": "ec2/route-table",
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": "s3/bucket",
    "aws:s3/bucketLogging:BucketLogging": "s3/bucket",
    "aws:s3/bucketNotification:BucketNotification": "s3/bucket",
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": "s3/bucket",
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": "s3/bucket",
    "aws:s3/bucketPolicy:BucketPolicy": "s3/bucket",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": "s3/bucket",
    "aws:s3/bucketReplicationConfig:BucketReplicationConfig": "s3/bucket",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": "s3/bucket",
    "aws:s3/bucketVersioning:BucketVersioning": "s3/bucket",
    "aws:sns/topicPolicy:TopicPolicy": "sns/topic",
    "aws:sqs/queuePolicy:QueuePolicy": "sqs/queue",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": "ec2/security-group",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": "ec2/security-group",
}
"""Types of the program that are a part of something else and go with it, to the kind that holds them."""

IS: Mapping[str, str] = {
    "aws:accessanalyzer/analyzer:Analyzer": "accessanalyzer/analyzer",
    "aws:athena/database:Database": "glue/database",
    "aws:athena/namedQuery:NamedQuery": "athena/query",
    "aws:athena/workgroup:Workgroup": "athena/workgroup",
    "aws:backup/plan:Plan": "backup/plan",
    "aws:backup/restoreTestingPlan:RestoreTestingPlan": "backup/restore-plan",
    "aws:backup/restoreTestingSelection:RestoreTestingSelection": "backup/restore-selection",
    "aws:backup/selection:Selection": "backup/selection",
    "aws:backup/vault:Vault": "backup/vault",
    "aws:budgets/budget:Budget": "budgets/budget",
    "aws:budgets/budgetAction:BudgetAction": "budgets/action",
    "aws:cfg/deliveryChannel:DeliveryChannel": "config/channel",
    "aws:cfg/recorder:Recorder": "config/recorder",
    "aws:cloudtrail/trail:Trail": "cloudtrail/trail",
    "aws:cloudwatch/eventRule:EventRule": "events/rule",
    "aws:cloudwatch/logGroup:LogGroup": "logs/group",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "cloudwatch/alarm",
    "aws:costexplorer/anomalyMonitor:AnomalyMonitor": "ce/monitor",
    "aws:costexplorer/anomalySubscription:AnomalySubscription": "ce/subscription",
    "aws:dynamodb/table:Table": "dynamodb/table",
    "aws:ec2/eip:Eip": "ec2/address",
    "aws:ec2/flowLog:FlowLog": "ec2/flow-log",
    "aws:ec2/internetGateway:InternetGateway": "ec2/internet-gateway",
    "aws:ec2/launchTemplate:LaunchTemplate": "ec2/launch-template",
    "aws:ec2/natGateway:NatGateway": "ec2/nat-gateway",
    "aws:ec2/routeTable:RouteTable": "ec2/route-table",
    "aws:ec2/securityGroup:SecurityGroup": "ec2/security-group",
    "aws:ec2/subnet:Subnet": "ec2/subnet",
    "aws:ec2/vpc:Vpc": "ec2/vpc",
    "aws:ec2/vpcEndpoint:VpcEndpoint": "ec2/endpoint",
    "aws:ecr/repository:Repository": "ecr/repository",
    "aws:eks/accessEntry:AccessEntry": "eks/access-entry",
    "aws:eks/addon:Addon": "eks/addon",
    "aws:eks/cluster:Cluster": "eks/cluster",
    "aws:eks/nodeGroup:NodeGroup": "eks/node-group",
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": "eks/pod-identity",
    "aws:glue/catalogDatabase:CatalogDatabase": "glue/database",
    "aws:glue/catalogTable:CatalogTable": "glue/table",
    "aws:guardduty/detector:Detector": "guardduty/detector",
    "aws:iam/instanceProfile:InstanceProfile": "iam/instance-profile",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": "iam/oidc-provider",
    "aws:iam/policy:Policy": "iam/policy",
    "aws:iam/role:Role": "iam/role",
    "aws:kms/alias:Alias": "kms/alias",
    "aws:kms/key:Key": "kms/key",
    "aws:kms/replicaKey:ReplicaKey": "kms/key",
    "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock": "s3/account-block",
    "aws:s3/bucket:Bucket": "s3/bucket",
    "aws:secretsmanager/secret:Secret": "secretsmanager/secret",
    "aws:securityhub/account:Account": "securityhub/hub",
    "aws:securityhub/standardsSubscription:StandardsSubscription": "securityhub/standard",
    "aws:sns/topic:Topic": "sns/topic",
    "aws:sns/topicSubscription:TopicSubscription": "sns/subscription",
    "aws:sqs/queue:Queue": "sqs/queue",
}
"""Type of the program to the kind under which it is enumerated."""

SETTINGS_ONLY = frozenset(
    {
        "aws:costexplorer/costAllocationTag:CostAllocationTag",
        "aws:ebs/encryptionByDefault:EncryptionByDefault",
    }
)
"""Types that are a switch of the account and leave nothing that could be listed."""
