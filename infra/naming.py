"""Names: every physical name is made here, within the limit of the service that takes it.

A name is ``plinth-<environment>-<role>[-<suffix>]``. When it is too long, its end is replaced by
a digest of the whole, so that two long names never meet.
"""

import hashlib
import re

PROJECT = "plinth"
STATE = "state"
"""Data class of the bucket and the key that hold the engine's state."""

BUCKET_LIMIT = 63
"""Characters of an S3 bucket name (S3 user guide, bucket naming rules)."""
ALIAS_LIMIT = 250
"""Characters of a KMS alias after ``alias/`` (KMS CreateAlias)."""
LABEL_LIMIT = 63
"""Characters of a Kubernetes label value or DNS label (RFC 1123)."""
TABLE_LIMIT = 255
"""Characters of a DynamoDB table name (DynamoDB naming rules)."""
QUEUE_LIMIT = 80
"""Characters of an SQS queue name (SQS CreateQueue)."""
QUEUES = ("answers", "failed", "requests")
"""What the queues of a service hold."""
ROLE_LIMIT = 64
"""Characters of an IAM role name (IAM CreateRole)."""
CLUSTER_LIMIT = 100
"""Characters of an EKS cluster name (EKS CreateCluster)."""
BACKUP_LIMIT = 50
"""Characters of the name of a backup vault, plan or selection (AWS Backup CreateBackupVault)."""
ANNOTATIONS = "plinth.dev/"
"""Prefix of annotations and labels that are this project's own."""
FIELD_MANAGER = {"pulumi.com/patchFieldManager": PROJECT}
"""Annotation of every object in the cluster: each run is the same owner of its fields. Without it the
provider draws an owner's name for each object that it creates, and when a run is cut off before it wrote
that name down, no later run may change the object: the API server answers with a conflict."""
DIGEST_LENGTH = 7
"""Hex digits of the digest that shortens a name: one chance in 268 million for two to meet."""


def fit(name: str, limit: int) -> str:
    """Return ``name`` when it fits, else its head and a digest of the whole.

    Args:
        name: Lower-case letters, digits and dashes.
        limit: Longest result, in characters.

    Raises:
        ValueError: The limit leaves no room for the digest, or the name has other characters.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
        raise ValueError(f"name {name!r} may hold lower-case letters, digits and dashes only")
    if len(name) <= limit:
        return name
    room = limit - DIGEST_LENGTH - 1
    if room < 1:
        raise ValueError(f"a limit of {limit} leaves no room for a digest")
    digest = hashlib.sha256(name.encode()).hexdigest()[:DIGEST_LENGTH]
    return f"{name[:room].rstrip('-')}-{digest}"


def bucket(environment: str, role: str, *, account_id: str, region: str) -> str:
    """Return the name of a bucket: unique in the world by account, and in recovery by region."""
    return fit(f"{PROJECT}-{environment}-{role}-{account_id}-{region}", BUCKET_LIMIT)


def key_alias(environment: str, role: str) -> str:
    """Return the alias of a KMS key, with its ``alias/`` prefix."""
    return "alias/" + fit(f"{PROJECT}-{environment}-{role}", ALIAS_LIMIT)


def table(environment: str, role: str) -> str:
    """Return the name of a DynamoDB table."""
    return fit(f"{PROJECT}-{environment}-{role}", TABLE_LIMIT)


def queue(environment: str, service: str, holds: str) -> str:
    """Return the name of a service's queue of requests, answers or failures."""
    return fit(f"{PROJECT}-{environment}-{service}-{holds}", QUEUE_LIMIT)


def role(environment: str, duty: str) -> str:
    """Return the name of an IAM role, policy or instance profile."""
    return fit(f"{PROJECT}-{environment}-{duty}", ROLE_LIMIT)


def backup(environment: str, role: str) -> str:
    """Return the name of a backup vault, plan or selection."""
    return fit(f"{PROJECT}-{environment}-{role}", BACKUP_LIMIT)


def cluster(environment: str) -> str:
    """Return the name of the EKS cluster."""
    return fit(f"{PROJECT}-{environment}", CLUSTER_LIMIT)


def log_group(environment: str, subject: str) -> str:
    """Return the name of a log group of this project's own."""
    return f"/{PROJECT}/{environment}/{subject}"


def label(name: str) -> str:
    """Return a Kubernetes name or label value."""
    return fit(name, LABEL_LIMIT)


def repository(environment: str, service: str, *, account_id: str, region: str) -> str:
    """Return the image repository of a service, as a registry address without tag or digest."""
    return f"{account_id}.dkr.ecr.{region}.amazonaws.com/{PROJECT}-{environment}/{service}"
