"""What the cluster says of the services' pods and contracts."""

import base64
import http.client
import json
import ssl
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from infra.operations.samples import Sample
from infra.rollout.served import PRIMARY, in_service

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
INSIDE = "https://kubernetes.default.svc"
SERVICES = "/apis/apps/v1/namespaces/serving/deployments"
PODS = "/api/v1/namespaces/serving/pods"
ANSWER_SECONDS = 10.0
DIGEST, EXPIRES = "plinth.dev/model-digest", "plinth.dev/contract-expires"


class Cluster:
    """Asks the API server, by a kubeconfig, or in a pod by the pod's own token.

    Args:
        kubeconfig: File with inline certificates; None in a pod.
    """

    def __init__(self, kubeconfig: Path | None) -> None:
        """Read who may ask, and where."""
        self._token: Path | None = None
        if kubeconfig is None:
            self._server, self._token = INSIDE, ACCOUNT / "token"
            self._context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
            return
        document = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self._server = cluster["server"]
        self._context = ssl.create_default_context(cadata=authority)
        # The ssl module takes a client's certificate from files only.
        with tempfile.TemporaryDirectory() as folder:
            pair = []
            for name in ("client-certificate-data", "client-key-data"):
                path = Path(folder) / name
                path.touch(mode=0o600)
                path.write_bytes(base64.b64decode(user[name]))
                pair.append(str(path))
            self._context.load_cert_chain(*pair)

    def deployments(self) -> list[dict[str, Any]]:
        """Return the deployments of services."""
        return list(self._get(SERVICES)["items"])

    def pods(self) -> list[dict[str, Any]]:
        """Return the pods of services."""
        return list(self._get(PODS)["items"])

    def deployment(self, service: str) -> dict[str, Any]:
        """Return the deployment of one service."""
        return self._get(f"{SERVICES}/{service}")

    def stable(self, service: str) -> dict[str, Any] | None:
        """Return the copy of a deployment that Flagger keeps in service; None when there is none."""
        try:
            return self.deployment(service + PRIMARY)
        except urllib.error.HTTPError as error:
            if error.code != http.client.NOT_FOUND:
                raise
            return None

    def _get(self, path: str) -> dict[str, Any]:
        request = urllib.request.Request(self._server + path)  # noqa: S310 - a fixed https address
        if self._token:
            # Read each time: the kubelet renews it.
            request.add_header("Authorization", f"Bearer {self._token.read_text(encoding='utf-8').strip()}")
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self._context)
        )
        with opener.open(request, timeout=ANSWER_SECONDS) as reply:
            return dict(json.load(reply))


def pods(deployments: list[dict[str, Any]]) -> Iterator[Sample]:
    """Tell of pods and of when contracts end. Pure."""
    for service, one in in_service(deployments).items():
        labels = {"service": service}
        status, wanted = one.get("status", {}), one["spec"].get("replicas", 0)
        # Until the controller has seen the newest wish, its counts are of the one before.
        current = status.get("observedGeneration", 0) >= one["metadata"].get("generation", 0)
        yield Sample(name="plinth_service_pods_wanted", value=wanted, labels=labels)
        yield Sample(name="plinth_service_pods_ready", value=status.get("readyReplicas", 0), labels=labels)
        yield Sample(
            name="plinth_service_pods_updated",
            value=min(status.get("updatedReplicas", 0), status.get("readyReplicas", 0)) if current else 0,
            labels=labels,
        )
        if ends := one["metadata"].get("annotations", {}).get(EXPIRES):
            day = datetime.fromisoformat(ends).replace(tzinfo=UTC)
            yield Sample(
                name="plinth_contract_expires_timestamp_seconds", value=day.timestamp(), labels=labels
            )


def digests(deployments: list[dict[str, Any]]) -> Mapping[str, str]:
    """Return the digest of the model that each service runs. Pure."""
    found = {
        service: one["metadata"].get("annotations", {}).get(DIGEST, "")
        for service, one in in_service(deployments).items()
    }
    return {service: digest for service, digest in found.items() if digest}
