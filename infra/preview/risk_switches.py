"""Properties whose good state must not be left, and what it means when they do. Data."""

from dataclasses import dataclass

from infra.preview.levels import Kind, Level


@dataclass(frozen=True, kw_only=True)
class Switch:
    """A property whose good state must not be left.

    Args:
        type: Type token.
        path: Where it stands.
        good: The values that are good, the best first; an order for those that weaken step by step.
        level: Danger when it leaves them.
        kind: What kind.
        means: What is then true, as a sentence.
    """

    type: str
    path: str
    good: tuple[object, ...]
    level: Level
    kind: Kind
    means: str


SWITCHES = (
    *(
        Switch(
            type=f"aws:s3/{kind}",
            path=path,
            good=(True,),
            level=Level.CRITICAL,
            kind=Kind.EXPOSURE,
            means=f"{path} is off: the bucket can be opened to everyone",
        )
        for kind in (
            "bucketPublicAccessBlock:BucketPublicAccessBlock",
            "accountPublicAccessBlock:AccountPublicAccessBlock",
        )
        for path in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    ),
    Switch(
        type="aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        path="rules.applyServerSideEncryptionByDefault.sseAlgorithm",
        good=("aws:kms:dsse", "aws:kms"),
        level=Level.HIGH,
        kind=Kind.ENCRYPTION,
        means="new objects are not encrypted with a key of our own",
    ),
    Switch(
        type="aws:s3/bucketVersioning:BucketVersioning",
        path="versioningConfiguration.status",
        good=("Enabled",),
        level=Level.HIGH,
        kind=Kind.RETENTION,
        means="an overwritten or deleted object is lost",
    ),
    Switch(
        type="aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
        path="rule.defaultRetention.mode",
        good=("COMPLIANCE",),
        level=Level.HIGH,
        kind=Kind.RETENTION,
        means="an administrator can remove records",
    ),
    Switch(
        type="aws:s3/bucket:Bucket",
        path="forceDestroy",
        good=(False, None),
        level=Level.HIGH,
        kind=Kind.DATA_LOSS,
        means="deleting the bucket will delete every object in it without a question",
    ),
    Switch(
        type="aws:kms/key:Key",
        path="enableKeyRotation",
        good=(True,),
        level=Level.MEDIUM,
        kind=Kind.ENCRYPTION,
        means="the key is not rotated",
    ),
    Switch(
        type="aws:kms/key:Key",
        path="isEnabled",
        good=(True, None),
        level=Level.CRITICAL,
        kind=Kind.ENCRYPTION,
        means="nothing that the key encrypted can be read",
    ),
    Switch(
        type="aws:dynamodb/table:Table",
        path="deletionProtectionEnabled",
        good=(True,),
        level=Level.HIGH,
        kind=Kind.PROTECTED,
        means="the table can be deleted by one call",
    ),
    Switch(
        type="aws:dynamodb/table:Table",
        path="pointInTimeRecovery.enabled",
        good=(True,),
        level=Level.HIGH,
        kind=Kind.RETENTION,
        means="the table cannot be wound back",
    ),
    Switch(
        type="aws:dynamodb/table:Table",
        path="serverSideEncryption.enabled",
        good=(True,),
        level=Level.HIGH,
        kind=Kind.ENCRYPTION,
        means="the table is not encrypted with a key of our own",
    ),
    Switch(
        type="aws:eks/cluster:Cluster",
        path="deletionProtection",
        good=(True,),
        level=Level.HIGH,
        kind=Kind.PROTECTED,
        means="EKS does not refuse to delete the cluster",
    ),
    Switch(
        type="aws:eks/cluster:Cluster",
        path="vpcConfig.endpointPublicAccess",
        good=(False,),
        level=Level.HIGH,
        kind=Kind.EXPOSURE,
        means="the Kubernetes API can be reached from outside the network",
    ),
    Switch(
        type="aws:eks/cluster:Cluster",
        path="vpcConfig.endpointPrivateAccess",
        good=(True,),
        level=Level.MEDIUM,
        kind=Kind.EXPOSURE,
        means="nodes talk to the Kubernetes API over the public way",
    ),
    Switch(
        type="aws:ecr/repository:Repository",
        path="imageTagMutability",
        good=("IMMUTABLE",),
        level=Level.HIGH,
        kind=Kind.SAFEGUARD,
        means="what a tag names can be exchanged",
    ),
    Switch(
        type="aws:ecr/repository:Repository",
        path="forceDelete",
        good=(False, None),
        level=Level.HIGH,
        kind=Kind.DATA_LOSS,
        means="deleting the repository will delete every image in it",
    ),
    Switch(
        type="aws:cloudtrail/trail:Trail",
        path="enableLogging",
        good=(True, None),
        level=Level.CRITICAL,
        kind=Kind.SAFEGUARD,
        means="nothing is recorded",
    ),
    Switch(
        type="aws:cloudtrail/trail:Trail",
        path="isMultiRegionTrail",
        good=(True,),
        level=Level.HIGH,
        kind=Kind.SAFEGUARD,
        means="other regions are not recorded",
    ),
    Switch(
        type="aws:cloudtrail/trail:Trail",
        path="enableLogFileValidation",
        good=(True,),
        level=Level.HIGH,
        kind=Kind.SAFEGUARD,
        means="a changed record is not noticed",
    ),
    Switch(
        type="aws:guardduty/detector:Detector",
        path="enable",
        good=(True, None),
        level=Level.HIGH,
        kind=Kind.SAFEGUARD,
        means="nobody watches the account",
    ),
    Switch(
        type="aws:backup/vault:Vault",
        path="forceDestroy",
        good=(False, None),
        level=Level.HIGH,
        kind=Kind.DATA_LOSS,
        means="deleting the vault will delete every backup in it",
    ),
    Switch(
        type="aws:ec2/launchTemplate:LaunchTemplate",
        path="metadataOptions.httpTokens",
        good=("required",),
        level=Level.HIGH,
        kind=Kind.ACCESS,
        means="a request forgery on a node can take the node's role (IMDSv1)",
    ),
    Switch(
        type="aws:ec2/launchTemplate:LaunchTemplate",
        path="blockDeviceMappings.ebs.encrypted",
        good=("true", True),
        level=Level.HIGH,
        kind=Kind.ENCRYPTION,
        means="disks of nodes are not encrypted",
    ),
    Switch(
        type="aws:ec2/subnet:Subnet",
        path="mapPublicIpOnLaunch",
        good=(False, None),
        level=Level.HIGH,
        kind=Kind.EXPOSURE,
        means="what starts in the subnet gets a public address",
    ),
    Switch(
        type="aws:rds/instance:Instance",
        path="publiclyAccessible",
        good=(False, None),
        level=Level.CRITICAL,
        kind=Kind.EXPOSURE,
        means="the database can be reached from the internet",
    ),
)
"""Properties with a good state."""
