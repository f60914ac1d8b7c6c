"""Where one clone's platform keeps its things, which ports it has and which programs it runs."""

import hashlib
import json
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

from infra.local.certs import write_private

PORTS = (
    "aws",
    "etcd",
    "etcd-peer",
    "apiserver",
    "controller-manager",
    "scheduler",
    "nodes",
    "envoy-admin",
    "envoy",
    "prometheus",
    "alertmanager",
    "monitor",
    "operations",
    "names",
    "flagger",
)
"""Every port of the platform, by the name under which it is remembered."""


@dataclass(frozen=True)
class Site:
    """The platform of one clone.

    Args:
        home: The clone's folder of state (see ``infra.local.paths.home``).
        ports: A port on 127.0.0.1 for each name in ``PORTS``.
        tools: The program or folder for each name: ``kube``, ``etcd``, ``kwok``, ``prometheus``,
            ``alertmanager``, ``flagger``, ``gateway-api-crds``, ``flagger-crds``, ``kwok-stages``.
    """

    home: Path
    ports: dict[str, int]
    tools: dict[str, Path]

    @property
    def local(self) -> Path:
        """The platform's own folder."""
        return self.home / "local"

    @property
    def pki(self) -> Path:
        """Authorities, certificates and keys."""
        return self.local / "pki"

    @property
    def kube(self) -> Path:
        """Configuration of the control plane: kubeconfigs, audit and encryption configuration."""
        return self.local / "kube"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig, for Pulumi, kubectl and the tests."""
        return self.local / "kubeconfig"

    @property
    def logs(self) -> Path:
        """One log for each part."""
        return self.local / "logs"

    @property
    def aws(self) -> Path:
        """Journal, identity and authority of the AWS API."""
        return self.local / "aws"

    @property
    def xds(self) -> Path:
        """What the gateway's controller writes and Envoy reads."""
        return self.local / "xds"

    @property
    def monitoring(self) -> Path:
        """Files and data of Prometheus and Alertmanager."""
        return self.local / "monitoring"

    @property
    def status(self) -> Path:
        """The status file that everybody reads."""
        return self.local / "platform.json"

    def log(self, part: str) -> Path:
        """Return the log file of a part."""
        return self.logs / f"{part}.log"

    def save(self) -> Path:
        """Write what the supervisor needs to know, and return the file."""
        path = self.local / "site.json"
        document = {
            "home": str(self.home),
            "ports": self.ports,
            "tools": {name: str(tool) for name, tool in self.tools.items()},
            "code": code(),
        }
        write_private(path, json.dumps(document, indent=1))
        return path

    @classmethod
    def load(cls, path: Path) -> "Site":
        """Read what :meth:`save` wrote."""
        document = json.loads(path.read_text())
        tools = {name: Path(tool) for name, tool in document["tools"].items()}
        return cls(Path(document["home"]), document["ports"], tools)


def code(root: Path = Path(__file__).parents[1]) -> str:
    """Return the digest of what the parts run: the files of this package, recipes of the tools included."""
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"\0{path.relative_to(root).as_posix()}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def lock_path(home: Path) -> Path:
    """Return the file whose lock the supervisor of ``home`` holds for its whole life."""
    return home / "local" / "supervisor.lock"


def instance(home: Path) -> str:
    """Return the identity of the platform in ``home``; each process of it carries this identity."""
    path = home / "local" / "instance"
    try:
        return path.read_text().strip() or _new_instance(path)
    except FileNotFoundError:
        return _new_instance(path)


def _new_instance(path: Path) -> str:
    write_private(path, uuid.uuid4().hex)
    return path.read_text().strip()


PYTHON = sys.executable
"""The interpreter of the virtual environment, for the parts that are written in Python."""
