"""Who may speak to whom: authorities, certificates, keys and kubeconfigs of the control plane."""

import base64
import json
import secrets
from dataclasses import dataclass

import yaml

from infra.errors import PlatformError
from infra.local.certs import Authority, Pair, signing_key, write_private
from infra.local.supervisor.layout import Site

ADMIN_GROUP = "plinth:admins"
"""Bound to cluster-admin by an ordinary binding, unlike ``system:masters``, which nothing can take away."""

_SERVER_HOSTS = (
    "127.0.0.1",
    "localhost",
    "10.96.0.1",  # the first address of the service range: what pods would use
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
)


@dataclass(frozen=True)
class Identity:
    """A client of the API server."""

    user: str
    group: str | None


IDENTITIES = {
    "bootstrap": Identity("plinth:bootstrap", "system:masters"),  # the supervisor: writes the first RBAC
    "admin": Identity("plinth:admin", ADMIN_GROUP),
    "controller-manager": Identity("system:kube-controller-manager", None),
    "scheduler": Identity("system:kube-scheduler", None),
    "nodes": Identity("plinth:nodes", "plinth:platform"),
    "runner": Identity("plinth:runner", "plinth:platform"),
    "gateway": Identity("plinth:gateway", "plinth:platform"),
    "monitor": Identity("plinth:monitor", "plinth:platform"),
    "rollout": Identity("plinth:rollout", "plinth:platform"),
}
"""Client certificates, by the file name under ``pki``."""


@dataclass(frozen=True)
class Access:
    """Everything that proves an identity in the control plane."""

    kube_ca: Authority
    etcd_ca: Authority
    clients: dict[str, Pair]


def prepare(site: Site) -> Access:
    """Make what is absent, damaged or about to expire, and write the kubeconfigs for today's ports."""
    kube_ca = Authority(site.pki, "kube-ca")
    etcd_ca = Authority(site.pki, "etcd-ca")  # of its own: a Kubernetes client must not be an etcd client
    loopback = ("127.0.0.1", "localhost")
    kube_ca.issue(site.pki, "apiserver", "kube-apiserver", hosts=_SERVER_HOSTS, client=False)
    kube_ca.issue(site.pki, "component", "control-plane", hosts=loopback, client=False)
    etcd_ca.issue(site.pki, "etcd", "etcd", hosts=loopback)  # peers authenticate with it too
    etcd_ca.issue(site.pki, "etcd-client", "kube-apiserver")
    signing_key(site.pki / "service-account.key")
    _encryption(site)
    clients = {
        name: kube_ca.issue(site.pki, f"client-{name}", identity.user, organization=identity.group)
        for name, identity in IDENTITIES.items()
    }
    for name, pair in clients.items():
        path = site.kubeconfig if name == "admin" else site.kube / f"{name}.kubeconfig"
        if name != "bootstrap":
            write_private(path, kubeconfig(site, kube_ca, name, pair))
    return Access(kube_ca, etcd_ca, clients)


def kubeconfig(site: Site, authority: Authority, name: str, pair: Pair) -> str:
    """Return a kubeconfig that holds all it needs, so that it can be copied."""

    def inline(data: bytes) -> str:
        return base64.b64encode(data).decode()

    context = "plinth-local"
    server = f"https://127.0.0.1:{site.ports['apiserver']}"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": context,
                "cluster": {
                    "server": server,
                    "certificate-authority-data": inline(authority.cert_path.read_bytes()),
                },
            }
        ],
        "users": [
            {
                "name": name,
                "user": {
                    "client-certificate-data": inline(pair.cert_path.read_bytes()),
                    "client-key-data": inline(pair.key_path.read_bytes()),
                },
            }
        ],
        "contexts": [{"name": context, "context": {"cluster": context, "user": name}}],
        "current-context": context,
    }
    return yaml.safe_dump(document, sort_keys=False)


def _encryption(site: Site) -> None:
    """Write the configuration with which the API server encrypts secrets before they reach etcd.

    The key is never made anew by itself: without it the secrets in etcd cannot be read.

    Raises:
        PlatformError: The file is damaged or lost while etcd holds data.
    """
    path = site.pki / "encryption.json"
    if path.exists() or (site.local / "etcd" / "member").exists():
        try:
            entry = json.loads(path.read_text())["resources"][0]["providers"][0]["secretbox"]["keys"][0]
            fit = len(base64.b64decode(entry["secret"], validate=True)) == _KEY_BYTES
        except (OSError, ValueError, KeyError, IndexError, TypeError):
            fit = False
        if fit:
            path.chmod(0o600)
            return
        raise PlatformError(
            "The key of the local cluster's secrets is lost or damaged: they cannot be read any more.",
            where=str(path),
            fix="put the file back, or start with an empty cluster: ./plinth down --purge, then ./plinth up",
        )
    key = base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()
    document = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "EncryptionConfiguration",
        "resources": [
            {
                "resources": ["secrets"],
                "providers": [{"secretbox": {"keys": [{"name": "local", "secret": key}]}}, {"identity": {}}],
            }
        ],
    }
    write_private(path, json.dumps(document))


_KEY_BYTES = 32  # what secretbox (XSalsa20 and Poly1305) takes
