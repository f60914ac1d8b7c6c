"""The command lines of etcd, API server, controller manager and scheduler."""

import json

from infra.local.certs import write_private
from infra.local.supervisor.layout import Site

SERVICE_RANGE = "10.96.0.0/16"
"""Addresses of Services. Nothing routes to them locally; the range is Kubernetes' customary one."""

ETCD_QUOTA = 512 << 20
"""Bytes that etcd may hold. A blueprint's objects take about 10 MB; the quota bounds a runaway writer
long before a laptop's disk is full."""

_AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        # Heartbeats and probes, several in a second, say nothing about who did what.
        {"level": "None", "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}]},
        {"level": "None", "nonResourceURLs": ["/healthz*", "/livez*", "/readyz*", "/version"]},
        {"level": "Metadata"},
    ],
}


def etcd(site: Site) -> list[str]:
    """Return the command of etcd: one member, TLS and client certificates on both ports.

    Writes are forced to the disk as etcd does by default. Leaving that out (--unsafe-no-fsync) would
    survive a killed process, but not a laptop that loses power, and it did not make a cold start
    measurably faster.
    """
    client = f"https://127.0.0.1:{site.ports['etcd']}"
    peer = f"https://127.0.0.1:{site.ports['etcd-peer']}"
    pki = site.pki
    return [
        str(site.tools["etcd"]),
        "--name=plinth",
        f"--data-dir={site.local / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=plinth={peer}",
        f"--cert-file={pki / 'etcd.crt'}",
        f"--key-file={pki / 'etcd.key'}",
        f"--trusted-ca-file={pki / 'etcd-ca.crt'}",
        "--client-cert-auth",
        f"--peer-cert-file={pki / 'etcd.crt'}",
        f"--peer-key-file={pki / 'etcd.key'}",
        f"--peer-trusted-ca-file={pki / 'etcd-ca.crt'}",
        "--peer-client-cert-auth",
        f"--quota-backend-bytes={ETCD_QUOTA}",
        "--auto-compaction-mode=periodic",
        "--auto-compaction-retention=1h",
        "--log-level=warn",
    ]


def apiserver(site: Site) -> list[str]:
    """Return the command of the API server."""
    pki = site.pki
    policy = site.kube / "audit-policy.json"
    write_private(policy, json.dumps(_AUDIT_POLICY))
    return [
        str(site.tools["kube"]),
        "kube-apiserver",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={site.ports['apiserver']}",
        # It would publish 127.0.0.1 as an endpoint, which the API refuses; nothing here needs it.
        "--endpoint-reconciler-type=none",
        f"--etcd-servers=https://127.0.0.1:{site.ports['etcd']}",
        f"--etcd-cafile={pki / 'etcd-ca.crt'}",
        f"--etcd-certfile={pki / 'etcd-client.crt'}",
        f"--etcd-keyfile={pki / 'etcd-client.key'}",
        f"--tls-cert-file={pki / 'apiserver.crt'}",
        f"--tls-private-key-file={pki / 'apiserver.key'}",
        f"--client-ca-file={pki / 'kube-ca.crt'}",
        "--anonymous-auth=false",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",  # PodSecurity is on by default
        "--allow-privileged=true",  # as on EKS: who may is decided by PodSecurity and policies
        f"--encryption-provider-config={pki / 'encryption.json'}",
        f"--audit-policy-file={policy}",
        f"--audit-log-path={site.logs / 'audit.log'}",
        "--audit-log-maxsize=50",  # MiB in one file
        "--audit-log-maxbackup=2",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={pki / 'service-account.pub'}",
        f"--service-account-signing-key-file={pki / 'service-account.key'}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        f"--cert-dir={site.kube}",
        "--profiling=false",
    ]


def controller_manager(site: Site) -> list[str]:
    """Return the command of the controller manager."""
    return [
        str(site.tools["kube"]),
        "kube-controller-manager",
        *_component(site, "controller-manager"),
        f"--root-ca-file={site.pki / 'kube-ca.crt'}",
        f"--service-account-private-key-file={site.pki / 'service-account.key'}",
        "--use-service-account-credentials=true",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
    ]


def scheduler(site: Site) -> list[str]:
    """Return the command of the scheduler."""
    return [str(site.tools["kube"]), "kube-scheduler", *_component(site, "scheduler")]


def _component(site: Site, name: str) -> list[str]:
    """Return what controller manager and scheduler have in common."""
    config = site.kube / f"{name}.kubeconfig"
    return [
        f"--kubeconfig={config}",
        f"--authentication-kubeconfig={config}",
        f"--authorization-kubeconfig={config}",
        "--bind-address=127.0.0.1",
        f"--secure-port={site.ports[name]}",
        f"--tls-cert-file={site.pki / 'component.crt'}",
        f"--tls-private-key-file={site.pki / 'component.key'}",
        "--leader-elect=false",  # there is one of each; an election only delays a restart
        "--profiling=false",
    ]
