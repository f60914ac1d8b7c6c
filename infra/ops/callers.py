"""Who asks a service of a local stack for decisions, by a token that this clone's issuer gives."""

from infra.local import issuer
from services.readiness.security import DECIDE_SCOPE


def headers(
    service: str,
    host: str,
    *,
    subject: str,
    seconds: float = issuer.TOKEN_SECONDS,
    late_seconds: float = 0.0,
) -> dict[str, str]:
    """Return the headers with which a service is asked for decisions through the gateway.

    Args:
        service: Name of the service, for which the token is.
        host: Its host name, by which the gateway knows it.
        subject: Who asks.
        seconds: Until the token ends.
        late_seconds: By how much the issuer's clock is behind.

    Raises:
        PlatformError: The issuer's key is damaged.
    """
    token = issuer.token(
        subject=subject, audience=service, scopes=[DECIDE_SCOPE], seconds=seconds, late_seconds=late_seconds
    )
    return {"host": host, "authorization": f"Bearer {token}"}
