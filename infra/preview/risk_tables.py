"""Which types hold what: the knowledge about resources that risk rules stand on. Data."""

from infra.preview.levels import Kind, Level

HOLDS_DATA = {
    "aws:s3/bucket:Bucket": "the bucket and every object version in it",
    "aws:dynamodb/table:Table": "the table and every item in it",
    "aws:kms/key:Key": "the key, and with it everything that it encrypted",
    "aws:backup/vault:Vault": "the vault and the backups in it",
    "aws:cloudwatch/logGroup:LogGroup": "the log group and every event in it",
    "aws:cloudtrail/trail:Trail": "the trail: from then on nothing is recorded",
    "aws:ecr/repository:Repository": "the repository and every image in it",
    "aws:rds/instance:Instance": "the database",
    "aws:rds/cluster:Cluster": "the database cluster",
    "aws:ebs/volume:Volume": "the volume",
    "aws:efs/fileSystem:FileSystem": "the file system",
    "aws:elasticache/replicationGroup:ReplicationGroup": "the cache and what is only in it",
    "aws:secretsmanager/secret:Secret": "the secret",
    "aws:sqs/queue:Queue": "the queue and the messages in it",
    "aws:kinesis/stream:Stream": "the stream and the records in it",
    "aws:glue/catalogTable:CatalogTable": "the definition of the table",
    "kubernetes:core/v1:PersistentVolumeClaim": "the claim and, with the default policy, its volume",
    "kubernetes:core/v1:PersistentVolume": "the volume",
    "kubernetes:core/v1:Namespace": "the namespace and everything that lives in it",
    "kubernetes:core/v1:Secret": "the secret",
    "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition": "the definition and its objects",
}
"""Type to what is lost with it."""
REBUILDABLE = frozenset({"aws:glue/catalogTable:CatalogTable", "kubernetes:core/v1:Secret"})
"""Types whose content the program makes again: their loss is an interruption, not data loss."""
SERVES = {
    "aws:eks/cluster:Cluster": "the cluster and every pod on it",
    "aws:eks/nodeGroup:NodeGroup": "the nodes and the pods on them",
    "aws:eks/addon:Addon": "a part of the cluster",
    "aws:ec2/vpc:Vpc": "the network and everything in it",
    "aws:ec2/subnet:Subnet": "a subnet and everything in it",
    "aws:ec2/routeTable:RouteTable": "the routes of subnets",
    "aws:ec2/natGateway:NatGateway": "the way out of the network",
    "aws:ec2/vpcEndpoint:VpcEndpoint": "the way to an AWS service",
    "aws:ec2/securityGroup:SecurityGroup": "the rules of who reaches what",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": "a way in",
    "aws:lb/loadBalancer:LoadBalancer": "the way in",
    "aws:iam/role:Role": "the identity of what runs with it",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": "the trust in a token issuer",
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": "the identity of a workload",
    "aws:eks/accessEntry:AccessEntry": "somebody's way into the cluster",
    "kubernetes:apps/v1:Deployment": "the pods of a service",
    "kubernetes:apps/v1:StatefulSet": "the pods of a service",
    "kubernetes:apps/v1:DaemonSet": "a pod on every node",
    "kubernetes:core/v1:Service": "the address of a service",
    "kubernetes:core/v1:ServiceAccount": "the identity of pods",
    "kubernetes:gateway.networking.k8s.io/v1:Gateway": "the way in",
    "kubernetes:gateway.networking.k8s.io/v1:HTTPRoute": "the way to a service",
}
"""Type to what stops working while it is gone."""
GUARDS = {
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": (
        Kind.EXPOSURE,
        "what keeps the bucket private",
    ),
    "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock": (
        Kind.EXPOSURE,
        "what keeps all buckets private",
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        Kind.ENCRYPTION,
        "the encryption of new objects",
    ),
    "aws:s3/bucketVersioning:BucketVersioning": (Kind.RETENTION, "the versions that undo an overwrite"),
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": (
        Kind.RETENTION,
        "the lock that keeps records",
    ),
    "aws:s3/bucketReplicationConfig:BucketReplicationConfig": (
        Kind.RETENTION,
        "the copies in the other region",
    ),
    "aws:s3/bucketLogging:BucketLogging": (Kind.SAFEGUARD, "the access log"),
    "aws:backup/plan:Plan": (Kind.RETENTION, "the nightly backups"),
    "aws:backup/selection:Selection": (Kind.RETENTION, "the list of what is backed up"),
    "aws:backup/vaultLockConfiguration:VaultLockConfiguration": (Kind.RETENTION, "the lock of the backups"),
    "aws:cfg/recorder:Recorder": (Kind.SAFEGUARD, "the record of configurations"),
    "aws:cfg/recorderStatus:RecorderStatus": (Kind.SAFEGUARD, "the record of configurations"),
    "aws:guardduty/detector:Detector": (Kind.SAFEGUARD, "the watch over the account"),
    "aws:guardduty/detectorFeature:DetectorFeature": (Kind.SAFEGUARD, "a part of the watch over the account"),
    "aws:securityhub/account:Account": (Kind.SAFEGUARD, "the checks of the account's posture"),
    "aws:accessanalyzer/analyzer:Analyzer": (Kind.SAFEGUARD, "the report of outside access"),
    "aws:ec2/flowLog:FlowLog": (Kind.SAFEGUARD, "the record of connections"),
    "aws:budgets/budget:Budget": (Kind.SAFEGUARD, "the budget and its alerts"),
    "aws:budgets/budgetAction:BudgetAction": (
        Kind.SAFEGUARD,
        "what stops new GPU capacity when the budget is spent",
    ),
    "kubernetes:networking.k8s.io/v1:NetworkPolicy": (Kind.EXPOSURE, "a rule of who may reach pods"),
    "kubernetes:policy/v1:PodDisruptionBudget": (Kind.DOWNTIME, "what keeps pods while nodes are drained"),
    "kubernetes:core/v1:ResourceQuota": (Kind.SAFEGUARD, "the limit of what a namespace may take"),
    "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy": (
        Kind.SAFEGUARD,
        "a rule that refuses what must not run",
    ),
    "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicyBinding": (
        Kind.SAFEGUARD,
        "a rule that refuses what must not run",
    ),
}
"""Type to what is lost when it goes or stands apart for a while."""

FEWER = {
    ("aws:cloudwatch/logGroup:LogGroup", "retentionInDays"): (Level.HIGH, "older log events are deleted"),
    ("aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration", "rule.defaultRetention.days"): (
        Level.HIGH,
        "new records can be removed sooner",
    ),
    ("aws:backup/vaultLockConfiguration:VaultLockConfiguration", "minRetentionDays"): (
        Level.HIGH,
        "backups can be removed sooner",
    ),
    ("aws:kms/key:Key", "deletionWindowInDays"): (Level.MEDIUM, "less time to undo the deletion of the key"),
    ("aws:dynamodb/table:Table", "pointInTimeRecovery.recoveryPeriodInDays"): (
        Level.HIGH,
        "the table can be wound back less far",
    ),
    ("aws:guardduty/detector:Detector", "findingPublishingFrequency"): (Level.LOW, "findings come later"),
}
"""Type and path of numbers whose shrinking loses something, with what it loses."""
