"""IAM: identities get what they need, on what they need it for, and nobody gets everything."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from policies.core import (
    At,
    Check,
    Family,
    Outcome,
    PolicySettings,
    RelationCheck,
    Resource,
    Stack,
    failed,
    passed,
    require,
)
from policies.core.policy_documents import EVERYONE, Statement
from policies.core.verdicts import Verdict, one_of
from policies.families import iam_actions as actions
from policies.families.common import each_statement, exists, itself, let_in, once

POLICY = "aws:iam/policy:Policy"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
USER_POLICY = "aws:iam/userPolicy:UserPolicy"
GROUP_POLICY = "aws:iam/groupPolicy:GroupPolicy"
ROLE = "aws:iam/role:Role"
ROLE_ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
USER_ATTACHMENT = "aws:iam/userPolicyAttachment:UserPolicyAttachment"
GROUP_ATTACHMENT = "aws:iam/groupPolicyAttachment:GroupPolicyAttachment"
ATTACHMENT = "aws:iam/policyAttachment:PolicyAttachment"
OIDC = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
ANALYZER = "aws:accessanalyzer/analyzer:Analyzer"
_USERS = frozenset(
    {
        "aws:iam/user:User",
        "aws:iam/accessKey:AccessKey",
        "aws:iam/userLoginProfile:UserLoginProfile",
        USER_POLICY,
        USER_ATTACHMENT,
    }
)
_INLINE = frozenset({ROLE_POLICY, USER_POLICY, GROUP_POLICY, ROLE})
_ATTACHMENTS = frozenset({ROLE_ATTACHMENT, USER_ATTACHMENT, GROUP_ATTACHMENT, ATTACHMENT})

_TIES = frozenset({"stringequals", "stringlike", "arnequals", "arnlike", "stringequalsignorecase"})
_LOOSE_KEYS = frozenset(
    {
        "aws:currenttime",
        "aws:epochtime",
        "aws:multifactorauthpresent",
        "aws:referer",
        "aws:requestedregion",
        "aws:securetransport",
        "aws:sourceip",
        "aws:useragent",
    }
)
"""Condition keys that say nothing about the resource that is acted on."""

_ALL_ACTIONS = frozenset({"*", "*:*"})
"""All actions at once: the business of the control against administrators."""

Rule = Callable[[Statement, str], Iterable[Outcome]]


def _any_of(statement: Statement, group: tuple[str, ...]) -> bool:
    return any(
        action not in _ALL_ACTIONS and actions.allows_any(action, group) for action in statement.actions
    )


def _tied(statement: Statement) -> bool:
    """Whether a condition ties a statement to certain resources, services or boundaries."""
    return any(
        operator.removeprefix("foranyvalue:") in _TIES
        and key not in _LOOSE_KEYS
        and values
        and not any(value.strip("*?:/") == "" for value in values)
        for operator, key, values in statement.conditions
    )


def _everywhere(statement: Statement) -> bool:
    """Whether a statement speaks of all resources, or of all of a kind."""
    return statement.all_resources_but or any(
        resource == EVERYONE or (resource.endswith((":*", "/*", ":::*")) and _names_nothing(resource))
        for resource in statement.resources
    )


def _names_nothing(arn: str) -> bool:
    """Whether the resource part of an ARN is a kind and a star, such as ``role/*``."""
    part = arn.split(":", 5)[-1] if arn.count(":") >= 5 else arn  # noqa: PLR2004 - fields of an ARN
    return part.strip("*") in ("", *(f"{kind}/" for kind in _KINDS), *(f"{kind}:" for kind in _KINDS))


_KINDS = ("key", "role", "policy", "user", "group", "table", "secret", "parameter", "function", "repository")


def no_admin(statement: Statement, place: str) -> Iterator[Outcome]:
    """Refuse everything on everything, also as "everything but"."""
    if not statement.allow or not (EVERYONE in statement.resources or statement.all_resources_but):
        return
    if statement.all_actions_but or set(statement.actions) & _ALL_ACTIONS:
        yield failed(place, "allows every action on every resource")


def names_resources(statement: Statement, place: str) -> Iterator[Outcome]:
    """Refuse whole services, and all resources for what can be tied to one."""
    if not statement.allow:
        return
    if statement.all_actions_but or statement.all_resources_but:
        yield failed(place, "allows all but what it names; name what is allowed instead")
    if any(action.endswith(":*") and action not in _ALL_ACTIONS for action in statement.actions):
        yield failed(place, "allows every action of a service; name the actions")
    loose = [
        action
        for action in statement.actions
        if not (
            actions.only_reads_setup(action) or actions.takes_no_resource(action) or action in _ALL_ACTIONS
        )
    ]
    if loose and EVERYONE in statement.resources and not _tied(statement):
        yield failed(place, "allows on every resource what can be tied to one; name the resources")


def no_escalation(statement: Statement, place: str) -> Iterator[Outcome]:
    """Refuse what makes more of an identity, reads credentials, carries data out or writes, everywhere."""
    if not statement.allow or not _everywhere(statement) or _tied(statement):
        return
    if statement.all_actions_but:
        yield failed(place, "allows all but what it names on every resource")
        return
    for group, what in (
        (actions.ESCALATION, "lets an identity give itself more rights"),
        (actions.CREDENTIALS, "reads every credential"),
        (actions.EXFILTRATION, "reads all data in bulk"),
        (actions.WRITING, "writes everywhere"),
    ):
        if _any_of(statement, group):
            yield failed(place, f"{what}; name the resources, or tie it by a condition")


def decrypts_named(statement: Statement, place: str) -> Iterator[Outcome]:
    """Refuse decryption with every key."""
    if not statement.allow or not _everywhere(statement) or _tied(statement):
        return
    if _any_of(statement, actions.DECRYPTING):
        yield failed(
            place,
            "decrypts with every key; name the keys, or tie it by kms:ViaService or kms:ResourceAliases",
        )


def _documents(resource: Resource) -> Iterator[At]:
    """Give the policy documents that grant something to an identity."""
    if resource.kind == ROLE:
        for item in resource.at("inlinePolicies").each():
            if item.unknown or not item.at("policy").absent:
                yield item.at("policy")
    else:
        yield resource.at("policy")


def _judge(rule: Rule, resource: Resource, _: PolicySettings) -> Iterator[Outcome]:
    for document in _documents(resource):
        yield from each_statement(document, rule)


def _judge_granted(rule: Rule, policy: Resource, stack: Stack, settings: PolicySettings) -> Iterator[Outcome]:
    """Judge a policy that is granted; one that only bounds roles allows nothing by itself."""
    if not _only_bounds(policy, stack):
        yield from _judge(rule, policy, settings)


def _only_bounds(policy: Resource, stack: Stack) -> bool:
    name = policy.at("name")
    bounds = any(
        policy.urn in role.property_dependencies.get("permissionsBoundary", ())
        or (name.known and _ends_with(role.at("permissionsBoundary"), f"/{name.value}"))
        for role in stack.of_kind(ROLE)
    )
    granted = any(
        policy.urn in attachment.property_dependencies.get("policyArn", ())
        or (name.known and _ends_with(attachment.at("policyArn"), f"/{name.value}"))
        for kind in _ATTACHMENTS
        for attachment in stack.of_kind(kind)
    ) or any(
        policy.urn in role.property_dependencies.get("managedPolicyArns", ()) for role in stack.of_kind(ROLE)
    )
    return bounds and not granted


def _ends_with(place: At, suffix: str) -> bool:
    return isinstance(place.value, str) and place.value.endswith(suffix)


def _attaches_no_admin(resource: Resource, stack: Stack, _: PolicySettings) -> Iterator[Outcome]:
    key = "managedPolicyArns" if resource.kind == ROLE else "policyArn"
    place = resource.at(key)
    if resource.kind == ROLE and place.absent:
        return
    own = any(
        source.kind == POLICY
        for urn in resource.property_dependencies.get(key, ())
        if (source := stack.by_urn(urn)) is not None
    )
    items = place.each() if resource.kind == ROLE else (place,)
    for item in items:
        if item.unknown and own:
            yield passed()  # a policy of this stack, which is judged itself
        else:
            yield require(item, _is_no_admin, "makes an administrator of whoever holds it")


def _is_no_admin(value: object) -> bool:
    return isinstance(value, str) and value.rsplit("/", 1)[-1] not in actions.ADMIN_POLICIES


def _trusts_narrowly(role: Resource, settings: PolicySettings) -> Iterator[Outcome]:
    def rule(statement: Statement, place: str) -> Iterator[Outcome]:
        yield from let_in(statement, place, settings.accounts)
        if statement.allow and "Federated" in statement.principals:
            yield from _federated(statement, place)

    yield from each_statement(role.at("assumeRolePolicy"), rule)


def _federated(statement: Statement, place: str) -> Iterator[Outcome]:
    """Judge trust in tokens of others: whom they are for and whom they speak of must both be said."""
    for claim in (":aud", ":sub"):
        said = [
            values
            for operator, key, values in statement.conditions
            if key.endswith(claim) and operator.removeprefix("foranyvalue:") in _TIES
        ]
        if not said:
            yield failed(place, f"trusts tokens without a condition on {claim[1:]}")
        elif any(set(value) <= set("*?") or _whole_forge(value) for values in said for value in values):
            yield failed(place, f"has a condition on {claim[1:]} that everybody meets")


def _whole_forge(value: str) -> bool:
    """Whether a subject means every repository of every owner, or every owner's repository of a name."""
    kind, _, rest = value.partition(":")
    return kind == "repo" and (rest.partition("/")[0] in ("*", "") or rest == "*")


def _issuer_is_bound(provider: Resource, _: PolicySettings) -> Iterator[Outcome]:
    audiences = provider.at("clientIdLists")
    if audiences.empty:
        yield failed(audiences, "is not set; must name the audience of the tokens")
    for item in audiences.each():
        yield require(item, lambda value: value not in ("*", ""), "must name one audience")


def _no_user(resource: Resource, _: PolicySettings) -> Iterator[Outcome]:
    if resource.kind in _USERS:
        yield failed("", "is made for a person or a program with a lasting password or key; use a role")
        return
    yield require(
        resource.at("users"),
        lambda value: value in ((), ""),
        "must be empty: rights belong to roles and groups",
        absent=Verdict.PASSED,
    )


def _watches_account(analyzer: Resource, _: PolicySettings) -> Iterator[Outcome]:
    yield require(
        analyzer.at("type"),
        one_of("ACCOUNT", "ORGANIZATION"),
        "must be ACCOUNT or ORGANIZATION",
        absent=Verdict.PASSED,
    )


_RULES: dict[str, Rule] = {
    "identity-grants-no-admin": no_admin,
    "identity-names-its-resources": names_resources,
    "identity-cannot-escalate": no_escalation,
    "identity-decrypts-with-named-keys": decrypts_named,
}

IDENTITY: Family[Resource] = Family(
    name="identity",
    title="Identities get what they need, where they need it, and nobody gets everything.",
    prefixes=("aws:iam/", "aws:accessanalyzer/"),
    view=itself,
    checks=(
        *(Check(control, _INLINE, partial(_judge, rule)) for control, rule in _RULES.items()),
        Check("identity-trust-is-narrow", frozenset({ROLE}), _trusts_narrowly),
        Check("identity-trust-is-narrow", frozenset({OIDC}), _issuer_is_bound),
        Check("identity-is-no-user", _USERS | {ATTACHMENT}, _no_user),
        Check("identity-outside-access-is-watched", frozenset({ANALYZER}), _watches_account),
    ),
    relations=(
        *(
            RelationCheck(control, frozenset({POLICY}), partial(_judge_granted, rule))
            for control, rule in _RULES.items()
        ),
        RelationCheck("identity-attaches-no-admin", _ATTACHMENTS | {ROLE}, _attaches_no_admin),
        once(
            "identity-outside-access-is-watched",
            frozenset({ROLE}),
            exists(ANALYZER, "that reports what outsiders may reach"),
        ),
    ),
    reads=frozenset({POLICY, ROLE, ANALYZER, *_ATTACHMENTS}),
)
