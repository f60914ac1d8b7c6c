"""One platform for all tests of this folder, with what they ask of it."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local import session, toolchain
from infra.local.control_plane import bootstrap
from infra.local.control_plane.kube_api import KubeApi, KubeError
from infra.local.session.preparation import TOOLCHAIN_PARTS
from infra.local.supervisor.layout import Site
from infra.local.supervisor.status import Platform


class Rig:
    """A platform in a home of its own."""

    def __init__(self, home: Path, tools: Any) -> None:
        self.home = home
        self.tools = tools

    def site(self) -> Site:
        """Return ports and folders as they are now."""
        return Site.load(self.home / "local" / "site.json")

    def until(self, condition: Callable[[], bool], seconds: float = 90) -> None:
        """Wait for something that must happen; the limit only tells a hang from a slow machine."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.1)

    def current(self) -> Platform:
        """Return the platform, which must be up."""
        platform = session.current()
        assert platform is not None
        return platform

    def kube(self, identity: str) -> KubeApi:
        """Return one identity's access to the API server."""
        site = self.site()
        certificate, key = site.pki / f"client-{identity}.crt", site.pki / f"client-{identity}.key"
        return KubeApi(site.ports["apiserver"], site.pki / "kube-ca.crt", certificate, key)

    def create(self, api: KubeApi, path: str, manifest: dict[str, Any]) -> None:
        """Create an object; one that is there already is left as it is."""
        try:
            api.call("POST", path, json.dumps(manifest).encode())
        except KubeError as error:
            if error.status != 409:
                raise

    def namespace(self, api: KubeApi, name: str, labels: dict[str, str] | None = None) -> None:
        """Make a namespace, and wait for its service account, which a controller makes and each pod needs."""
        self.create(api, "/api/v1/namespaces", {"metadata": {"name": name, "labels": labels or {}}})
        self.until(lambda: bool(api.get(f"/api/v1/namespaces/{name}/serviceaccounts").get("items")))

    def aws(self, code: str) -> Any:
        """Run Python with boto3 in the environment of a local run; ``out`` is what comes back."""
        program = f"import boto3, json\nout = None\n{code}\nprint(json.dumps(out, default=str))"
        done = subprocess.run(
            [sys.executable, "-c", program], env=session.env(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def remember(self) -> Any:
        """Put something into each store, and return everything that can be read back."""
        api = bootstrap.api(self.site())
        self.namespace(api, "kept")
        self.create(
            api, "/api/v1/namespaces/kept/configmaps", {"metadata": {"name": "kept"}, "data": {"a": "b"}}
        )
        self.aws(
            "s3, kms = boto3.client('s3'), boto3.client('kms')\n"
            "if not s3.list_buckets()['Buckets']:\n"
            "    s3.create_bucket(Bucket='kept')\n"
            "    s3.put_bucket_versioning(Bucket='kept', VersioningConfiguration={'Status': 'Enabled'})\n"
            "    [s3.put_object(Bucket='kept', Key='k', Body=body) for body in (b'1', b'2')]\n"
            "    kms.create_key(Description='kept')\n"
        )
        return self.read_back()

    def read_back(self) -> Any:
        """Return what :meth:`remember` put there, with identifiers and times."""
        kept = bootstrap.api(self.site()).get("/api/v1/namespaces/kept/configmaps/kept")
        found = self.aws(
            "s3, kms = boto3.client('s3'), boto3.client('kms')\n"
            "keys = [kms.describe_key(KeyId=k['KeyId'])['KeyMetadata'] for k in kms.list_keys()['Keys']]\n"
            "out = [s3.list_object_versions(Bucket='kept')['Versions'], keys]\n"
        )
        assert [len(part) for part in found] == [2, 1]
        return [kept["metadata"]["uid"], kept["data"], found]


@pytest.fixture(scope="session")
def one_rig() -> Iterator[Rig]:
    """Return the rig of all tests here; whatever a test leaves running is ended with it."""
    with tempfile.TemporaryDirectory(prefix="plinth-") as folder:
        rig = Rig(Path(folder) / "home", toolchain.ensure(TOOLCHAIN_PARTS))
        yield rig
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PLINTH_HOME", str(rig.home))
            session.stop(purge=True)


@pytest.fixture
def rig(one_rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """Return the rig, its home set for the time of one test."""
    monkeypatch.setenv("PLINTH_HOME", str(one_rig.home))
    return one_rig


@pytest.fixture
def up(rig: Rig) -> Platform:
    """Return the platform, brought up when the last test left it down."""
    return session.start(tools=rig.tools)


@pytest.fixture
def site(up: Platform, rig: Rig) -> Site:
    assert up.ready
    return rig.site()
