"""How each service says what tags a thing carries."""

from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from infra.ops.account import Account

Row = Mapping[str, Any]
_NO_TAGS = ("NoSuchTagSet", "ResourceNotFoundException")


def pairs(rows: Iterable[Row] | None, key: str = "Key", value: str = "Value") -> dict[str, str]:
    """Return a list of key and value as a mapping. Pure."""
    return {str(row[key]): str(row.get(value, "")) for row in rows or ()}


def inline(row: Row) -> dict[str, str]:
    """Return the tags that EC2 gives with each row."""
    return pairs(row.get("Tags"))


def bucket(account: Account, name: str, region: str) -> dict[str, str]:
    """Return the tags of a bucket."""
    try:
        return pairs(account.client("s3", region).get_bucket_tagging(Bucket=name)["TagSet"])
    except ClientError as error:
        if error.response["Error"]["Code"] in _NO_TAGS:
            return {}
        raise


_ASKED: Mapping[str, tuple[str, str, str]] = {
    "accessanalyzer": ("list_tags_for_resource", "resourceArn", "tags"),
    "athena": ("list_tags_for_resource", "ResourceARN", "Tags"),
    "backup": ("list_tags", "ResourceArn", "Tags"),
    "budgets": ("list_tags_for_resource", "ResourceARN", "ResourceTags"),
    "ce": ("list_tags_for_resource", "ResourceArn", "ResourceTags"),
    "cloudwatch": ("list_tags_for_resource", "ResourceARN", "Tags"),
    "dynamodb": ("list_tags_of_resource", "ResourceArn", "Tags"),
    "events": ("list_tags_for_resource", "ResourceARN", "Tags"),
    "ecr": ("list_tags_for_resource", "resourceArn", "tags"),
    "logs": ("list_tags_for_resource", "resourceArn", "tags"),
    "sns": ("list_tags_for_resource", "ResourceArn", "Tags"),
}
"""Service to its operation, the argument that takes the ARN, and where the tags are in the answer."""


def by_arn(account: Account, service: str, arn: str, region: str) -> dict[str, str]:
    """Return the tags of a thing whose service is asked by ARN."""
    client = account.client(service, region)
    if service == "cloudtrail":
        rows = client.list_tags(ResourceIdList=[arn])["ResourceTagList"]
        return pairs(rows[0]["TagsList"]) if rows else {}
    operation, argument, key = _ASKED[service]
    found = getattr(client, operation)(**{argument: arn.removesuffix(":*")}).get(key) or {}
    return dict(found) if isinstance(found, dict) else pairs(found)
