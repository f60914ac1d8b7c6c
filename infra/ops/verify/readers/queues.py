"""Reads queues."""

from infra.ops.verify.readers.asking import Documents, Look
from infra.ops.verify.readers.storage import refuses_without_tls


def _queues(look: Look) -> Documents:
    found: Documents = {}
    sqs = look.account.client("sqs")
    for url in look.account.rows("sqs", "list_queues", "QueueUrls"):
        tags = sqs.list_queue_tags(QueueUrl=url).get("Tags", {})
        if not look.ours(tags):
            continue
        known = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        policy = known.get("Policy")
        found[str(url).rsplit("/", 1)[-1]] = {
            "service": tags.get("plinth:service", ""),
            "holds": tags.get("plinth:holds", ""),
            "key_class": look.key_class(known.get("KmsMasterKeyId")),
            "tls_only": bool(policy) and refuses_without_tls(policy, {known["QueueArn"]}, "sqs"),
            "keeps_failed": "RedrivePolicy" in known,
        }
    return found


KINDS = {"queue": _queues}
