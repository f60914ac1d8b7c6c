"""Who may reach a queue, and how."""

from infra.iam.statements import Statement, document


def private_queue_policy(*, queue_arn: str) -> str:
    """Return the policy of a queue: nobody without TLS; whom IAM lets in is the account's business.

    Args:
        queue_arn: The queue; known before it is made, so that policies can judge it in a preview.
    """
    return document(
        Statement(
            sid="DenyPlainHttp",
            effect="Deny",
            actions=["sqs:*"],
            resources=[queue_arn],
            principals={"AWS": ["*"]},
            conditions={"Bool": {"aws:SecureTransport": ["false"]}},
        )
    )
