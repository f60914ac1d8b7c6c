"""The names that statements speak of: one environment, one account, one region. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Where a permission holds, and the ARNs of what is there, all known before anything is made.

    Args:
        environment: Environment, which is part of every name.
        account_id: The account.
        region: The region.
        cluster: Name of the EKS cluster.
        buckets: Data class to the name of its bucket.
        tables: Data class to the name of its DynamoDB table.
        queues: Service to what a queue holds to its name.
        partition: ``aws``, or another world of AWS.
        recovery_region: Region of the copies; empty when there is none.
    """

    environment: str
    account_id: str
    region: str
    cluster: str
    buckets: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, str] = field(default_factory=dict)
    queues: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    partition: str = "aws"
    recovery_region: str = ""

    @property
    def regions(self) -> tuple[str, ...]:
        """Regions in which the environment has anything."""
        return (self.region, self.recovery_region) if self.recovery_region else (self.region,)

    @property
    def prefix(self) -> str:
        """Start of every physical name of the environment."""
        return f"plinth-{self.environment}"

    def arn(
        self, service: str, resource: str, *, region: str | None = None, account: str | None = None
    ) -> str:
        """Return an ARN in this region and account; an empty region or account is given as ``""``."""
        where = self.region if region is None else region
        whose = self.account_id if account is None else account
        return f"arn:{self.partition}:{service}:{where}:{whose}:{resource}"

    def role(self, duty: str) -> str:
        """Return the ARN of a role of this environment; ``*`` for all."""
        return self.arn("iam", f"role/{self.prefix}-{duty}", region="")

    @property
    def boundary(self) -> str:
        """ARN of the boundary that every role of the environment carries."""
        return self.arn("iam", f"policy/{self.prefix}-boundary", region="")

    def bucket(self, data_class: str) -> str:
        """Return the ARN of the bucket of a data class."""
        return f"arn:{self.partition}:s3:::{self.buckets[data_class]}"

    def objects(self, *data_classes: str) -> list[str]:
        """Return the ARNs of all objects of some data classes."""
        return [f"{self.bucket(data_class)}/*" for data_class in data_classes]

    def table(self, data_class: str) -> list[str]:
        """Return the ARNs of a table and its indexes."""
        table = self.arn("dynamodb", f"table/{self.tables[data_class]}")
        return [table, f"{table}/index/*"]

    def queue(self, service: str, holds: str) -> str:
        """Return the ARN of a service's queue of requests, answers or failures."""
        return self.arn("sqs", self.queues[service][holds])

    @property
    def cluster_arn(self) -> str:
        """ARN of the EKS cluster."""
        return self.arn("eks", f"cluster/{self.cluster}")

    def node_groups(self, pool: str) -> str:
        """Return the ARN of a node group; ``gpu-*`` for all GPU pools."""
        return self.arn("eks", f"nodegroup/{self.cluster}/{pool}/*")

    @property
    def keys(self) -> str:
        """ARN of every key of the account in the region; to be narrowed by alias."""
        return self.arn("kms", "key/*")

    def key_aliases(self, *data_classes: str) -> dict[str, dict[str, list[str]]]:
        """Return the condition that a key is that of one of some data classes.

        A key's ARN is not known before it is made; its alias is (KMS guide, ``kms:ResourceAliases``).
        """
        aliases = [f"alias/{self.prefix}-{data_class}" for data_class in data_classes]
        return {"ForAnyValue:StringEquals": {"kms:ResourceAliases": aliases}}
