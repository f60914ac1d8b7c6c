"""The environment in which the engine runs for a stack, on every path."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from infra.errors import StateError
from infra.gate import ACCEPTANCE_VARIABLE
from infra.local import isolation, issuer, toolchain
from infra.local.paths import home, repo_root
from infra.local.session import Platform
from infra.ops import contracts, state_backend
from infra.ops.releases import releases_file
from infra.ops.state import backend_dir, backend_url
from infra.policy_settings import policy_settings
from infra.settings import Settings
from infra.settings_sources import RELEASES_VARIABLE
from infra.settings_tokens import TOKENS_VARIABLE
from policies.packs import pack_config
from services.readiness import dsse

LOCAL_PASSPHRASE = "plinth-local"  # noqa: S105 - for everybody; see infra/decisions/0003-local-passphrase.md
_FROM_CALLER = ("HOME", "USER", "LANG", "LC_ALL", "TERM", "TMPDIR", "TZ", "NO_COLOR", "COLUMNS")
"""What a run may take from the caller's environment; everything else is left outside."""
_PASSPHRASES = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")


def acceptance_file(stack: str) -> Path:
    """Return where the acceptance of a stack's preview is kept."""
    return home() / "accepted" / f"{stack}.json"


def variables(
    settings: Settings, file: Path, tools: toolchain.Toolchain, platform: Platform
) -> dict[str, str]:
    """Return the variables that make plain ``pulumi`` work on a local stack as ``./plinth`` does.

    Args:
        settings: Settings of the stack.
        file: The stack file from which they come.
        tools: The installed toolchain.
        platform: The running platform; brings AWS API, its guards and the kubeconfig.
    """
    backend_dir().mkdir(parents=True, exist_ok=True, mode=0o700)
    values = {
        **_engine(settings, tools),
        "PULUMI_BACKEND_URL": backend_url(),
        TOKENS_VARIABLE: str(tokens_file(settings)),
        **isolation.local_env({}, platform),
    }
    if file.parent != repo_root() / "stacks":  # where the engine looks by itself
        values["PULUMI_OPTION_CONFIG_FILE"] = str(file)
    if not any(os.environ.get(name) for name in _PASSPHRASES):
        values["PULUMI_CONFIG_PASSPHRASE"] = LOCAL_PASSPHRASE
    return values


def tokens_file(settings: Settings) -> Path:
    """Return the file that tells the settings of an emulated stack whose tokens and signatures count."""
    return issuer.settings_file(_builders(settings))


def _builders(settings: Settings) -> list[str]:
    """Return the key of this clone where its signatures count."""
    if settings.contracts != "development":
        return []
    return [dsse.public_text(contracts.development_key().public_key())]


def on_aws(settings: Settings, file: Path, tools: toolchain.Toolchain) -> dict[str, str]:
    """Return the variables that make plain ``pulumi`` work on a stack that lives on AWS.

    Its state is in the bucket that ``./plinth bootstrap`` made; credentials are those of the shell.

    Args:
        settings: Settings of the stack.
        file: Its stack file.
        tools: The installed toolchain.

    Raises:
        StateError: The stack was never bootstrapped, so there is no state backend.
    """
    lock = state_backend.locked_with(file.read_text(encoding="utf-8"))
    provider = state_backend.secrets_provider(settings)
    if lock.get(state_backend.PROVIDER) != provider or state_backend.DATA_KEY not in lock:
        raise StateError(
            f"Stack '{settings.environment}' has no state backend yet: {provider} does not lock its secrets.",
            where=f"stacks/{file.name}",
            fix=f"./plinth bootstrap --stack {settings.environment}, once, as an administrator of account "
            f"{settings.aws.account_id}; then commit the stack file.",
        )
    return {**_engine(settings, tools), "PULUMI_BACKEND_URL": state_backend.url(settings)}


def complete(values: Mapping[str, str]) -> dict[str, str]:
    """Return the whole environment of an engine run: the variables, and little from the caller."""
    kept = {name: os.environ[name] for name in (*_FROM_CALLER, *_PASSPHRASES) if name in os.environ}
    return {**kept, **values, "PULUMI_ENABLE_STREAMING_JSON_PREVIEW": "true"}


def foreign(platform: Platform) -> list[str]:
    """Return the variables of the caller's shell that must go, because they could lead to a real account."""
    return sorted(set(os.environ) - set(isolation.local_env(os.environ, platform)))


def _engine(settings: Settings, tools: toolchain.Toolchain) -> dict[str, str]:
    """Return the variables that every stack has: programs, plugins, policies, releases, acceptance."""
    path = [str(tools.bin("pulumi").parent), str(repo_root() / ".venv" / "bin"), os.environ.get("PATH", "")]
    return {
        "PATH": os.pathsep.join(path),
        "PULUMI_HOME": str(pulumi_home(tools)),
        "PULUMI_STACK": settings.environment,
        "PULUMI_OPTION_POLICY_PACK": str(repo_root() / "policies"),
        "PULUMI_OPTION_POLICY_PACK_CONFIG": str(_policy_config(settings)),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_DIY_BACKEND_NO_LEGACY_WARNING": "true",
        RELEASES_VARIABLE: str(releases_file(settings.environment)),
        ACCEPTANCE_VARIABLE: str(acceptance_file(settings.environment)),
    }


def _policy_config(settings: Settings) -> Path:
    """Write what the policy pack must know of the stack, and return the file."""
    path = home() / "policy-config" / f"{settings.environment}.json"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    config = pack_config(policy_settings(settings))
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    return path


def pulumi_home(tools: toolchain.Toolchain) -> Path:
    """Return a PULUMI_HOME of this clone whose plugins are the toolchain's."""
    place = home() / "pulumi"
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    link = place / "plugins"
    wanted = tools.pulumi_plugins
    if not link.is_symlink() or link.readlink() != wanted:
        part = place / "plugins.part"
        part.unlink(missing_ok=True)
        part.symlink_to(wanted)
        part.replace(link)
    return place
