"""What the controls must know of a stack; the same on every front."""

from infra.settings import Settings
from policies.core import PolicySettings


def policy_settings(settings: Settings) -> PolicySettings:
    """Return the settings of the controls for a stack."""
    return PolicySettings(
        environment=settings.environment,
        accounts=(settings.aws.account_id,),
        owns_account=settings.aws.owns_account,
    )
