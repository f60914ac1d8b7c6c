"""Rules in the cluster: nothing is opened by a star that should be named."""

import pytest

from infra.iam.cluster_rules import SEE, ClusterDuty, duties

each = pytest.mark.parametrize("duty", duties(), ids=lambda duty: duty.group)
WAYS_IN = {"pods/attach", "pods/portforward", "pods/proxy", "nodes/proxy", "services/proxy"}


@each
def test_no_rule_has_a_wildcard_verb_or_group_and_none_names_secrets(duty: ClusterDuty) -> None:
    for rule in [*duty.everywhere, *duty.at_work]:
        assert "*" not in {rule.group, *rule.verbs}
        assert "secrets" not in rule.resources
        assert not WAYS_IN & set(rule.resources)
        assert not {"bind", "escalate", "impersonate"} & set(rule.verbs)
        if rule.group == "":
            assert "*" not in rule.resources, "the core group holds secrets"


@each
def test_rules_are_complete(duty: ClusterDuty) -> None:
    assert all(rule.resources and rule.verbs for rule in [*duty.everywhere, *duty.at_work])
    assert duty.loud is (duty.group == "plinth-break-glass")


def test_auditors_only_look() -> None:
    (auditors,) = (duty for duty in duties() if duty.group == "plinth-auditors")

    assert all(tuple(rule.verbs) == SEE for rule in auditors.everywhere)
    assert not auditors.at_work
