"""What everything else stands on: network, identities, registry, cluster, GPU pools."""

import pulumi

from infra import naming, network_plan
from infra.components.duties import (
    Boundary,
    BoundaryArgs,
    Duty,
    DutyArgs,
    WorkflowTrust,
    WorkflowTrustArgs,
)
from infra.components.encryption_key import EncryptionKey
from infra.components.network import Network, NetworkArgs
from infra.data_classes import BUCKETS, bucket_name
from infra.iam import pipelines, roles, service_roles
from infra.iam.scope import Scope
from infra.settings import Settings


def scope(settings: Settings) -> Scope:
    """Return the names that statements speak of, all known before anything is made."""
    return Scope(
        environment=settings.environment,
        account_id=settings.aws.account_id,
        region=settings.aws.region,
        recovery_region=settings.recovery.region,
        cluster=naming.cluster(settings.environment),
        buckets={name: bucket_name(settings, name) for name in (*BUCKETS, naming.STATE)},
        tables={
            "features": naming.table(settings.environment, "online-features"),
            "registry": naming.table(settings.environment, "model-registry"),
            "reviews": naming.table(settings.environment, "review-index"),
        },
        queues={
            service: {holds: naming.queue(settings.environment, service, holds) for holds in naming.QUEUES}
            for service in settings.services
        },
    )


def bounded(settings: Settings, opts: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
    """Build the boundary; return options under which every role that is made lies inside it."""
    limits = scope(settings)
    boundary = Boundary(
        "boundary",
        BoundaryArgs(
            policy_name=naming.role(settings.environment, "boundary"), policy=pipelines.boundary(limits)
        ),
        opts,
    )

    def inside(found: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if found.type_ != "aws:iam/role:Role":
            return None
        # By name, which policies can judge in a preview; the policy itself must be there first.
        after = pulumi.ResourceOptions.merge(found.opts, pulumi.ResourceOptions(depends_on=[boundary]))
        return pulumi.ResourceTransformationResult(
            props={**found.props, "permissions_boundary": limits.boundary}, opts=after
        )

    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(transformations=[inside]))


def identity(settings: Settings, opts: pulumi.ResourceOptions) -> dict[str, Duty]:
    """Build a role for each duty; return them by duty. Without a repository there are none of CI."""
    wanted, limits = settings.identity, scope(settings)
    duties = roles.people(limits)
    subjects: dict[str, list[str]] = {}
    provider = limits.arn("iam", f"oidc-provider/{pipelines.WORKFLOW_HOST}", region="")
    if wanted.repository:
        duties += pipelines.pipelines(limits)
        deploys_from = wanted.deploy_environment or settings.environment
        subjects = {"deploy": [f"environment:{deploys_from}"], "preview": ["pull_request"]}
        if settings.aws.owns_account:
            trust = WorkflowTrust("workflows", WorkflowTrustArgs(host=pipelines.WORKFLOW_HOST), opts)
            opts = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[trust]))

    def trust_of(role: roles.Role) -> str:
        if role.trust in subjects:
            return service_roles.workflow_trust(
                provider_arn=provider,
                host=pipelines.WORKFLOW_HOST,
                repository=wanted.repository,
                subjects=subjects[role.trust],
            )
        return service_roles.people_trust(
            account_id=settings.aws.account_id,
            sso_path=wanted.sso_path,
            mfa=role.trust == "people-with-mfa",
        )

    return {
        role.duty: Duty(
            role.duty,
            DutyArgs(
                role_name=naming.role(settings.environment, role.duty),
                role=role,
                trust=trust_of(role),
                session_hours=wanted.session_hours,
            ),
            opts,
        )
        for role in duties
    }


def network(settings: Settings, opts: pulumi.ResourceOptions, *, log_key: EncryptionKey) -> Network:
    """Build the network that the settings describe.

    Args:
        settings: Settings of the stack.
        opts: Options with the providers.
        log_key: Key that encrypts the flow log.
    """
    wanted = settings.network
    return Network(
        "network",
        NetworkArgs(
            physical_name=naming.cluster(settings.environment),
            cidr=wanted.cidr,
            region=settings.aws.region,
            account_id=settings.aws.account_id,
            zones=network_plan.plan(
                cidr=wanted.cidr,
                region=settings.aws.region,
                zones=wanted.zones,
                private_prefix=wanted.private_prefix,
                public_prefix=wanted.public_prefix,
                public_subnets=wanted.nat_gateways(),
            ),
            log_group=naming.log_group(settings.environment, "network-flow"),
            log_days=settings.cluster.log_days,
            log_key_arn=log_key.arn,
        ),
        opts,
    )
