"""Classes of data: which have a bucket and a key, what is locked, what is copied to another region.

Pure words and numbers, so that a command can ask for them without loading a component.
"""

from infra import naming
from infra.settings import Settings

BUCKETS = ("artifacts", "audit", "data", "decisions", "features", "queries")
"""Data classes with a bucket: models, trail and configuration history, training data, decision log,
offline feature store, results of audit queries. Not here: the state, which cannot hold the bucket that
holds it; ``./plinth bootstrap`` makes that one."""
LOCKED = ("audit", "decisions")
"""Data classes whose records nobody may change or remove before their time."""
_OTHERS = ("alerts", "backup", "cluster", "images", "logs", "registry", "requests", "reviews", "volumes")
KEYS = (*BUCKETS, *_OTHERS)
"""Data classes with a key of their own; who may read one class has no need to read another."""
REPLICATED = ("artifacts", "data", "decisions")
"""Data classes whose objects are copied: what cannot be made again. Features follow from data."""
COPY_MINUTES = 15
"""Minutes within which S3 promises to copy 99.99 % of objects (S3 Replication Time Control)."""


def bucket_name(settings: Settings, data_class: str) -> str:
    """Return the name of a data class's bucket, known before anything is made."""
    aws = settings.aws
    return naming.bucket(settings.environment, data_class, account_id=aws.account_id, region=aws.region)
