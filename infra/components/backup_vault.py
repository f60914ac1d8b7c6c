"""Where backups lie: encrypted, and locked so that not even an administrator removes one early."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

LONGEST_RETENTION_DAYS = 3653
"""Most days for which a backup may be kept: ten years. Without a limit, one mistyped number would keep a
backup, and its cost, for a century, since the lock lets nobody shorten it."""


@dataclass(frozen=True, kw_only=True)
class BackupVaultArgs:
    """What a vault needs to know.

    Args:
        vault_name: Name of the vault; its ARN follows from it.
        key_arn: Key with which backups are encrypted.
        shortest_days: Days for which every backup is kept at least.
        lock_days: Days after which the lock can no longer be taken back.
    """

    vault_name: str
    key_arn: pulumi.Input[str]
    shortest_days: int
    lock_days: int


class BackupVault(pulumi.ComponentResource):
    """A vault with its own key and a lock in compliance mode."""

    name: pulumi.Output[str]
    """Name of the vault."""
    arn: pulumi.Output[str]
    """ARN of the vault."""

    def __init__(self, name: str, args: BackupVaultArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Place the vault and its lock."""
        super().__init__("plinth:recovery:BackupVault", name, None, opts)
        vault = aws.backup.Vault(
            name,
            name=args.vault_name,
            kms_key_arn=args.key_arn,
            force_destroy=False,
            tags={"plinth:data-class": "backup"},
            opts=pulumi.ResourceOptions(parent=self, protect=True, retain_on_delete=True),
        )
        aws.backup.VaultLockConfiguration(
            f"{name}-lock",
            backup_vault_name=vault.name,
            changeable_for_days=args.lock_days,
            min_retention_days=args.shortest_days,
            max_retention_days=LONGEST_RETENTION_DAYS,
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )
        self.name = vault.name
        self.arn = vault.arn
        self.register_outputs({"name": self.name, "arn": self.arn})
