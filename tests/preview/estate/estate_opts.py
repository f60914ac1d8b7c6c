"""What all groups of the small estate share."""

from typing import Any

import pulumi
import pulumi_aws as aws

ACCOUNT, REGION = "123456789012", "eu-central-1"


class Opts:
    """Options of resources: the one provider, which puts the project's tags on everything."""

    def __init__(self) -> None:
        tags = {"plinth:owner": "ml-platform", "plinth:cost-centre": "ml", "plinth:ai-system": "small"}
        self._provider = aws.Provider(
            "aws",
            region=REGION,
            allowed_account_ids=[ACCOUNT],
            default_tags=aws.ProviderDefaultTagsArgs(tags=tags),
        )

    def one(self) -> pulumi.ResourceOptions:
        """Return the options of a resource."""
        return pulumi.ResourceOptions(provider=self._provider)

    def part(self, aliases: Any = None) -> pulumi.ResourceOptions:
        """Return the options of a component."""
        return pulumi.ResourceOptions(providers=[self._provider], aliases=aliases)


def wanted(case: dict[str, Any], name: str) -> bool:
    """Return whether the case keeps a resource."""
    return name not in case.get("without", ())
