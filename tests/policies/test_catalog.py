"""The catalog is whole, and its tokens are those of the installed packages."""

import copy
import importlib.metadata
import re
from functools import cache
from pathlib import Path

import pytest
from pydantic import ValidationError

from policies.catalog import LARGEST_NUMBER, Catalog, catalog, raw_catalog
from policies.core.resources import canonical
from policies.core.settings import ENVIRONMENTS
from policies.families import FAMILIES

ROOT = Path(__file__).resolve().parents[2]
STILL_TO_COME: set[int] = set()
_TOKEN = re.compile(
    r"\"((?:aws|kubernetes):[a-zA-Z0-9./]+:[A-Za-z0-9]+)\"|'(aws:[a-zA-Z0-9./]+:[A-Za-z0-9]+)'"
)


@cache
def _tokens(package: str, folder: str) -> set[str]:
    distribution = importlib.metadata.distribution(package)
    root = Path(str(distribution.locate_file(package.replace("-", "_")))) / folder
    return {
        match[1] or match[2]
        for path in root.rglob("*.py")
        for match in _TOKEN.finditer(path.read_text("utf-8"))
    }


def test_every_row_of_the_list_has_its_controls():
    covered = {control.number for control in catalog().controls if control.number}

    assert set(range(1, LARGEST_NUMBER + 1)) - covered == STILL_TO_COME


def test_all_is_mandatory_in_production():
    assert {control.level("prod") for control in catalog().controls} == {"mandatory"}
    assert catalog()["key-is-protected"].level("dev") == "advisory"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_critical_controls_are_mandatory_everywhere(environment):
    critical = [control for control in catalog().controls if control.severity == "critical"]

    assert {control.level(environment) for control in critical} == {"mandatory"}


def test_every_aws_token_of_the_catalog_exists_in_the_package():
    wanted = {kind for control in catalog().controls for kind in control.types if kind.startswith("aws:")}
    folders = {kind.split(":")[1].split("/")[0] for kind in wanted}
    known = {canonical(token) for folder in folders for token in _tokens("pulumi-aws", folder)}

    assert wanted - known == set()


def test_every_aws_token_of_the_checks_exists_in_the_package():
    wanted = {
        kind
        for family in FAMILIES
        for kinds in (family.reads, *(check.kinds for check in (*family.checks, *family.relations)))
        for kind in kinds
        if kind.startswith("aws:")
    }
    folders = {kind.split(":")[1].split("/")[0] for kind in wanted}

    assert (
        wanted - {canonical(token) for folder in folders for token in _tokens("pulumi-aws", folder)} == set()
    )


def test_old_s3_tokens_are_followed():
    old = {token for token in _tokens("pulumi-aws", "s3") if token.endswith("V2")}

    assert len(old) >= 8
    assert not [token for token in old if canonical(token) == token]
    assert canonical("aws:s3/bucketObjectv2:BucketObjectv2") == "aws:s3/bucketObjectv2:BucketObjectv2"


def test_every_kubernetes_token_of_the_checks_exists_in_the_package_or_is_a_custom_resource():
    folders = (
        "admissionregistration",
        "apps",
        "autoscaling",
        "batch",
        "core",
        "extensions",
        "networking",
        "policy",
        "rbac",
    )
    known = {canonical(token) for folder in folders for token in _tokens("pulumi-kubernetes", folder)}
    kinds = {
        kind
        for family in FAMILIES
        for check in (*family.checks, *family.relations)
        for kind in check.kinds
        if kind.startswith("kubernetes:")
    }
    custom = {kind for kind in kinds if kind.split(":")[1].count(".") and ".k8s.io" not in kind.split(":")[1]}
    custom |= {kind for kind in kinds if ":gateway.networking.k8s.io:" in kind}

    assert kinds - known - custom == set()


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("kubernetes:extensions/v1beta1:Deployment", "kubernetes:apps:Deployment"),
        ("kubernetes:extensions/v1beta1:NetworkPolicy", "kubernetes:networking.k8s.io:NetworkPolicy"),
        ("kubernetes:apps/v1beta2:DaemonSetPatch", "kubernetes:apps:DaemonSetPatch"),
        ("kubernetes:core/v1:Pod", "kubernetes:core:Pod"),
        ("pulumi:pulumi:Stack", "pulumi:pulumi:Stack"),
    ],
)
def test_canonical_types(token, expected):
    assert canonical(token) == expected


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: c["controls"].append(c["controls"][0]), "ids used twice"),
        (lambda c: c["controls"][0]["frameworks"].update(iso=["1"]), "unknown standards"),
        (lambda c: c["controls"][0].update(advisory_in=["production"]), "unknown environments"),
        (lambda c: c["controls"][0].update(own_reading=["eu-ai-act"]), "does not map to"),
        (lambda c: c["controls"][0].update(pack="safety"), "'security', 'compliance'"),
        (lambda c: c["standards"]["fsbp"].update(note=None), "needs a note"),
        (lambda c: c["controls"][0].update(severty="high"), "Extra inputs"),
    ],
)
def test_a_mistake_in_the_catalog_is_found(change, says):
    raw = copy.deepcopy(raw_catalog())
    change(raw)

    with pytest.raises(ValidationError, match=says):
        Catalog.model_validate(raw)


def test_policies_stand_alone():
    imported = {
        match
        for path in (ROOT / "policies").rglob("*.py")
        for match in re.findall(
            r"^\s*(?:from|import) (infra|services)\b", path.read_text("utf-8"), re.MULTILINE
        )
    }

    assert imported == set()
