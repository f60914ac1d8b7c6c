"""The real engine on the state backend of a stack on AWS: S3 and KMS of the local AWS API, no platform."""

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.errors import BusyError, StateError
from infra.local.isolation import ACCESS_KEY, SECRET_KEY
from infra.local.paths import repo_root
from infra.local.toolchain import ensure
from infra.ops import aws_access, bootstrap, published, state_backend
from infra.ops.engine import explain
from infra.settings import Settings

pytestmark = pytest.mark.toolchain

ACCOUNT, REGION, SECRET = "123456789012", "eu-central-1", "hunter-two"
PROGRAM = """
import os, time, pulumi
config = pulumi.Config()
while os.path.exists("wait"):
    time.sleep(0.05)
pulumi.export("token", config.require_secret("token"))
"""
LIMIT_SECONDS = 60
SETTINGS = Settings.parse(
    {
        "owner": "ml-platform",
        "cost_centre": "ml",
        "aws": {"account_id": ACCOUNT, "region": REGION},
        "gateway": {"domain": "ml.example.com"},
    },
    stack="staging",
    environ={},
)


@dataclass
class Place:
    """A project whose stack was bootstrapped on an AWS API of its own."""

    folder: Path
    environ: dict[str, str]
    client: aws_access.Client
    backend: bootstrap.Backend

    @property
    def file(self) -> Path:
        return self.folder / "Pulumi.staging.yaml"

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        process = self.start(*arguments)
        said, _ = process.communicate(timeout=LIMIT_SECONDS)
        return process.returncode, said

    def keys(self, under: str) -> list[str]:
        found = self.client("s3").list_objects_v2(Bucket=self.backend.bucket, Prefix=under)
        return [one["Key"] for one in found.get("Contents", [])]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("project")
    api = _aws_process(folder / "aws")
    api.start()
    environ = {
        "PATH": f"{ensure().bin('pulumi').parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_STACK": "staging",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_BACKEND_URL": state_backend.url(SETTINGS),
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_CA_BUNDLE": str(folder / "aws" / "aws-ca.crt"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "HTTPS_PROXY": api.url,
        "HTTP_PROXY": api.url,
    }
    project = {"name": "plinth", "runtime": {"name": "python", "options": {"virtualenv": sys.prefix}}}
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump(project))
    (folder / "__main__.py").write_text(PROGRAM)
    (folder / "Pulumi.staging.yaml").write_text("# Staging.\nconfig: {}\n")
    client = aws_access.clients(REGION, environ)
    made = bootstrap.run(SETTINGS, folder / "Pulumi.staging.yaml", client, lambda _: None)
    here = Place(folder, environ, client, made)
    code, said = here.run("stack", "init", "staging", "--secrets-provider", made.provider)
    assert code == 0, said
    code, said = here.run("config", "set", "--secret", "token", SECRET)
    assert code == 0, said
    yield here
    api.kill()


def _aws_process(folder: Path) -> Any:
    path = repo_root() / "tests" / "infra_local" / "conftest.py"
    spec = importlib.util.spec_from_file_location("aws_process", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.AwsProcess(folder)


def until(holds: Callable[[], Any]) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_engine_uses_the_data_key_of_the_bootstrap(place: Place) -> None:
    lock = yaml.safe_load(place.file.read_text())
    again = bootstrap.run(SETTINGS, place.file, place.client, lambda _: None)

    assert lock["secretsprovider"] == place.backend.provider
    assert again.steps["stack file"] == "was there", "the engine has not made another data key"
    assert SECRET not in place.file.read_text()


def test_state_lies_in_the_bucket_encrypted_and_its_secrets_once_more(place: Place) -> None:
    code, said = place.run("up", "--yes", "--skip-preview")
    assert code == 0, said
    found = place.client("s3").get_object(
        Bucket=place.backend.bucket, Key=".pulumi/stacks/plinth/staging.json"
    )
    text = found["Body"].read().decode()

    assert (found["ServerSideEncryption"], found["SSEKMSKeyId"]) == ("aws:kms", place.backend.key_arn)
    assert '"token"' in text
    assert SECRET not in text
    assert place.keys(".pulumi/history/plinth/staging/")
    assert place.run("stack", "output", "token", "--show-secrets")[1].split()[-1] == SECRET
    versions = place.client("s3").list_object_versions(Bucket=place.backend.bucket)["Versions"]
    assert sum(one["Key"].endswith("staging.json") for one in versions) > 1, "what was before is kept"


def test_the_copy_for_pull_requests_lies_beside_the_state_and_opens_nothing(place: Place) -> None:
    published.publish(SETTINGS, place.client, local_account_id="999988887777", salt="v1:salt")
    found = place.client("s3").get_object(Bucket=place.backend.bucket, Key="redacted/staging.json")
    copy, said = found["Body"].read().decode(), place.run("stack", "export")[1]
    state = json.loads("{" + said.partition("{")[2])  # the AWS library's warnings stand before it

    assert found["SSEKMSKeyId"] == place.backend.key_arn
    assert SECRET not in copy
    assert ACCOUNT not in copy
    (output,) = [r["outputs"]["token"] for r in state["deployment"]["resources"] if "token" in r["outputs"]]
    assert output["ciphertext"] not in copy
    assert json.loads(copy)["checkpoint"]["latest"]["resources"][0]["outputs"] == {"token": "[secret]"}


def test_of_two_that_want_to_change_the_stack_one_holds_the_lock(place: Place) -> None:
    (place.folder / "wait").touch()
    first = place.start("up", "--yes", "--skip-preview")
    until(lambda: place.keys(".pulumi/locks/"))
    code, said = place.run("up", "--yes", "--skip-preview")
    (place.folder / "wait").unlink()
    out, _ = first.communicate(timeout=LIMIT_SECONDS)

    assert code != 0
    assert isinstance(explain(said, "up", "staging"), BusyError)
    assert first.returncode == 0, out
    assert place.keys(".pulumi/locks/") == []


def test_a_disabled_key_is_said(place: Place) -> None:
    kms, key = place.client("kms"), place.backend.key_arn.rsplit("/", 1)[-1]
    kms.disable_key(KeyId=key)
    try:
        code, said = place.run("up", "--yes", "--skip-preview")
    finally:
        kms.enable_key(KeyId=key)
    found = explain(said, "up", "staging")

    assert code != 0
    assert isinstance(found, StateError), said
    assert "is disabled" in str(found)


def test_a_bucket_that_is_not_there_is_said(place: Place) -> None:
    gone = place.environ["PULUMI_BACKEND_URL"].replace("-state-", "-estate-")
    other = Place(place.folder, place.environ | {"PULUMI_BACKEND_URL": gone}, place.client, place.backend)
    code, said = other.run("up", "--yes", "--skip-preview")
    found = explain(said, "up", "staging")

    assert code != 0
    assert isinstance(found, StateError), said
    assert "./plinth bootstrap" in str(found)
