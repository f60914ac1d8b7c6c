"""Roles that AWS services and workloads take over: who trusts whom, and what little each may do. Pure."""

from collections.abc import Sequence

from infra.iam.statements import Statement, document


def service_trust(service: str, *, account_id: str, source_account: bool = True) -> str:
    """Return the trust of a role that one AWS service takes over.

    Args:
        service: Principal of the service, such as ``eks.amazonaws.com``.
        account_id: The account for which it must act, so that nobody else's resource borrows the role.
        source_account: False for services that do not say on whose behalf they act (EC2 for its instances).
    """
    return document(
        Statement(
            sid="ServiceTakesOver",
            actions=["sts:AssumeRole"],
            resources=["*"],
            principals={"Service": [service]},
            conditions={"StringEquals": {"aws:SourceAccount": [account_id]}} if source_account else {},
        ),
        trust=True,
    )


def pod_identity_trust(*, account_id: str, cluster_arn: str) -> str:
    """Return the trust of a workload's role: EKS Pod Identity, of this account's one cluster."""
    return document(
        Statement(
            sid="PodsTakeOver",
            actions=["sts:AssumeRole", "sts:TagSession"],
            resources=["*"],
            principals={"Service": ["pods.eks.amazonaws.com"]},
            conditions={
                "StringEquals": {"aws:SourceAccount": [account_id]},
                "ArnEquals": {"aws:SourceArn": [cluster_arn]},
            },
        ),
        trust=True,
    )


def people_trust(*, account_id: str, sso_path: str, mfa: bool, partition: str = "aws") -> str:
    """Return the trust of a duty: people who came in by the organisation's single sign-on.

    Args:
        account_id: The account.
        sso_path: Name of the sign-on roles after ``role/``.
        mfa: Whether the session must have been opened with a second factor (break-glass).
        partition: ``aws``, or another world of AWS.
    """
    conditions: dict[str, dict[str, Sequence[str]]] = {
        "ArnLike": {"aws:PrincipalArn": [f"arn:{partition}:iam::{account_id}:role/{sso_path}"]}
    }
    if mfa:
        conditions["Bool"] = {"aws:MultiFactorAuthPresent": ["true"]}
    return document(
        Statement(
            sid="PeopleTakeOver",
            actions=["sts:AssumeRole"],
            resources=["*"],
            principals={"AWS": [f"arn:{partition}:iam::{account_id}:root"]},
            conditions=conditions,
        ),
        trust=True,
    )


def workflow_trust(*, provider_arn: str, host: str, repository: str, subjects: Sequence[str]) -> str:
    """Return the trust of a CI role: one repository's workflows, in the given circumstances.

    Args:
        provider_arn: The identity provider of the workflows' tokens.
        host: Its host, which starts the condition keys.
        repository: Repository as owner/name.
        subjects: What may follow ``repo:<repository>:`` in a token's subject; no pattern.
    """
    return document(
        Statement(
            sid="WorkflowsTakeOver",
            actions=["sts:AssumeRoleWithWebIdentity"],
            resources=["*"],
            principals={"Federated": [provider_arn]},
            conditions={
                "StringEquals": {
                    f"{host}:aud": ["sts.amazonaws.com"],
                    f"{host}:sub": [f"repo:{repository}:{subject}" for subject in subjects],
                }
            },
        ),
        trust=True,
    )


def flow_log_policy(*, log_group_arn: str) -> str:
    """Return what the flow log's role may do: write into its one group."""
    return document(
        Statement(
            sid="WriteFlowLog",
            actions=["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            resources=[f"{log_group_arn}:*"],
        )
    )
