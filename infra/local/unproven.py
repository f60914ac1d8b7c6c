"""What the local platform accepts and keeps, but cannot prove: ``./plinth doctor`` prints it.

Everything in this table is applied for real on the local AWS API, so names, order and permissions of the
program are exercised. What the service then does with it is not. A row goes when a test proves it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Unproven:
    """One thing that only AWS itself can prove.

    Args:
        resource: Token of the resource type, as in ``pulumi_aws`` or ``pulumi_kubernetes``.
        what: What is unproven.
        instead: How it is checked until then.
    """

    resource: str
    what: str
    instead: str


UNPROVEN = (
    Unproven(
        resource="aws:accessanalyzer/analyzer:Analyzer",
        what="that anything is analysed; moto lacks the service and the local API only keeps the analyzer",
        instead="bucket, key and trust policies are judged by the policy pack in every preview",
    ),
    Unproven(
        resource="aws:athena/namedQuery:NamedQuery",
        what="that Athena takes the SQL and the table's format",
        instead="tests compare the columns that a query names with those of the table",
    ),
    Unproven(
        resource="aws:backup/plan:Plan",
        what="that backups and copies are made at night",
        instead="tests compare schedule, retention, lock and copies with the settings",
    ),
    Unproven(
        resource="aws:backup/restoreTestingPlan:RestoreTestingPlan",
        what="that anything is restored; moto has no restores and the local API only keeps the plan",
        instead="tests check that what is backed up has a weekly restore test by the role that may restore",
    ),
    Unproven(
        resource="aws:backup/selection:Selection",
        what="that the tag selects the stores; moto lacks selections and the local API only keeps them",
        instead="a test compares the tag with those of all stores of the program",
    ),
    Unproven(
        resource="aws:backup/vaultLockConfiguration:VaultLockConfiguration",
        what="that the lock refuses an early deletion",
        instead="a test compares the lock with the retention of the plan",
    ),
    Unproven(
        resource="aws:budgets/budget:Budget",
        what="that spending is counted and people are told",
        instead="tests compare limit, thresholds and addresses with the settings",
    ),
    Unproven(
        resource="aws:budgets/budgetAction:BudgetAction",
        what="that the policy is attached when the budget is spent; moto lacks actions, they are only kept",
        instead="tests check that the policy only forbids, and that the role may attach this policy only",
    ),
    Unproven(
        resource="aws:cfg/recorder:Recorder",
        what="that changes are recorded and delivered",
        instead="tests check role, bucket policy and order; the recorder is switched on in the local API",
    ),
    Unproven(
        resource="aws:cloudtrail/trail:Trail",
        what="that events are delivered, encrypted and validated",
        instead="tests check selectors and the policies of bucket, key and role",
    ),
    Unproven(
        resource="aws:cloudwatch/logMetricFilter:LogMetricFilter",
        what="that the filter's pattern finds a use of the break-glass role in the two logs",
        instead="tests compare role, log groups and topic; patterns follow the CloudWatch Logs syntax",
    ),
    Unproven(
        resource="aws:costexplorer/anomalyMonitor:AnomalyMonitor",
        what="that anomalies are found; moto lacks them and the local API only keeps the monitor",
        instead="tests compare the threshold with the settings",
    ),
    Unproven(
        resource="aws:costexplorer/costAllocationTag:CostAllocationTag",
        what="that AWS knows the tags when they are activated, and splits the bill by them",
        instead="off by default (plinth:cost.allocation_tags); a test finds the tags on every resource",
    ),
    Unproven(
        resource="aws:dynamodb/table:Table",
        what="that encryption and recovery to a point in time work",
        instead="tests check the table's properties; the API answers with what was asked for",
    ),
    Unproven(
        resource="aws:ec2/flowLog:FlowLog",
        what="that connections are recorded; there is no traffic in the local API",
        instead="tests check that log group, role and encryption are those of the flow log",
    ),
    Unproven(
        resource="aws:ec2/launchTemplate:LaunchTemplate",
        what="that a pool with a MIG profile partitions its GPUs before nodes join; never run on hardware",
        instead="tests read the user data, check the script's syntax and count its instances",
    ),
    Unproven(
        resource="aws:ec2/vpcEndpoint:VpcEndpoint",
        what="that nodes reach AWS by the endpoints alone, and that private names resolve to them",
        instead="tests compare the list of services with what nodes and pods need, for each zone",
    ),
    Unproven(
        resource="aws:eks/accessEntry:AccessEntry",
        what="that IAM roles enter with their groups; the laptop's API server asks nobody for entries",
        instead="SubjectAccessReview tries the same groups on the real API server",
    ),
    Unproven(
        resource="aws:eks/addon:Addon",
        what="that the add-on runs, and that its version exists for the cluster's version",
        instead="versions are pinned; compare with 'aws eks describe-addon-versions' before a first up",
    ),
    Unproven(
        resource="aws:eks/cluster:Cluster",
        what="that the control plane runs, keeps its logs, encrypts secrets and cannot be deleted",
        instead="the policy pack judges each of these properties; a real API server takes the manifests",
    ),
    Unproven(
        resource="aws:eks/nodeGroup:NodeGroup",
        what="that nodes start from the template, join, and that the pool grows from zero; the Cluster "
        "Autoscaler is deployed here like everything else, but its pods are simulated and never decide",
        instead="the real scheduler puts GPU pods onto simulated nodes with the same label and taint; tests "
        "compare labels, taints and the autoscaler's tags with the settings, and try the autoscaler's role",
    ),
    Unproven(
        resource="aws:eks/podIdentityAssociation:PodIdentityAssociation",
        what="that a pod gets its role's credentials",
        instead="tests try trust and policy of each role, refused requests included",
    ),
    Unproven(
        resource="aws:guardduty/detector:Detector",
        what="that threats are found",
        instead="the local API answers with the features that were asked for; a second up changes nothing",
    ),
    Unproven(
        resource="aws:iam/role:Role",
        what="that IAM itself decides as the tests' evaluator does; boundary and conditions included",
        instead="over 130 rows of who may do what, by an evaluator that tests compare with moto's engine",
    ),
    Unproven(
        resource="aws:kms/key:Key",
        what="that key policies are enforced; moto encrypts for everybody",
        instead="key policies are judged by the policy pack in every preview",
    ),
    Unproven(
        resource="aws:s3/bucketReplicationConfig:BucketReplicationConfig",
        what="that S3 may copy with this role and these keys, and in time; the local API copies every object "
        "two seconds after it was written, whatever the role may do",
        instead="tests compare rule, role and both keys; drills lose a region while copies are on their way",
    ),
    Unproven(
        resource="aws:securityhub/standardsSubscription:StandardsSubscription",
        what="that controls are evaluated; moto lacks standards, subscriptions are only kept",
        instead="the policy pack judges the same controls before anything is deployed",
    ),
    Unproven(
        resource="aws:sns/topic:Topic",
        what="that a mail comes: Alertmanager's messages reach the emulated topic, which sends nothing on",
        instead="the drill of alerts counts what the emulated SNS took",
    ),
    Unproven(
        resource="aws:sns/topicSubscription:TopicSubscription",
        what="that mails arrive and are confirmed",
        instead="tests compare the addresses with the settings",
    ),
    Unproven(
        resource="kubernetes:apps/v1:DaemonSet",
        what="that device plugin, DCGM exporter and node exporter start, and that their images exist: the "
        "digests are those of NVIDIA's GPU operator 25.3.1 and of public clusters, nothing was pulled; on a "
        "laptop kwok plays their pods ready",
        instead="the real API server admits them into their namespace, refuses all others there, and the "
        "real scheduler puts them onto GPU nodes only",
    ),
    Unproven(
        resource="kubernetes:apps/v1:Deployment",
        what="that Prometheus, Alertmanager, kube-state-metrics and Grafana start from their images: the "
        "digests are those that public clusters pin, nothing was pulled; the operations exporter has none "
        "until one is named",
        instead="kwok plays their pods ready; real Prometheus, Alertmanager and exporter run beside them as "
        "parts of the platform, with the ConfigMaps of the program",
    ),
)
"""The table, by resource type."""
