"""A stack that lives on the local AWS API must never reach the real one.

The check reads the environment of this very process, which the AWS provider inherits. It runs
before any provider is made, on every path: ``./plinth up`` and plain ``pulumi up`` alike.
"""

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from infra.errors import RefusedError
from infra.settings import Settings

EMULATED_KEY_ID = "PLINTHLOCALDUMMYKEY0"
"""Access key id of every request to the local AWS API; no real key has this form."""
_PROXY_VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY")
_FOREIGN_VARIABLES = (
    "AWS_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_ENDPOINT_URL",
)


def leaks(environ: Mapping[str, str]) -> list[str]:
    """Return what is wrong with an environment that must stay on loopback; values are not shown."""
    found = [
        f"{variable} does not point to a proxy on loopback"
        for variable in _PROXY_VARIABLES
        if not _is_loopback(environ.get(variable) or environ.get(variable.lower()) or "")
    ]
    if environ.get("AWS_ACCESS_KEY_ID") != EMULATED_KEY_ID:
        found.append(f"AWS_ACCESS_KEY_ID is not '{EMULATED_KEY_ID}'")
    if not environ.get("AWS_CA_BUNDLE"):
        found.append("AWS_CA_BUNDLE does not name the local authority")
    found += [f"{variable} is set" for variable in _FOREIGN_VARIABLES if environ.get(variable)]
    bypass = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    if any("amazonaws" in host or host.strip() == "*" for host in bypass.split(",")):
        found.append("NO_PROXY lets AWS hosts pass by the proxy")
    return found


def require_loopback(settings: Settings, environ: Mapping[str, str]) -> None:
    """Refuse an emulated stack whose AWS traffic could leave this machine.

    Raises:
        RefusedError: With every leak that was found.
    """
    if not settings.aws.emulated:
        return
    found = leaks(environ)
    if found:
        raise RefusedError(
            "\n".join(
                [
                    f"Stack '{settings.environment}' lives on the local AWS API; its traffic could leave it:",
                    *(f"  - {leak}" for leak in found),
                ]
            ),
            where="environment variables of this process",
            fix="Use './plinth up', or first: eval \"$(./plinth env)\"",
        )


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
