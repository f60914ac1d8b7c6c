"""Where alerts from outside the cluster go: one topic, and the people who read it."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.iam.statements import Statement, document


@dataclass(frozen=True, kw_only=True)
class AlertTopicArgs:
    """What the topic needs to know.

    Args:
        topic_name: Name of the topic; its ARN follows from it.
        key_arn: Key with which messages are encrypted.
        account_id: The only account on whose behalf AWS services may publish.
        region: Region of the topic.
        sources: AWS services that raise alerts.
        addresses: Mail addresses of those who are told; each confirms once.
    """

    topic_name: str
    key_arn: pulumi.Input[str]
    account_id: str
    region: str
    sources: Sequence[str]
    addresses: Sequence[str]


class AlertTopic(pulumi.ComponentResource):
    """An encrypted SNS topic that only this account's services may write to."""

    arn: pulumi.Output[str]
    """ARN of the topic; known once those who raise alerts may publish."""

    def __init__(self, name: str, args: AlertTopicArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Place topic, policy and subscriptions."""
        super().__init__("plinth:cost:AlertTopic", name, None, opts)
        topic = aws.sns.Topic(
            name,
            name=args.topic_name,
            kms_master_key_id=args.key_arn,
            tags={"plinth:data-class": "alerts"},
            opts=pulumi.ResourceOptions(parent=self),
        )
        policy = aws.sns.TopicPolicy(
            f"{name}-policy",
            arn=topic.arn,
            policy=document(
                Statement(
                    sid="AlertSourcesPublish",
                    actions=["sns:Publish"],
                    resources=[f"arn:aws:sns:{args.region}:{args.account_id}:{args.topic_name}"],
                    principals={"Service": args.sources},
                    conditions={"StringEquals": {"aws:SourceAccount": [args.account_id]}},
                )
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        for address in args.addresses:
            aws.sns.TopicSubscription(
                f"{name}-{address.replace('@', '-at-')}",
                topic=topic.arn,
                protocol="email",
                endpoint=address,
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.arn = pulumi.Output.all(topic.arn, policy.urn).apply(lambda known: str(known[0]))
        self.register_outputs({"arn": self.arn})
