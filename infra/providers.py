"""The providers, made once and passed down; no component uses an ambient one."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
from pulumi_aws import Provider as AwsProvider

from infra.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Providers:
    """The providers of one stack."""

    aws: AwsProvider
    kubernetes: kubernetes.Provider
    recovery: AwsProvider | None
    """The account in the recovery region; none when the stack names no such region."""

    def all(self) -> list[pulumi.ProviderResource]:
        """Return them in the form that ``ResourceOptions.providers`` takes."""
        return [self.aws, self.kubernetes]


def build(settings: Settings) -> Providers:
    """Make the providers: one account, one region, the stack's tags on everything.

    The Kubernetes provider takes the cluster that ``KUBECONFIG`` names. It applies server-side,
    so that a field which a controller owns is a conflict that is seen, not a silent overwrite.
    """
    elsewhere = settings.recovery.region
    return Providers(
        aws=_account(settings, "aws", settings.aws.region),
        kubernetes=kubernetes.Provider("kubernetes", enable_server_side_apply=True),
        recovery=_account(settings, "aws-recovery", elsewhere) if elsewhere else None,
    )


def _account(settings: Settings, name: str, region: str) -> AwsProvider:
    return AwsProvider(
        name,
        region=region,
        allowed_account_ids=[settings.aws.account_id],
        default_tags=aws.ProviderDefaultTagsArgs(tags=settings.tags()),
    )
