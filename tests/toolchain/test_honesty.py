"""The comparison itself, on a schema written by hand; the real one is compared in tests/local."""

import copy

import pytest

from infra.local.toolchain.honesty import function_differences, resource_differences

TEXT = {"type": "string"}
ALIAS = "aws:kms/alias:Alias"
VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
BLOCK = "aws:s3/BucketVersioningVersioningConfiguration:BucketVersioningVersioningConfiguration"
SCHEMA = {
    "resources": {
        ALIAS: {
            "inputProperties": dict.fromkeys(["name", "namePrefix", "region", "targetKeyId"], TEXT),
            "requiredInputs": ["targetKeyId"],
            "properties": dict.fromkeys(
                ["arn", "name", "namePrefix", "region", "targetKeyArn", "targetKeyId"], TEXT
            ),
        },
        VERSIONING: {
            "inputProperties": {
                **dict.fromkeys(["bucket", "expectedBucketOwner", "mfa", "region"], TEXT),
                "versioningConfiguration": {"$ref": f"#/types/{BLOCK}"},
            },
            "requiredInputs": ["bucket", "versioningConfiguration"],
            "properties": {
                **dict.fromkeys(["bucket", "expectedBucketOwner", "mfa", "region"], TEXT),
                "versioningConfiguration": {"$ref": f"#/types/{BLOCK}"},
            },
        },
    },
    "types": {
        BLOCK: {"type": "object", "properties": {"status": TEXT, "mfaDelete": TEXT}, "required": ["status"]}
    },
    "functions": {
        "aws:index/getCallerIdentity:getCallerIdentity": {
            "inputs": {"properties": {"id": TEXT}},
            "outputs": {"properties": dict.fromkeys(["accountId", "arn", "id", "userId"], TEXT)},
        }
    },
}


def _alias_with(change) -> dict:
    schema = copy.deepcopy(SCHEMA)
    change(schema["resources"][ALIAS])
    return schema


@pytest.mark.parametrize("token", [ALIAS, VERSIONING])
def test_the_same_is_the_same(token):
    assert resource_differences(SCHEMA, token, "pulumi_aws") == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda spec: spec["inputProperties"].pop("region"), "input: region is in the package only"),
        (lambda spec: spec["inputProperties"].update(extra=TEXT), "input: extra is in the provider only"),
        (lambda spec: spec["properties"].pop("arn"), "output: arn is in the package only"),
        (lambda spec: spec.pop("requiredInputs"), "input required: targetKeyId is in the package only"),
        (
            lambda spec: spec["inputProperties"].update(name={"type": "integer"}),
            "input name: integer in the provider, string in the package",
        ),
        (
            lambda spec: spec["properties"].update(name={"type": "array", "items": TEXT}),
            "output name: array in the provider, string in the package",
        ),
    ],
)
def test_each_kind_of_drift_is_named(change, expected):
    assert resource_differences(_alias_with(change), ALIAS, "pulumi_aws") == [f"{ALIAS} {expected}"]


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ({"properties": {"status": TEXT}, "required": ["status"]}, "mfaDelete is in the package only"),
        ({"properties": {"status": TEXT, "mfaDelete": TEXT}}, "required: status is in the package only"),
        (
            {"properties": {"status": TEXT, "mfaDelete": {"type": "boolean"}}, "required": ["status"]},
            "mfaDelete: boolean in the provider, string in the package",
        ),
    ],
)
def test_drift_inside_a_block_is_found(block, expected):
    schema = copy.deepcopy(SCHEMA)
    schema["types"][BLOCK] = {"type": "object", **block}

    assert any(line.endswith(expected) for line in resource_differences(schema, VERSIONING, "pulumi_aws"))


def test_a_block_that_became_a_list_is_found():
    schema = copy.deepcopy(SCHEMA)
    where = schema["resources"][VERSIONING]["inputProperties"]
    where["versioningConfiguration"] = {"type": "array", "items": where["versioningConfiguration"]}

    assert resource_differences(schema, VERSIONING, "pulumi_aws") == [
        (
            f"{VERSIONING} input versioningConfiguration: array in the provider, "
            "BucketVersioningVersioningConfigurationArgs in the package"
        )
    ]


def test_a_type_on_one_side_only_is_named():
    assert resource_differences(SCHEMA, "aws:kms/key:Key", "pulumi_aws") == [
        "aws:kms/key:Key: the provider does not have it"
    ]
    made_up = {**SCHEMA, "resources": {"aws:kms/keey:Keey": {}}}

    assert resource_differences(made_up, "aws:kms/keey:Keey", "pulumi_aws") == [
        "aws:kms/keey:Keey: pulumi_aws does not have it"
    ]


def test_functions_are_compared_too():
    token = "aws:index/getCallerIdentity:getCallerIdentity"
    schema = copy.deepcopy(SCHEMA)
    schema["functions"][token]["outputs"]["properties"].pop("arn")

    assert function_differences(SCHEMA, token, "pulumi_aws") == []
    assert function_differences(schema, token, "pulumi_aws") == [
        f"{token} output: arn is in the package only"
    ]
