"""What a stack tells the world: every output has a name, a type and a meaning."""

from dataclasses import dataclass, fields
from typing import Annotated, get_type_hints

import pulumi


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """The outputs of a stack; each one's description stands in its type."""

    environment: Annotated[pulumi.Output[str], "Which of the five environments this is."]
    artifacts_bucket: Annotated[pulumi.Output[str], "Bucket of model artifacts."]
    artifacts_key_arn: Annotated[pulumi.Output[str], "Key that encrypts model artifacts."]
    access_log_bucket: Annotated[pulumi.Output[str], "Bucket that takes the access logs of the others."]
    buckets: Annotated[pulumi.Output[dict[str, str]], "Data class to its bucket."]
    tables: Annotated[pulumi.Output[dict[str, str]], "Data class to its DynamoDB table."]
    vpc_id: Annotated[pulumi.Output[str], "The network."]
    cluster: Annotated[pulumi.Output[str], "Name of the EKS cluster."]
    repositories: Annotated[pulumi.Output[dict[str, str]], "Service to its image repository."]
    duty_roles: Annotated[pulumi.Output[dict[str, str]], "Duty to the role that a person or CI takes over."]
    backup_vault: Annotated[pulumi.Output[str], "Vault that holds the nightly backups."]
    replica_buckets: Annotated[
        pulumi.Output[dict[str, str]], "Data class to its copy in the recovery region; empty without one."
    ]
    service_hostnames: Annotated[
        pulumi.Output[dict[str, str]], "Service to the host name at which the gateway answers for it."
    ]
    queues: Annotated[
        pulumi.Output[dict[str, dict[str, str]]],
        "Service to the addresses of its queues: requests, answers, failed.",
    ]
    model_digests: Annotated[
        pulumi.Output[dict[str, str]], "Service to the digest of the model that it runs."
    ]

    def export(self) -> None:
        """Hand every output to the engine under its own name."""
        for entry in fields(self):
            pulumi.export(entry.name, getattr(self, entry.name))

    @classmethod
    def descriptions(cls) -> dict[str, str]:
        """Return what each output means, in the order in which they stand above."""
        hints = get_type_hints(cls, include_extras=True)
        return {name: hint.__metadata__[0] for name, hint in hints.items()}
