"""What a request to S3 is in the words of a bucket policy: action, resource, condition keys. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

_SERVICE_LABEL = re.compile(r"s3(-[a-z]{2}(-gov)?-[a-z]+-\d)?")

_OBJECT = {
    ("acl", "GET"): "GetObjectAcl",
    ("acl", "PUT"): "PutObjectAcl",
    ("tagging", "GET"): "GetObjectTagging",
    ("tagging", "PUT"): "PutObjectTagging",
    ("tagging", "DELETE"): "DeleteObjectTagging",
    ("retention", "GET"): "GetObjectRetention",
    ("retention", "PUT"): "PutObjectRetention",
    ("legal-hold", "GET"): "GetObjectLegalHold",
    ("legal-hold", "PUT"): "PutObjectLegalHold",
    ("attributes", "GET"): "GetObjectAttributes",
    ("uploadId", "GET"): "ListMultipartUploadParts",
    ("uploadId", "PUT"): "PutObject",
    ("uploadId", "POST"): "PutObject",
    ("uploadId", "DELETE"): "AbortMultipartUpload",
    ("uploads", "POST"): "PutObject",
    ("restore", "POST"): "RestoreObject",
    ("select", "POST"): "GetObject",
    ("versionId", "GET"): "GetObjectVersion",
    ("versionId", "HEAD"): "GetObjectVersion",
    ("versionId", "DELETE"): "DeleteObjectVersion",
}
"""Sub-resource and method to the action on an object, the first that fits (S3 user guide, "Actions")."""
_OBJECT_PLAIN = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "DELETE": "DeleteObject"}
_BUCKET_NAMES = {
    "accelerate": "AccelerateConfiguration",
    "acl": "BucketAcl",
    "cors": "BucketCORS",
    "encryption": "EncryptionConfiguration",
    "lifecycle": "LifecycleConfiguration",
    "logging": "BucketLogging",
    "notification": "BucketNotification",
    "object-lock": "BucketObjectLockConfiguration",
    "ownershipControls": "BucketOwnershipControls",
    "policy": "BucketPolicy",
    "policyStatus": "BucketPolicyStatus",
    "publicAccessBlock": "BucketPublicAccessBlock",
    "replication": "ReplicationConfiguration",
    "requestPayment": "BucketRequestPayment",
    "tagging": "BucketTagging",
    "versioning": "BucketVersioning",
    "website": "BucketWebsite",
    "location": "BucketLocation",
    "inventory": "InventoryConfiguration",
    "analytics": "AnalyticsConfiguration",
    "metrics": "MetricsConfiguration",
    "intelligent-tiering": "IntelligentTieringConfiguration",
}
"""Sub-resource of a bucket to the end of the names of its actions."""
_DELETED_BY_NAME = frozenset({"policy", "website"})
"""Sub-resources that have an action Delete...; what removes the others is their Put... action."""
_LISTS = {"versions": "ListBucketVersions", "uploads": "ListBucketMultipartUploads"}
_BUCKET_PLAIN = {"GET": "ListBucket", "HEAD": "ListBucket", "PUT": "CreateBucket", "DELETE": "DeleteBucket"}

HEADER_KEYS = (
    "x-amz-acl",
    "x-amz-content-sha256",
    "x-amz-copy-source",
    "x-amz-metadata-directive",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-storage-class",
)
"""Headers that are condition keys under their own names, after ``s3:``."""
_OTHER_HEADERS = {
    "s3:object-lock-mode": "x-amz-object-lock-mode",
    "s3:object-lock-legal-hold": "x-amz-object-lock-legal-hold",
    "s3:object-lock-retain-until-date": "x-amz-object-lock-retain-until-date",
}
_QUERY_KEYS = {
    "s3:prefix": "prefix",
    "s3:delimiter": "delimiter",
    "s3:max-keys": "max-keys",
    "s3:versionid": "versionId",
}
_TLS_AT_LEAST = "1.2"
"""TLS version that a policy sees: the oldest that the proxy speaks (``proxy.Contexts``), so that a
policy which wants a newer one refuses, as it must when nobody knows better."""


@dataclass(frozen=True, kw_only=True)
class S3Request:
    """A request to one bucket.

    Args:
        bucket: Name of the bucket.
        key: Key of the object; empty for the bucket itself.
        action: Such as ``s3:PutObject``; ``s3:`` alone when it is not known, which fits ``s3:*`` only.
        values: Condition keys that follow from the request, in lower case; no values: it lacks the key.
        deletes_many: Whether its body lists the objects to delete.
    """

    bucket: str
    key: str
    action: str
    values: Mapping[str, tuple[str, ...]]
    deletes_many: bool = False


def parse(method: str, host: str, path: str, headers: Mapping[str, str]) -> S3Request | None:
    """Return what a request asks of a bucket; None for other services, and where no bucket is named.

    Args:
        method: HTTP method, upper case.
        host: Scheme and host.
        path: Path and query.
        headers: Lower-case names.
    """
    try:
        scheme, name = urlsplit(host).scheme, urlsplit(host).netloc.split(":")[0]
        place = urlsplit(path)
    except ValueError:  # no address at all, and so none of a bucket; it is refused elsewhere
        return None
    found = _place(name, unquote(place.path))
    if found is None:
        return None
    bucket, key = found
    query = {k: v[0] for k, v in parse_qs(place.query, keep_blank_values=True).items()}
    many = not key and method == "POST" and "delete" in query
    values: dict[str, tuple[str, ...]] = {
        "aws:securetransport": ("true" if scheme == "https" else "false",),
        "s3:tlsversion": (_TLS_AT_LEAST,) if scheme == "https" else (),
    }
    for header in HEADER_KEYS:
        values[f"s3:{header}"] = _given(headers, header)
    for condition, header in _OTHER_HEADERS.items():
        values[condition] = _given(headers, header)
    for condition, parameter in _QUERY_KEYS.items():
        values[condition] = _given(query, parameter)
    action = _object_action(method, query) if key else _bucket_action(method, query)
    return S3Request(bucket=bucket, key=key, action=f"s3:{action}", values=values, deletes_many=many)


def _given(found: Mapping[str, str], name: str) -> tuple[str, ...]:
    return (found[name],) if name in found else ()


def _place(host: str, path: str) -> tuple[str, str] | None:
    """Return bucket and key, from the host's first labels or from the path."""
    labels = host.split(".")
    for index, label in enumerate(labels):
        if _SERVICE_LABEL.fullmatch(label) and "amazonaws" in labels[index + 1 :]:
            before = ".".join(labels[:index])
            if before:
                return before, path.removeprefix("/")
            bucket, _, key = path.removeprefix("/").partition("/")
            return (bucket, key) if bucket else None
    return None


def _object_action(method: str, query: Mapping[str, str]) -> str:
    for (subresource, verb), action in _OBJECT.items():
        if subresource in query and verb == method:
            return action
    return _OBJECT_PLAIN.get(method, "")


def _bucket_action(method: str, query: Mapping[str, str]) -> str:
    if method == "POST" and "delete" in query:
        return "DeleteObject"
    if method == "POST":
        return "PutObject"  # an upload by a form
    for subresource, action in _LISTS.items():
        if subresource in query:
            return action
    for subresource, name in _BUCKET_NAMES.items():
        if subresource in query:
            verb = {"GET": "Get", "PUT": "Put", "DELETE": "Put"}.get(method, "")
            if method == "DELETE" and subresource in _DELETED_BY_NAME:
                verb = "Delete"
            return f"{verb}{name}" if verb else ""
    return _BUCKET_PLAIN.get(method, "")
