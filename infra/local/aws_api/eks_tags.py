"""Tags of what stands in an EKS cluster; moto changes only the cluster's own. See ``small_services.py``."""

from collections.abc import Iterator

from moto.eks.models import eks_backends

from infra.local.aws_api.small_services import Call, Document, Kept, rest

_ARNS = {"addon": "addonArn", "entry": "accessEntryArn", "pod identity": "associationArn"}


def _all_tags(kept: Kept, call: Call) -> Iterator[tuple[str, Document]]:
    """Give the ARN and the tags of everything that is not a cluster."""
    for kind, arn in _ARNS.items():
        for document in kept.all(kind):
            yield document[arn], document["tags"]
    for cluster in eks_backends[call.account][call.region].clusters.values():
        for group in cluster.nodegroups.values():
            if group.tags is None:
                group.tags = {}
            yield group.arn, group.tags


def _tags(kept: Kept, call: Call) -> Document:
    for arn, tags in _all_tags(kept, call):
        if arn == call.groups[0]:
            return tags
    raise NotImplementedError  # a cluster's are moto's, and so is the answer for what is not there


@rest("eks", "GET", "/tags/(.+)")
def tags_of(kept: Kept, call: Call) -> Document:
    """Return the tags of an add-on, an access entry, an association or a node group."""
    return {"tags": _tags(kept, call)}


@rest("eks", "POST", "/tags/(.+)")
def tag(kept: Kept, call: Call) -> Document:
    """Add tags."""
    _tags(kept, call).update(call.body["tags"])
    return {}


@rest("eks", "DELETE", "/tags/(.+)")
def untag(kept: Kept, call: Call) -> Document:
    """Take tags away."""
    for key in call.query.get("tagKeys", []):
        _tags(kept, call).pop(key, None)
    return {}
