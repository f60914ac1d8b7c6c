"""The audit trail as a table, with the questions that auditors ask ready to run."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.iam.audit_queries import COLUMNS, named_queries

SCAN_LIMIT_BYTES = 100 * 1024**3
"""Bytes that one query may read: 0.50 US dollars at Athena's list price of 5 a TB, and a month of a busy
account's trail; a query without a day in it stops there."""


@dataclass(frozen=True, kw_only=True)
class AuditQueriesArgs:
    """What the queries need to know.

    Args:
        queries_name: Name of the workgroup.
        database_name: Name of the Glue database: lower-case letters, digits and underscores.
        trail_bucket: Name of the bucket with the log files.
        results_bucket: Bucket that takes results.
        results_key_arn: Key with which results are encrypted.
        account_id: The account that is recorded; its only owner of results.
        regions: Regions whose events can be asked for.
        data_buckets: Names of the buckets with training data.
        gpu_names: Parts of the names of the node groups, roles and launch templates of GPU pools.
    """

    queries_name: str
    database_name: str
    trail_bucket: str
    results_bucket: pulumi.Input[str]
    results_key_arn: pulumi.Input[str]
    account_id: str
    regions: list[str]
    data_buckets: list[str]
    gpu_names: list[str]


class AuditQueries(pulumi.ComponentResource):
    """An Athena workgroup with encrypted results, the trail's table, and named queries."""

    workgroup: pulumi.Output[str]
    """Workgroup in which the queries run."""
    database: pulumi.Output[str]
    """Glue database with the table ``trail``."""

    def __init__(self, name: str, args: AuditQueriesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Place workgroup, database, table and queries."""
        super().__init__("plinth:audit:AuditQueries", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        database = aws.glue.CatalogDatabase(
            f"{name}-database",
            name=args.database_name,
            description="What was done in the account, from the audit trail.",
            opts=child,
        )
        _trail_table(self, name, args, database)
        workgroup = aws.athena.Workgroup(
            f"{name}-workgroup",
            name=args.queries_name,
            description="Questions to the audit trail; results are encrypted and a query's size is limited.",
            configuration=aws.athena.WorkgroupConfigurationArgs(
                enforce_workgroup_configuration=True,
                publish_cloudwatch_metrics_enabled=True,
                bytes_scanned_cutoff_per_query=SCAN_LIMIT_BYTES,
                result_configuration=aws.athena.WorkgroupConfigurationResultConfigurationArgs(
                    output_location=pulumi.Output.concat("s3://", args.results_bucket, "/athena/"),
                    expected_bucket_owner=args.account_id,
                    encryption_configuration=aws.athena.WorkgroupConfigurationResultConfigurationEncryptionConfigurationArgs(
                        encryption_option="SSE_KMS", kms_key_arn=args.results_key_arn
                    ),
                ),
            ),
            opts=child,
        )
        for query in named_queries(
            table="trail", data_buckets=args.data_buckets, gpu_patterns=args.gpu_names
        ):
            aws.athena.NamedQuery(
                f"{name}-{query.name}",
                name=query.name,
                description=query.question,
                database=database.name,
                workgroup=workgroup.name,
                query=query.sql,
                opts=child,
            )
        self.workgroup = workgroup.name
        self.database = database.name
        self.register_outputs({"workgroup": self.workgroup, "database": self.database})


def _trail_table(
    parent: pulumi.Resource, name: str, args: AuditQueriesArgs, database: aws.glue.CatalogDatabase
) -> None:
    """Place the table over the log files; its partitions follow from region and day, nothing is crawled."""
    root = f"s3://{args.trail_bucket}/AWSLogs/{args.account_id}/CloudTrail"
    aws.glue.CatalogTable(
        f"{name}-trail",
        name="trail",
        database_name=database.name,
        description="One row for each recorded event.",
        table_type="EXTERNAL_TABLE",
        parameters={
            "classification": "cloudtrail",
            "projection.enabled": "true",
            "projection.region.type": "enum",
            "projection.region.values": ",".join(sorted(args.regions)),
            "projection.day.type": "date",
            "projection.day.format": "yyyy/MM/dd",
            "projection.day.range": "2025/01/01,NOW",
            "projection.day.interval": "1",
            "projection.day.interval.unit": "DAYS",
            "storage.location.template": f"{root}/${{region}}/${{day}}",
        },
        partition_keys=[
            aws.glue.CatalogTablePartitionKeyArgs(name=key, type="string") for key in ("region", "day")
        ],
        storage_descriptor=aws.glue.CatalogTableStorageDescriptorArgs(
            location=f"{root}/",
            input_format="com.amazon.emr.cloudtrail.CloudTrailInputFormat",
            output_format="org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
            ser_de_info=aws.glue.CatalogTableStorageDescriptorSerDeInfoArgs(
                serialization_library="org.apache.hive.hcatalog.data.JsonSerDe"
            ),
            columns=[
                aws.glue.CatalogTableStorageDescriptorColumnArgs(name=column, type=kind)
                for column, kind in COLUMNS.items()
            ],
        ),
        opts=pulumi.ResourceOptions(parent=parent),
    )
