"""A few calls to the Kubernetes API, without the weight of a client library (the supervisor stays small)."""

import http.client
import json
import ssl
from pathlib import Path
from typing import Any

FIELD_MANAGER = "plinth-platform"
TIMEOUT = 10.0
"""Seconds for one call on loopback; a busy API server answers within one."""

_PLURALS = {
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "CustomResourceDefinition": "customresourcedefinitions",
    "Namespace": "namespaces",
    "Node": "nodes",
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
}
"""The kinds that the platform itself applies; all of them belong to the cluster, not to a namespace."""


class KubeError(Exception):
    """The API server refused a call."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"HTTP {status}: {message}")
        self.status = status


class KubeApi:
    """One identity's access to the API server. A connection is made for each call.

    Args:
        port: Of the API server on 127.0.0.1.
        ca: Certificate of the authority that signed the server's.
        cert: Client certificate.
        key: Its key.
    """

    def __init__(self, port: int, ca: Path, cert: Path, key: Path) -> None:
        self._port = port
        self._context = ssl.create_default_context(cafile=str(ca))
        self._context.load_cert_chain(cert, key)

    def call(
        self, method: str, path: str, body: bytes | None = None, content_type: str = "application/json"
    ) -> bytes:
        """Make one call and return the body of the answer.

        Raises:
            KubeError: The answer is not a success.
            OSError: There is no answer.
        """
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self._port, timeout=TIMEOUT, context=self._context
        )
        try:
            connection.request(method, path, body, {"Content-Type": content_type} if body else {})
            answer = connection.getresponse()
            data = answer.read()
        except http.client.HTTPException as error:
            raise OSError(f"broken answer from the API server: {error!r}") from error
        finally:
            connection.close()
        if answer.status >= http.client.BAD_REQUEST:
            raise KubeError(answer.status, _message(data))
        return data

    def get(self, path: str) -> dict[str, Any]:
        """Return an object."""
        document: dict[str, Any] = json.loads(self.call("GET", path))
        return document

    def apply(self, manifest: dict[str, Any], subresource: str = "") -> dict[str, Any]:
        """Apply a manifest server-side: made when absent, brought into line when it differs."""
        path = object_path(manifest) + (f"/{subresource}" if subresource else "")
        query = f"?fieldManager={FIELD_MANAGER}&force=true"
        body = json.dumps(manifest).encode()
        answer = self.call("PATCH", path + query, body, "application/apply-patch+yaml")
        applied: dict[str, Any] = json.loads(answer)
        return applied


def object_path(manifest: dict[str, Any]) -> str:
    """Return the path of a cluster-wide object in the API."""
    group = manifest["apiVersion"]
    root = f"/api/{group}" if "/" not in group else f"/apis/{group}"
    return f"{root}/{_PLURALS[manifest['kind']]}/{manifest['metadata']['name']}"


def _message(data: bytes) -> str:
    try:
        return str(json.loads(data)["message"])
    except (ValueError, KeyError, TypeError):
        return data[:300].decode("utf-8", "replace")
