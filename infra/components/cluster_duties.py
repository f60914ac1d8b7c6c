"""Who may do what inside the cluster: a role for each duty, bound to the group that access entries give."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from infra.iam.cluster_rules import ClusterDuty, Rule
from infra.naming import FIELD_MANAGER

ALARM_LABEL = "plinth.dev/alarm"
"""Label of what raises an alarm when it is used."""
_API = "rbac.authorization.k8s.io"
_V1 = kubernetes.rbac.v1


@dataclass(frozen=True, kw_only=True)
class ClusterDutyRolesArgs:
    """What a duty in the cluster needs to know.

    Args:
        duty: Group, rules, and whether it is loud.
        namespaces: Names of the namespaces in which services run; name in the program to name in the
            cluster, known when the namespace is guarded.
    """

    duty: ClusterDuty
    namespaces: Mapping[str, pulumi.Input[str]]


class ClusterDutyRoles(pulumi.ComponentResource):
    """The role of one group, for the whole cluster and for the namespaces in which it works."""

    group: pulumi.Output[str]
    """Name of the group; known when it can do what it is for."""

    def __init__(
        self, name: str, args: ClusterDutyRolesArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Place roles and bindings."""
        super().__init__("plinth:platform:ClusterDutyRoles", name, None, opts)
        duty, child = args.duty, pulumi.ResourceOptions(parent=self)
        labels = {ALARM_LABEL: duty.group} if duty.loud else None
        role = _V1.ClusterRole(
            f"{name}-role",
            metadata=kubernetes.meta.v1.ObjectMetaArgs(
                name=duty.group, annotations=FIELD_MANAGER, labels=labels
            ),
            rules=_rules(duty.everywhere),
            opts=child,
        )
        able: list[pulumi.Resource] = [
            _V1.ClusterRoleBinding(
                f"{name}-binding",
                metadata=kubernetes.meta.v1.ObjectMetaArgs(
                    name=duty.group, annotations=FIELD_MANAGER, labels=labels
                ),
                role_ref=_V1.RoleRefArgs(api_group=_API, kind="ClusterRole", name=role.metadata.name),
                subjects=_group(duty.group),
                opts=child,
            )
        ]
        if duty.at_work:
            able += self._at_work(name, args)
        self.group = pulumi.Output.all(*(one.urn for one in able)).apply(lambda _: duty.group)
        self.register_outputs({"group": self.group})

    def _at_work(self, name: str, args: ClusterDutyRolesArgs) -> list[pulumi.Resource]:
        """Bind a second role, which is for some namespaces only."""
        duty, child = args.duty, pulumi.ResourceOptions(parent=self)
        role = _V1.ClusterRole(
            f"{name}-work-role",
            metadata=kubernetes.meta.v1.ObjectMetaArgs(
                name=f"{duty.group}-at-work", annotations=FIELD_MANAGER
            ),
            rules=_rules(duty.at_work),
            opts=child,
        )
        return [
            _V1.RoleBinding(
                f"{name}-{namespace}-binding",
                metadata=kubernetes.meta.v1.ObjectMetaArgs(
                    name=duty.group, namespace=known, annotations=FIELD_MANAGER
                ),
                role_ref=_V1.RoleRefArgs(api_group=_API, kind="ClusterRole", name=role.metadata.name),
                subjects=_group(duty.group),
                opts=child,
            )
            for namespace, known in sorted(args.namespaces.items(), key=lambda item: item[0])
        ]


def _rules(rules: Sequence[Rule]) -> list[_V1.PolicyRuleArgs]:
    return [
        _V1.PolicyRuleArgs(api_groups=[rule.group], resources=list(rule.resources), verbs=list(rule.verbs))
        for rule in rules
    ]


def _group(name: str) -> list[_V1.SubjectArgs]:
    return [_V1.SubjectArgs(api_group=_API, kind="Group", name=name)]
