"""The roles of an environment: people by duty, CI by workflow, all inside one boundary."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.iam.roles import Role


@dataclass(frozen=True, kw_only=True)
class BoundaryArgs:
    """What the boundary needs to know.

    Args:
        policy_name: Physical name.
        policy: The most that any role of the environment may do, as a policy document.
    """

    policy_name: str
    policy: str


class Boundary(pulumi.ComponentResource):
    """The most that any role of the environment may do, whatever its own policy says."""

    arn: pulumi.Output[str]
    """ARN of the boundary."""

    def __init__(self, name: str, args: BoundaryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Place the policy."""
        super().__init__("plinth:identity:Boundary", name, None, opts)
        policy = aws.iam.Policy(
            name,
            name=args.policy_name,
            description="The most that any role of this environment may do",
            policy=args.policy,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.arn = policy.arn
        self.register_outputs({"arn": self.arn})


@dataclass(frozen=True, kw_only=True)
class WorkflowTrustArgs:
    """What the trust in CI's workflows needs to know.

    Args:
        host: Issuer of the workflows' identity tokens.
    """

    host: str


class WorkflowTrust(pulumi.ComponentResource):
    """Lets an issuer of workflow identities vouch for CI, so that CI holds no key.

    An account has one for each issuer.
    """

    arn: pulumi.Output[str]
    """ARN of the identity provider."""

    def __init__(
        self, name: str, args: WorkflowTrustArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Place the identity provider."""
        super().__init__("plinth:identity:WorkflowTrust", name, None, opts)
        provider = aws.iam.OpenIdConnectProvider(
            name,
            url=f"https://{args.host}",
            client_id_lists=["sts.amazonaws.com"],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.arn = provider.arn
        self.register_outputs({"arn": self.arn})


@dataclass(frozen=True, kw_only=True)
class DutyArgs:
    """What a duty needs to know.

    Args:
        role_name: Physical name.
        role: What it may do.
        trust: Who may take it over, as a policy document.
        session_hours: Longest session.
    """

    role_name: str
    role: Role
    trust: str
    session_hours: int


class Duty(pulumi.ComponentResource):
    """One role, with its one policy inside it, so that no policy lies about that anybody could attach."""

    arn: pulumi.Output[str]
    """ARN of the role; known when it can do what it is for."""

    def __init__(self, name: str, args: DutyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Place the role and its policy."""
        super().__init__("plinth:identity:Duty", name, None, opts)
        role = aws.iam.Role(
            name,
            name=args.role_name,
            description=args.role.description,
            assume_role_policy=args.trust,
            max_session_duration=args.session_hours * 3600,
            opts=pulumi.ResourceOptions(parent=self),
        )
        policy = aws.iam.RolePolicy(
            f"{name}-policy",
            name="duty",
            role=role.name,
            policy=args.role.policy(),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.arn = pulumi.Output.all(role.arn, policy.id).apply(lambda known: str(known[0]))
        self.register_outputs({"arn": self.arn})


@dataclass(frozen=True, kw_only=True)
class ServiceRoleArgs:
    """What the role of an AWS service or of a workload needs to know.

    Args:
        role_name: Physical name.
        description: What it is for.
        trust: Who may take it over, as a policy document.
        managed_policies: Names of AWS's own policies, such as ``AmazonEKSClusterPolicy``.
        policy: Its own policy document; None for none.
    """

    role_name: str
    description: str
    trust: str
    managed_policies: Sequence[str] = ()
    policy: str | None = None


class ServiceRole(pulumi.ComponentResource):
    """A role that an AWS service or a workload takes over."""

    arn: pulumi.Output[str]
    """ARN of the role; known when it can do what it is for."""

    def __init__(self, name: str, args: ServiceRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Place the role and what it may do."""
        super().__init__("plinth:identity:ServiceRole", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            name,
            name=args.role_name,
            description=args.description,
            assume_role_policy=args.trust,
            opts=child,
        )
        able: list[pulumi.Resource] = [
            aws.iam.RolePolicyAttachment(
                f"{name}-{policy.rsplit('/', 1)[-1]}",
                role=role.name,
                policy_arn=f"arn:aws:iam::aws:policy/{policy}",
                opts=child,
            )
            for policy in args.managed_policies
        ]
        if args.policy is not None:
            able.append(
                aws.iam.RolePolicy(
                    f"{name}-policy", name="own", role=role.name, policy=args.policy, opts=child
                )
            )
        self.arn = pulumi.Output.all(role.arn, *(resource.urn for resource in able)).apply(
            lambda known: str(known[0])
        )
        self.register_outputs({"arn": self.arn})
