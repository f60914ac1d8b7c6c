"""The settings of a stack: one frozen tree, read once, every mistake reported at once.

``stacks/Pulumi.<stack>.yaml`` holds only what differs from the defaults below. This module is the
only reader of ``pulumi.Config``; everything else takes a :class:`Settings`.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from infra import gpu_checks, settings_checks, settings_rollout
from infra.errors import SettingsError
from infra.mistakes import describe
from infra.naming import PROJECT
from infra.settings_base import IMAGE_PATTERN, REGION_PATTERN, Frozen, Name
from infra.settings_foundation import (
    ClusterSettings,
    GpuSettings,
    IdentitySettings,
    NetworkSettings,
    RegistrySettings,
)
from infra.settings_monitoring import MonitoringSettings
from infra.settings_operations import AuditSettings, CostSettings, RecoverySettings, StorageSettings
from infra.settings_rollout import RetrainingSettings, RolloutSettings
from infra.settings_sources import RELEASES_VARIABLE, all_config, decode, known_stacks, read_json
from infra.settings_tokens import TOKENS_VARIABLE, TokenSettings

Environment = Literal["local", "local-dr", "dev", "staging", "prod", "prod-dr"]
ENVIRONMENTS: tuple[Environment, ...] = ("local", "local-dr", "dev", "staging", "prod", "prod-dr")


class AwsSettings(Frozen):
    """The account and region that the stack owns."""

    account_id: Annotated[
        str,
        Field(
            pattern=r"^\d{12}$",
            description="Twelve digits. The provider refuses to work with credentials of any other account.",
        ),
    ]
    region: Annotated[
        str,
        Field(
            pattern=REGION_PATTERN,
            description="AWS region of every regional resource, such as eu-central-1.",
        ),
    ]
    emulated: Annotated[
        bool,
        Field(
            description="True when the stack lives on the local AWS API. Such a stack refuses to load unless "
            "all AWS traffic is held on loopback, so it can never touch a real account."
        ),
    ] = False
    owns_account: Annotated[
        bool,
        Field(
            description="True when this stack sets what an account has once (public access block, trail, "
            "budget); false where another stack of the same account does."
        ),
    ] = True


class GatewaySettings(Frozen):
    """Where requests come in."""

    domain: Annotated[
        str,
        Field(
            pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)*$",
            description="Each service answers at <service>.<domain>.",
        ),
    ]
    controller: Annotated[
        str,
        Field(
            pattern=r"^[a-z0-9.-]+/[a-z0-9./-]+$",
            description="Gateway API controller that serves the gateway class.",
        ),
    ] = "gateway.envoyproxy.io/gatewayclass-controller"


class ServiceSettings(Frozen):
    """One model service. Its folder is ``services/<name with underscores>/``."""

    replicas: Annotated[
        int, Field(ge=2, le=100, description="Pods; two at least, so that one may be lost.")
    ] = 2
    cpu_millicores: Annotated[
        int,
        Field(ge=50, le=64000, description="CPU that is requested for each pod, in thousandths of a core."),
    ] = 500
    memory_mib: Annotated[
        int,
        Field(ge=128, le=262144, description="Memory requested and allowed for each pod, in MiB."),
    ] = 512
    queue: Annotated[
        bool,
        Field(description="Whether requests may also come through a queue, answered by `./plinth stream`."),
    ] = False


class Release(Frozen):
    """What was built and may run: written by ``./plinth`` or by CI, never by hand."""

    image: Annotated[
        str,
        Field(pattern=IMAGE_PATTERN, description="Image by digest; a tag is refused because it can move."),
    ]
    model_digest: Annotated[
        str, Field(pattern=r"^sha256:[0-9a-f]{64}$", description="Digest of the model inside the image.")
    ]


class Settings(Frozen):
    """Everything that makes one stack differ from another."""

    environment: Annotated[
        Environment,
        Field(description="Which of the five environments this is; the stack's name when not set."),
    ]
    owner: Annotated[str, Field(min_length=1, description="Who answers for it; tag on every resource.")]
    cost_centre: Annotated[str, Field(min_length=1, description="Who pays; tag on every resource.")]
    approval: Annotated[
        Literal["gates", "person"],
        Field(description="Who accepts a preview before `up`: the gates, or a named person after the gates."),
    ] = "person"
    contracts: Annotated[
        Literal["signed", "development"],
        Field(
            description="Whose signatures a service's readiness contract needs here: its two owners', or, "
            "on emulated stacks only, those of the clone's own key."
        ),
    ] = "signed"
    aws: AwsSettings
    gateway: GatewaySettings
    tokens: TokenSettings = TokenSettings()
    network: NetworkSettings = NetworkSettings()
    storage: StorageSettings = StorageSettings()
    audit: AuditSettings = AuditSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
    rollout: RolloutSettings = RolloutSettings()
    retraining: RetrainingSettings = RetrainingSettings()
    recovery: RecoverySettings = RecoverySettings()
    cost: CostSettings = CostSettings()
    identity: IdentitySettings = IdentitySettings()
    registry: RegistrySettings = RegistrySettings()
    cluster: ClusterSettings = ClusterSettings()
    gpu: GpuSettings = GpuSettings()
    services: Annotated[
        dict[Name, ServiceSettings], Field(description="The model services that this environment runs.")
    ] = {}  # noqa: RUF012 - pydantic copies it for each instance
    releases: Annotated[
        dict[Name, Release],
        Field(
            description="Built image and model of each service; when not set here, from the file that "
            f"{RELEASES_VARIABLE} names."
        ),
    ] = {}  # noqa: RUF012 - pydantic copies it for each instance

    @model_validator(mode="after")
    def _releases_belong_to_services(self) -> Self:
        unknown = sorted(set(self.releases) - set(self.services))
        if unknown:
            raise ValueError(f"releases name unknown services: {', '.join(unknown)}")
        return self

    def regions(self) -> list[str]:
        """Return the regions in which the stack has something: its own, and that of its copies."""
        return [region for region in (self.aws.region, self.recovery.region) if region]

    def release(self, service: str) -> Release:
        """Return what was built for a service.

        Raises:
            SettingsError: Nothing was, or the service is unknown.
        """
        release = self.releases.get(service)
        if release is None:
            raise SettingsError(
                f"Service '{service}' has no release, so there is no image that could run.",
                where=f"stacks/Pulumi.{self.environment}.yaml",
                fix=f"Build it with './plinth up', or set {PROJECT}:releases, or name a releases file in "
                f"{RELEASES_VARIABLE}.",
            )
        return release

    def tags(self) -> dict[str, str]:
        """Return the tags that every AWS resource carries."""
        return {
            "plinth:environment": self.environment,
            "plinth:owner": self.owner,
            "plinth:cost-centre": self.cost_centre,
            # For inventories and bills: which AI system this is a part of.
            "plinth:ai-system": f"plinth-{self.environment}",
        }

    @classmethod
    def load(cls) -> Self:
        """Read the settings of the stack that the engine is working on.

        Raises:
            SettingsError: With every mistake of the stack file.
        """
        import pulumi  # noqa: PLC0415 - the engine's programs have it loaded; commands need not wait for it

        stack = pulumi.get_stack()
        raw = {
            key.removeprefix(f"{PROJECT}:"): decode(value)
            for key, value in all_config().items()
            if key.startswith(f"{PROJECT}:")
        }
        return cls.parse(raw, stack=stack, environ=os.environ)

    @classmethod
    def from_file(cls, path: Path, *, environ: Mapping[str, str] | None = None) -> Self:
        """Read a stack file without an engine, so that mistakes show before anything is started.

        Raises:
            SettingsError: The file is missing, is no YAML, or holds mistakes (all of them).
        """
        stack = path.name.removeprefix("Pulumi.").removesuffix(".yaml")
        where = f"stacks/{path.name}"
        try:
            document = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
        except FileNotFoundError:
            raise SettingsError(
                f"There is no stack '{stack}'.",
                where=where,
                fix=f"Use one of: {', '.join(known_stacks(path.parent)) or 'none yet'}.",
            ) from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"The stack file is not valid YAML: {' '.join(str(error).split())}",
                where=where,
                fix="Correct the line that is named; two spaces for each level, no tabs.",
            ) from None
        config = document.get("config") if isinstance(document, dict) else None
        if not isinstance(config, dict):
            raise SettingsError(
                "The stack file has no 'config:' mapping.", where=where, fix="Start it with 'config:'."
            )
        raw = {
            str(key).removeprefix(f"{PROJECT}:"): value
            for key, value in config.items()
            if str(key).startswith(f"{PROJECT}:")
        }
        return cls.parse(raw, stack=stack, environ=os.environ if environ is None else environ)

    @classmethod
    def parse(cls, raw: Mapping[str, Any], *, stack: str, environ: Mapping[str, str]) -> Self:
        """Validate raw settings; add the releases and tokens files when the stack does not have its own.

        Raises:
            SettingsError: With one line for each mistake: key, value given, what is allowed.
        """
        where = f"stacks/Pulumi.{stack}.yaml"
        values = {"environment": stack, **raw}
        releases_file = environ.get(RELEASES_VARIABLE)
        if "releases" not in values and releases_file:
            values["releases"] = read_json(
                Path(releases_file),
                variable=RELEASES_VARIABLE,
                what="The releases file",
                missing="Run './plinth up', which builds the services and writes it.",
                broken="Remove it and run './plinth up', which writes it anew.",
            )
        tokens_file = environ.get(TOKENS_VARIABLE)
        if "tokens" not in values and tokens_file:
            values["tokens"] = read_json(
                Path(tokens_file),
                variable=TOKENS_VARIABLE,
                what="The tokens file",
                missing="Run './plinth up', which writes it for a local stack.",
                broken="Correct it: an object with issuer (text) and keys (a list of JSON Web Keys).",
            )
        try:
            settings = cls.model_validate(values)
        except ValidationError as error:
            lines = [*describe(error, cls, prefix=f"{PROJECT}:"), *cls._beside(values, error)]
        else:
            lines = settings.mistakes()
            if not lines:
                return settings
        head = "1 mistake" if len(lines) == 1 else f"{len(lines)} mistakes"
        raise SettingsError(
            "\n".join([f"{head} in the settings of stack '{stack}':", *(f"  - {line}" for line in lines)]),
            where=where,
            fix="Correct the keys above; stacks/README.md lists every key with its meaning and range.",
        )

    @classmethod
    def _beside(cls, values: Mapping[str, Any], error: ValidationError) -> list[str]:
        """Return what does not fit together in the parts that can be read, so that one look tells all."""
        broken = frozenset(str(issue["loc"][0]) for issue in error.errors() if issue["loc"])
        # The releases of services that cannot be read would be those of unknown ones.
        left_out = broken | ({"releases"} if "services" in broken else set())
        rest = {key: value for key, value in values.items() if key not in left_out}
        try:
            return cls.model_validate({**_STAND_INS, **rest}).mistakes(broken)
        except ValidationError:
            return []  # said already

    def mistakes(self, unreadable: frozenset[str] = frozenset()) -> list[str]:
        """Return what does not fit together, one line for each mistake.

        Args:
            unreadable: Parts of the tree that are no settings but stand-ins; what needs them is not judged.
        """
        where, region = self.environment, self.aws.region
        found: list[tuple[set[str], Iterable[str]]] = [
            ({"network", "aws"}, settings_checks.network(self.network, environment=where, region=region)),
            (
                {"contracts", "aws"},
                settings_checks.contracts(self.contracts, emulated=self.aws.emulated),
            ),
            ({"cluster"}, settings_checks.cluster(self.cluster)),
            ({"gpu"}, gpu_checks.pools(self.gpu)),
            ({"gpu", "cost", "aws"}, gpu_checks.cost(self.gpu, self.cost, region=region)),
            ({"recovery", "aws"}, settings_checks.recovery(self.recovery, environment=where, region=region)),
            ({"cost"}, settings_checks.cost(self.cost, environment=where)),
            ({"rollout", "aws"}, settings_rollout.mistakes(self.rollout, emulated=self.aws.emulated)),
            (
                {"retraining", "aws"},
                settings_rollout.retraining_mistakes(self.retraining, emulated=self.aws.emulated),
            ),
            (
                {"owner", "storage", "audit"},
                settings_checks.records(
                    environment=where, owner=self.owner, storage=self.storage, audit=self.audit
                ),
            ),
        ]
        return [line for needed, lines in found if not needed & unreadable for line in lines]


_STAND_INS: Mapping[str, Any] = {
    "owner": "unknown",
    "cost_centre": "unknown",
    "aws": {"account_id": "000000000000", "region": "eu-central-1"},
    "gateway": {"domain": "unknown.example.com"},
}
"""What stands for a part that must be there and cannot be read, while the others are compared."""
