"""The environment in which nothing can reach the real AWS.

Dummy keys, the proxy and the trust in this clone's authority are set together or not at all, and
everything through which real credentials, other endpoints or other clusters could come in is taken out
first. Every client of AWS used here (boto3, the Go SDK in the Pulumi provider) reads these variables.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from infra.errors import PlatformError
from infra.local import aws_api
from infra.local.paths import home

if TYPE_CHECKING:
    from infra.local.supervisor.status import Platform

ACCESS_KEY = "PLINTHLOCALDUMMYKEY0"
"""Access key id of every local run. AWS ids begin with AKIA or ASIA: this one cannot be real."""
SECRET_KEY = "plinth-local-dummy-not-a-secret"  # noqa: S105 - it opens nothing
REGION = "us-east-1"
"""Region of clients that name none; the program's own region comes from the stack's settings."""
NO_PROXY = "127.0.0.1,localhost,::1"
"""Reached directly: the Kubernetes API and the gateway. Loopback only; a name more would be a way out."""

_SCRUBBED = re.compile(
    r"(_*AWS_|AWSU_|AWSUME|AWS$|AMAZON_|EC2_|ECS_|EKS_|BOTO|IMDS|S3_|DYNAMODB_|SAML2AWS_|GRANTED_|LOCALSTACK|MOTO_"
    r"|TF_AWS|TF_VAR_AWS|CONTAINER_CREDENTIALS|KUBECONFIG$|KUBE_|KUBERNETES_|PULUMI_K8S_|OKTA_AWS)"
    r"|.*_PROXY$|(REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|SSL_CERT_FILE|SSL_CERT_DIR|GODEBUG|PYTHONHTTPSVERIFY"
    r"|REQUEST_METHOD|PLINTH_INSTANCE|PLINTH_SUPERVISOR)$",
    re.IGNORECASE,
)
"""Names that are taken out, whatever their case. REQUEST_METHOD is among them because Go ignores
HTTP_PROXY when it is set (CGI)."""


def local_env(base: Mapping[str, str], platform: "Platform") -> dict[str, str]:
    """Return ``base`` for a local run: cleaned, and pointed at this platform.

    Args:
        base: The environment to start from; it is not changed.
        platform: A platform whose AWS API and Kubernetes API have their addresses.

    Raises:
        PlatformError: The platform does not say where its AWS API or its authority is.
    """
    proxy = platform.endpoints.get("aws_proxy", "")
    bundle = platform.files.get("aws_ca", "")
    kubeconfig = platform.files.get("kubeconfig", "")
    if not (proxy and bundle and kubeconfig):
        raise PlatformError(
            "The local platform does not say where its AWS API is, so no local run can be isolated.",
            fix="./plinth up",
        )
    folder = Path(bundle).parent
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _NOTHING).write_text("")  # also undoes what anybody may have written there
    env = {name: value for name, value in base.items() if not _SCRUBBED.match(name)}
    env |= _aws_variables(folder) | {"KUBECONFIG": kubeconfig}
    for name, value in (("HTTPS_PROXY", proxy), ("HTTP_PROXY", proxy), ("NO_PROXY", NO_PROXY)):
        env[name] = env[name.lower()] = value
    return env


def require_proxy(env: Mapping[str, str]) -> None:
    """Refuse to go on unless ``env`` is isolated and the AWS API of this very clone answers.

    Args:
        env: What :func:`local_env` returned, or what claims to be it.

    Raises:
        PlatformError: A variable is missing or leads elsewhere, or somebody else answers.
    """
    folder = home() / "local" / "aws"
    proxies = {env.get(name, "") for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy")}
    proxy = proxies.pop()
    where = urlsplit(proxy)
    if proxies or where.scheme != "http" or where.hostname != "127.0.0.1":
        raise _refused("the proxy variables do not all name this clone's proxy on 127.0.0.1")
    if {env.get("NO_PROXY"), env.get("no_proxy")} != {NO_PROXY}:
        raise _refused(f"NO_PROXY is not {NO_PROXY!r}: something would go past the proxy")
    expected = _aws_variables(folder)
    for name, value in expected.items():
        if env.get(name) != value and not name.endswith("REGION"):
            raise _refused(f"{name} is not what a local run sets")
    if extra := sorted(name for name in env if _SCRUBBED.match(name) and name not in expected.keys() | _OURS):
        raise _refused(f"{', '.join(extra)} must not be set")
    if (folder / _NOTHING).read_bytes():
        raise _refused(f"{folder / _NOTHING} holds something; it must be empty")
    answer = aws_api.health(proxy)
    if answer is None:
        raise _refused(f"no Plinth AWS API answers at {proxy}")
    if answer["instance"] != (folder / "instance").read_text().strip():
        raise _refused(f"the AWS API at {proxy} belongs to another clone")


_NOTHING = "no-credentials"
_OURS = {"KUBECONFIG"} | {
    spelled for name in ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY") for spelled in (name, name.lower())
}


def _aws_variables(folder: Path) -> dict[str, str]:
    """Return every AWS variable of a local run; ``folder`` is that of the AWS API."""
    return {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": str(folder / _NOTHING),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / _NOTHING),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CA_BUNDLE": str(folder / "aws-ca.crt"),
    }


def _refused(reason: str) -> PlatformError:
    return PlatformError(
        f"A local run was refused because it could reach the real AWS: {reason}.",
        where="environment of the run",
        fix='./plinth up, then ./plinth status; for a shell of your own: eval "$(./plinth env)"',
    )
