"""What a repository keeps: the way back outlives what was never released."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.components.image_registry import RELEASE_PREFIX, lifecycle


@given(st.integers(5, 500), st.integers(1, 90))
def test_released_images_are_claimed_first_and_never_by_age(keep: int, days: int) -> None:
    rules = json.loads(lifecycle(keep_images=keep, untagged_days=days))["rules"]
    first, *others = sorted(rules, key=lambda rule: rule["rulePriority"])

    assert first["selection"] == {
        "tagStatus": "tagged",
        "tagPrefixList": [RELEASE_PREFIX],
        "countType": "imageCountMoreThan",
        "countNumber": keep,
    }
    # The rule for any image counts the released ones too, so it must leave room for all of them.
    (anything,) = [rule for rule in others if rule["selection"]["tagStatus"] == "any"]
    assert anything["selection"]["countNumber"] >= 2 * keep
    # ECR takes one rule for any image, and only as the last one.
    assert anything["rulePriority"] == max(rule["rulePriority"] for rule in rules)


@pytest.mark.parametrize("service", ["credit-risk"])
def test_every_service_has_a_repository(settings, recorded, service) -> None:
    found = recorded(settings).of_type("aws:ecr/repository:Repository")
    made = {one.inputs["name"]: one for one in found}

    assert set(made) == {
        f"plinth-local/{name}"
        for name in (
            service, "alertmanager", "cluster-autoscaler", "grafana", "kube-state-metrics", "node-exporter",
            "prometheus",
        )
    }  # fmt: skip
    one = made[f"plinth-local/{service}"]
    assert one.inputs["imageTagMutability"] == "IMMUTABLE"
    assert one.inputs["imageScanningConfiguration"] == {"scanOnPush": True}
    assert one.inputs["encryptionConfigurations"][0]["encryptionType"] == "KMS"
