"""DynamoDB, secrets and backups: what holds state can be restored, is encrypted, and cannot be dropped."""

import re
from collections.abc import Iterator

from policies.core import (
    Check,
    Family,
    Outcome,
    PolicySettings,
    RelationCheck,
    Resource,
    Stack,
    failed,
    passed,
    require,
    undecided,
)
from policies.core.verdicts import Verdict, is_set, is_true
from policies.families.common import exists, itself, once, told, whole_number, within

TABLE = "aws:dynamodb/table:Table"
SECRET = "aws:secretsmanager/secret:Secret"  # noqa: S105 - a type, not a secret
SECRET_VERSION = "aws:secretsmanager/secretVersion:SecretVersion"  # noqa: S105 - same
ROTATION = "aws:secretsmanager/secretRotation:SecretRotation"
VAULT = "aws:backup/vault:Vault"
VAULT_LOCK = "aws:backup/vaultLockConfiguration:VaultLockConfiguration"
PLAN = "aws:backup/plan:Plan"
SELECTION = "aws:backup/selection:Selection"
RESTORE_TEST = "aws:backup/restoreTestingPlan:RestoreTestingPlan"

LONGEST_ROTATION_DAYS = 90
"""Most days between rotations of a secret (Security Hub SecretsManager.4)."""
_RATE = re.compile(r"^rate\((?P<days>\d+) days?\)$")


def _can_go_back(table: Resource, _: PolicySettings) -> Iterator[Outcome]:
    yield require(table.at("pointInTimeRecovery", "enabled"), is_true, "must be true")


def _table_is_encrypted(table: Resource, _: PolicySettings) -> Iterator[Outcome]:
    encryption = table.at("serverSideEncryption")
    yield require(encryption.at("enabled"), is_true, "must be true")
    # Being set is the proof: the ARN of a key that is yet to be made is not known.
    yield require(
        encryption.at("kmsKeyArn"), is_set, "must name a customer-managed key", unknown=Verdict.PASSED
    )


def _table_is_kept(table: Resource, _: PolicySettings) -> Iterator[Outcome]:
    yield require(table.at("deletionProtectionEnabled"), is_true, "must be true")
    yield (
        passed()
        if table.protect
        else failed("opts.protect", "must be true, so that the engine refuses to delete it")
    )


def _secret_is_encrypted(secret: Resource, _: PolicySettings) -> Iterator[Outcome]:
    yield require(
        secret.at("kmsKeyId"),
        lambda value: is_set(value) and value != "alias/aws/secretsmanager",
        "must name a customer-managed key",
        unknown=Verdict.PASSED,
    )


def _secret_is_not_written_here(version: Resource, _: Stack, __: PolicySettings) -> Iterator[Outcome]:
    yield passed()
    for key in ("secretString", "secretBinary"):
        place = version.at(key)
        fed = version.property_dependencies.get(key)
        if not place.absent and not fed:
            yield failed(
                place, "comes from the program or its settings; let a generator or a rotation make the value"
            )


def _rotates(secret: Resource, stack: Stack, _: PolicySettings) -> Iterator[Outcome]:
    attached = stack.attached(secret, secret.at("id"), ROTATION, "secretId")
    yield told(attached, ROTATION, "renews this secret")
    for rotation in attached.sure:
        rules = within(rotation, "rotationRules")
        days, schedule = rules.at("automaticallyAfterDays"), rules.at("scheduleExpression")
        if days.absent and not schedule.absent:
            yield require(schedule, _often, f"must be rate(N days) with {LONGEST_ROTATION_DAYS} or less")
        else:
            yield require(
                days,
                lambda value: 0 < (whole_number(value) or 0) <= LONGEST_ROTATION_DAYS,
                f"must be {LONGEST_ROTATION_DAYS} or less",
            )


def _often(value: object) -> bool:
    match = _RATE.match(str(value))
    return match is not None and 0 < int(match["days"]) <= LONGEST_ROTATION_DAYS


def _vault_is_encrypted(vault: Resource, _: PolicySettings) -> Iterator[Outcome]:
    yield require(vault.at("kmsKeyArn"), is_set, "must name a customer-managed key", unknown=Verdict.PASSED)


def _vault_is_locked(vault: Resource, stack: Stack, _: PolicySettings) -> Iterator[Outcome]:
    attached = stack.attached(vault, vault.at("name"), VAULT_LOCK, "backupVaultName")
    yield told(attached, VAULT_LOCK, "keeps backups in this vault from being deleted early")
    for lock in attached.sure:
        yield require(
            within(lock, "minRetentionDays"),
            lambda value: (whole_number(value) or 0) > 0,
            "must be a number of days",
        )


def _is_backed_up(table: Resource, stack: Stack, _: PolicySettings) -> Iterator[Outcome]:
    tags, hidden = table.at("tags"), None
    for selection in stack.of_kind(SELECTION):
        if table.urn in selection.property_dependencies.get("resources", ()):
            yield passed()
            return
        for item in selection.at("resources").each():
            if item.value == "*" or (item.known and str(item.value).endswith(":table/*")):
                yield passed()
                return
        for tag in within(selection, "selectionTags").each():
            key, wanted = tag.at("key"), tag.at("value")
            if tag.unknown or key.unknown or wanted.unknown:
                hidden = tag
            elif (found := tags.at(str(key.value))).known and found.value == wanted.value:
                yield passed()
                return
            elif found.unknown:
                hidden = found
    if hidden:
        yield undecided(hidden)
    else:
        yield failed("tags", "are not those of any backup Selection, nor does one name this table")


RECOVERY: Family[Resource] = Family(
    name="recovery",
    title="What holds state can be restored, is encrypted, and cannot be dropped.",
    prefixes=("aws:dynamodb/", "aws:secretsmanager/", "aws:backup/"),
    view=itself,
    checks=(
        Check("table-can-go-back", frozenset({TABLE}), _can_go_back),
        Check("table-is-encrypted", frozenset({TABLE}), _table_is_encrypted),
        Check("table-is-kept", frozenset({TABLE}), _table_is_kept),
        Check("secret-is-encrypted", frozenset({SECRET}), _secret_is_encrypted),
        Check("backup-vault-is-locked", frozenset({VAULT}), _vault_is_encrypted),
    ),
    relations=(
        RelationCheck(
            "secret-is-not-in-the-program", frozenset({SECRET_VERSION}), _secret_is_not_written_here
        ),
        RelationCheck("secret-rotates", frozenset({SECRET}), _rotates),
        RelationCheck("backup-vault-is-locked", frozenset({VAULT}), _vault_is_locked),
        RelationCheck("backup-covers-state", frozenset({TABLE}), _is_backed_up),
        once(
            "backup-restore-is-rehearsed",
            frozenset({PLAN}),
            exists(RESTORE_TEST, "that restores backups on a schedule"),
            of_account=False,
        ),
    ),
    reads=frozenset({ROTATION, VAULT_LOCK, SELECTION, RESTORE_TEST}),
)
