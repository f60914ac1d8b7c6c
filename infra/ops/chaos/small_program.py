"""A program of some twenty resources for the real engine and the real AWS provider, and nothing else.

Each kind of creation that matters is there: by a name that is its id (bucket, table, role, log group), by
an id that AWS draws (key, network, security group), and parts that are written onto another resource.
The engine runs a copy of this file; the stack's name is the environment's.
"""

import json

import pulumi
import pulumi_aws as aws

from infra import naming, sdk
from infra.components.alert_topic import AlertTopic, AlertTopicArgs
from infra.components.encryption_key import EncryptionKey, EncryptionKeyArgs
from infra.components.protected_table import ProtectedTable, ProtectedTableArgs
from infra.iam.service_roles import service_trust

ACCOUNT, REGION = "123456789012", "eu-central-1"
MAX_RETRIES = 5
"""How often the provider asks again. Its own number is 25, with which a service that is away for good keeps
a run waiting for a quarter of an hour; here it has to give up now and then, within seconds."""


def build(environment: str) -> None:
    """Place everything."""
    tags = {f"{naming.PROJECT}:environment": environment}
    provider = aws.Provider(
        "aws",
        region=REGION,
        allowed_account_ids=[ACCOUNT],
        max_retries=MAX_RETRIES,
        default_tags=aws.ProviderDefaultTagsArgs(tags=tags),
    )
    opts = pulumi.ResourceOptions(providers=[provider])
    keys = {
        role: EncryptionKey(
            f"{role}-key",
            EncryptionKeyArgs(
                environment=environment, data_class=role, account_id=ACCOUNT, deletion_days=7, grants=()
            ),
            opts,
        )
        for role in ("data", "alerts")
    }
    ProtectedTable(
        "registry",
        ProtectedTableArgs(
            table_name=naming.table(environment, "registry"),
            data_class="registry",
            key_arn=keys["data"].arn,
            attributes={"model": "S", "version": "S"},
            partition_by="model",
            sort_by="version",
        ),
        opts,
    )
    AlertTopic(
        "alerts",
        AlertTopicArgs(
            topic_name=naming.role(environment, "alerts"),
            key_arn=keys["alerts"].arn,
            account_id=ACCOUNT,
            region=REGION,
            sources=("budgets.amazonaws.com",),
            addresses=(),
        ),
        opts,
    )
    child = pulumi.ResourceOptions(provider=provider)
    _bucket(environment, child, keys["data"].arn)
    _role(environment, child)
    _network(environment, child)


def _bucket(environment: str, child: pulumi.ResourceOptions, key_arn: pulumi.Output[str]) -> None:
    name = naming.bucket(environment, "data", account_id=ACCOUNT, region=REGION)
    bucket = aws.s3.Bucket("data", bucket=name, opts=child)
    aws.s3.BucketVersioning(
        "data-versioning",
        bucket=bucket.id,
        versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
        opts=child,
    )
    aws.s3.BucketPublicAccessBlock(
        "data-private",
        bucket=bucket.id,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=child,
    )
    default = aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
        sse_algorithm="aws:kms", kms_master_key_id=key_arn
    )
    aws.s3.BucketServerSideEncryptionConfiguration(
        "data-encryption",
        bucket=bucket.id,
        rules=[
            aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
                apply_server_side_encryption_by_default=default
            )
        ],
        opts=child,
    )


def _role(environment: str, child: pulumi.ResourceOptions) -> None:
    role = aws.iam.Role(
        "service",
        name=naming.role(environment, "service"),
        assume_role_policy=service_trust("backup.amazonaws.com", account_id=ACCOUNT),
        opts=child,
    )
    reads = {"Effect": "Allow", "Action": "logs:DescribeLogGroups", "Resource": "*"}
    aws.iam.RolePolicy(
        "service-reads",
        role=role.name,
        policy=json.dumps({"Version": "2012-10-17", "Statement": [reads]}),
        opts=child,
    )
    aws.cloudwatch.LogGroup(
        "service-log", name=naming.log_group(environment, "service"), retention_in_days=400, opts=child
    )


def _network(environment: str, child: pulumi.ResourceOptions) -> None:
    network = aws.ec2.Vpc(
        "network", cidr_block="10.77.0.0/16", tags={"Name": naming.role(environment, "network")}, opts=child
    )
    for number, zone in enumerate("ab"):
        aws.ec2.Subnet(
            f"private-{zone}",
            vpc_id=network.id,
            cidr_block=f"10.77.{number}.0/24",
            availability_zone=f"{REGION}{zone}",
            opts=child,
        )
    aws.ec2.SecurityGroup(
        "services",
        name=naming.role(environment, "services"),
        description="Takes part in the drill",
        vpc_id=network.id,
        opts=child,
    )


if __name__ == "__main__":
    sdk.lighten()
    build(pulumi.get_stack())
