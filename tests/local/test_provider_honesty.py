"""The providers that are built here have the names and types of the Python packages."""

import copy
import json
import subprocess
import tomllib
from pathlib import Path

import pytest

from infra.local.toolchain import ensure, status
from infra.local.toolchain.honesty import function_differences, provider_differences, resource_differences
from infra.local.toolchain.recipe import HERE

pytestmark = pytest.mark.toolchain

TABLE = tomllib.loads((HERE / "go/pulumi/aws/resources.toml").read_text(encoding="utf-8"))
TOKENS = sorted(TABLE["resources"].values())

# Written by hand in the Python package, or components that the provider unfolds: no class with that token.
WITHOUT_CLASS = {
    "kubernetes:apiextensions.k8s.io:CustomResource",
    "kubernetes:apiextensions.k8s.io:CustomResourcePatch",
    "kubernetes:helm.sh/v3:Chart",
    "kubernetes:kustomize/v2:Directory",
    "kubernetes:kustomize:Directory",
    "kubernetes:yaml/v2:ConfigFile",
    "kubernetes:yaml/v2:ConfigGroup",
    "kubernetes:yaml:ConfigFile",
    "kubernetes:yaml:ConfigGroup",
}

# Pulumi's release of the provider has patches of its own; what they add is not in the code that is built
# here. A program that set one of these would be refused, never silently ignored.
PATCHED_IN = {
    "aws:eks/cluster:Cluster": {
        "aws:eks/cluster:Cluster input: defaultAddonsToRemoves is in the package only",
        "aws:eks/cluster:Cluster output: defaultAddonsToRemoves is in the package only",
    }
}


def _schema(part: str) -> dict:
    """Ask the installed provider for its schema, made anew from its code."""
    row = next(row for row in status() if row.name == part)
    if row.state != "installed":
        pytest.fail(f"the part {part} is not installed; run: ./plinth toolchain build")
    if row.origin == "official release":
        pytest.skip("the official release is installed: its schema is the package's own")
    program = next(Path(ensure([part]).pulumi_plugins).glob(f"resource-{part}-*/pulumi-resource-{part}"))
    return json.loads(subprocess.run([program, "-plinth-schema"], capture_output=True, check=True).stdout)


@pytest.fixture(scope="module")
def aws():
    return _schema("aws")


@pytest.fixture(scope="module")
def kubernetes():
    return _schema("kubernetes")


def test_the_provider_has_what_the_table_lists_and_nothing_else(aws):
    assert sorted(aws["resources"]) == TOKENS


@pytest.mark.parametrize("token", TOKENS)
def test_a_resource_type_is_that_of_the_package(aws, token):
    assert set(resource_differences(aws, token, "pulumi_aws")) == PATCHED_IN.get(token, set())


@pytest.mark.parametrize("token", sorted(TABLE["functions"].values()))
def test_a_function_is_that_of_the_package(aws, token):
    assert function_differences(aws, token, "pulumi_aws") == []


def test_the_provider_s_own_arguments_are_those_of_the_package(aws):
    assert provider_differences(aws, "pulumi_aws") == []


def test_the_schema_beside_the_binary_is_the_binary_s_own(aws):
    plugins = ensure(["aws"]).pulumi_plugins
    beside = json.loads(next(plugins.glob("resource-aws-*/schema.json")).read_text(encoding="utf-8"))

    assert beside == aws


def _drop_input(spec):
    del spec["inputProperties"]["targetKeyId"]


def _rename_output(spec):
    spec["properties"]["targetArn"] = spec["properties"].pop("targetKeyArn")


def _free_input(spec):
    spec["requiredInputs"].remove("targetKeyId")


def _change_type(spec):
    spec["inputProperties"]["name"] = {"type": "integer"}


@pytest.mark.parametrize("change", [_drop_input, _rename_output, _free_input, _change_type])
def test_the_comparison_can_fail(aws, change):
    """Each kind of drift, put into the real schema on purpose, is found."""
    changed = copy.deepcopy(aws)
    change(changed["resources"]["aws:kms/alias:Alias"])

    assert resource_differences(changed, "aws:kms/alias:Alias", "pulumi_aws") != []


def test_the_comparison_sees_nested_blocks(aws):
    changed = copy.deepcopy(aws)
    block = changed["types"][
        "aws:s3/BucketVersioningVersioningConfiguration:BucketVersioningVersioningConfiguration"
    ]
    block["properties"]["state"] = block["properties"].pop("status")
    token = "aws:s3/bucketVersioning:BucketVersioning"

    assert any(
        "state is in the provider only" in line for line in resource_differences(changed, token, "pulumi_aws")
    )


def test_every_kubernetes_type_is_that_of_the_package(kubernetes):
    """The provider checks inputs by the cluster's OpenAPI; both sides must mean the same API version."""
    differences = [
        line
        for token in sorted(kubernetes["resources"].keys() - WITHOUT_CLASS)
        for line in resource_differences(kubernetes, token, "pulumi_kubernetes")
    ]

    assert differences == []
    assert len(kubernetes["resources"]) > len(WITHOUT_CLASS)
