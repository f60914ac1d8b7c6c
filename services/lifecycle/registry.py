"""The registry of record: which models exist, what they came from, and how far each has got.

A version's files lie under the digest of its manifest, so they cannot change under its name; an item in
a table says the rest. The manifest is signed (in-toto statement in a DSSE envelope) by whoever
registers. :func:`Registry.fetch` trusts neither the store nor the table: signature, manifest and every
file are checked before a folder appears.
"""

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from services.lifecycle import gates
from services.lifecycle.stores import Items, Objects, StoreError, TakenError
from services.readiness import dsse
from services.readiness.contract import Contract
from services.readiness.digests import bytes_digest
from services.readiness.errors import ModelRefusedError, ServiceError
from services.readiness.figures import of_record
from services.readiness.manifest import MANIFEST_FILE, check_manifest
from services.readiness.model import verify

PREDICATE = "https://plinth.dev/model/v1"
SIGNED_FILE = "manifest.dsse.json"
STAGES: Mapping[str, tuple[str, ...]] = {
    "registered": ("candidate", "rejected"),
    "candidate": ("shadow", "rejected"),
    "shadow": ("canary", "rejected"),
    "canary": ("production", "rejected"),
    "production": ("previous",),
    "previous": ("production", "retired"),
    "rejected": (),
    "retired": (),
}
"""Stage -> where a model may go from there. ``previous`` was in production and can come back at once."""
ATTEMPTS = 20
"""Tries for a free version number; each loss means that somebody else registered one."""


class RegistryError(ServiceError):
    """A model may not be registered or moved; says why."""


@dataclass(frozen=True, kw_only=True)
class Version:
    """One registered model.

    Args:
        model: Name of the service.
        version: Counts up from ``000001``.
        digest: Digest of the model file; what releases and contracts name.
        manifest_digest: Digest of the manifest; names the whole folder.
        stage: How far it has got.
        figures: What was measured on it.
        lineage: Data, code, parameters and libraries that it came from.
        history: Every move: stage, who, when, why.
    """

    model: str
    version: str
    digest: str
    manifest_digest: str
    stage: str
    figures: Mapping[str, float]
    lineage: Mapping[str, Any]
    history: Sequence[Mapping[str, str]]

    def item(self) -> dict[str, str | int]:
        """Return it as a table's item."""
        return {
            "model": self.model,
            "version": self.version,
            "digest": self.digest,
            "manifest_digest": self.manifest_digest,
            "stage": self.stage,
            "figures": json.dumps(dict(self.figures), sort_keys=True),
            "lineage": json.dumps(dict(self.lineage), sort_keys=True),
            "history": json.dumps(list(self.history), sort_keys=True),
            "moves": len(self.history),
        }

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> "Version":
        """Return the version in an item."""
        return cls(
            model=item["model"],
            version=item["version"],
            digest=item["digest"],
            manifest_digest=item["manifest_digest"],
            stage=item["stage"],
            figures=json.loads(item["figures"]),
            lineage=json.loads(item["lineage"]),
            history=json.loads(item["history"]),
        )


class Registry:
    """Models of all services of one environment.

    Args:
        objects: Where files lie.
        items: What is known of each version; partitioned by ``model``, sorted by ``version``.
    """

    def __init__(self, objects: Objects, items: Items) -> None:
        """Use the stores."""
        self.objects, self.items = objects, items

    def versions(self, model: str) -> list[Version]:
        """Return every version of a model, the oldest first."""
        return [Version.of(item) for item in self.items.query(model)]

    def at(self, model: str, stage: str) -> Version | None:
        """Return the newest version at a stage, or None."""
        return next((one for one in reversed(self.versions(model)) if one.stage == stage), None)

    def find(self, model: str, name: str) -> Version:
        """Return a version by its number, its stage or its digest.

        Raises:
            RegistryError: There is none.
        """
        for one in reversed(self.versions(model)):
            if name in {one.version, one.version.lstrip("0"), one.stage, one.digest}:
                return one
        raise RegistryError(
            f"There is no version '{name}' of {model}.",
            fix=f"./plinth registry list {model}",
        )

    def register(
        self,
        folder: Path,
        contract: Contract,
        key: Ed25519PrivateKey,
        *,
        by: str,
        provenance: Mapping[str, Any] | None = None,
    ) -> Version:
        """Sign and keep a model folder as a new version; the same folder twice is one version.

        Args:
            folder: A verified model folder.
            contract: The service's contract; its limits are the gates.
            key: Signs the manifest.
            by: Who registers.
            provenance: Commit of the code, where known.

        Raises:
            ModelRefusedError: The folder is not what its manifest says.
            RegistryError: A gate is against it; nothing was written.
        """
        record = verify(folder)
        files = check_manifest(folder)
        manifest = (folder / MANIFEST_FILE).read_bytes()
        name, model = bytes_digest(manifest), str(record["service"])
        known = next((one for one in self.versions(model) if one.manifest_digest == name), None)
        if known is not None:
            return known
        smallest = max((limit.smallest_group for limit in contract.fairness), default=1)
        figures = of_record(record, smallest_group=smallest)
        production = self.at(model, "production")
        against = gates.objections(contract, figures, production.figures if production else None)
        if against:
            raise RegistryError(
                "\n".join([f"The model of {model} is not registered:", *(f"  - {line}" for line in against)]),
                where=str(folder),
                fix="look at data and candidates; limits stand in the service's contract.yaml",
            )
        statement = dsse.statement(
            {f"{model}/{file}": digest for file, digest in files.items()}
            | {f"{model}/{MANIFEST_FILE}": name},
            PREDICATE,
            {"model": model, "inputs": record.get("inputs", {}), "provenance": dict(provenance or {})},
        )
        for file in files:
            self.objects.put(_key(model, name, file), (folder / file).read_bytes())
        self.objects.put(_key(model, name, MANIFEST_FILE), manifest)
        self.objects.put(
            _key(model, name, SIGNED_FILE), dsse.sign(dsse.envelope(statement), key).text().encode()
        )
        move = _move("registered", by, "passed its gates")
        for _ in range(ATTEMPTS):
            version = Version(
                model=model,
                version=f"{len(self.versions(model)) + 1:06d}",
                digest=str(record["model_digest"]),
                manifest_digest=name,
                stage="registered",
                figures=figures,
                lineage={**record.get("inputs", {}), "provenance": dict(provenance or {})},
                history=[move],
            )
            try:
                self.items.put(version.item())
            except TakenError:
                continue
            return version
        raise RegistryError(f"No free version number for {model} was found.", fix="run it again")

    def move(self, version: Version, stage: str, *, by: str, why: str) -> Version:
        """Move a version to a stage; what was in production becomes ``previous``.

        Raises:
            RegistryError: The way does not lead there.
            TakenError: Somebody else moved it at the same time.
        """
        if stage not in STAGES.get(version.stage, ()):
            ways = ", ".join(STAGES.get(version.stage, ())) or "nowhere"
            raise RegistryError(
                f"Version {version.version} of {version.model} is {version.stage}; from there it may go to "
                f"{ways}, not to '{stage}'."
            )
        before = self.at(version.model, "production") if stage == "production" else None
        moved = self._put(version, stage, by, why)
        if before is not None:
            self._put(before, "previous", by, f"replaced by version {version.version}")
        return moved

    def fetch(self, version: Version, folder: Path, trusted: Sequence[Ed25519PublicKey]) -> Path:
        """Put a version's files into a new folder, once everything about them has been checked.

        Raises:
            ModelRefusedError: No trusted signature, or a digest differs; no folder was made.
            StoreError: A file is gone.
        """
        where = _key(version.model, version.manifest_digest, SIGNED_FILE)
        files = self._signed_files(version, trusted, where)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetch-") as temporary:
            made = Path(temporary) / "model"
            for name, digest in files.items():
                content = self.objects.get(_key(version.model, version.manifest_digest, name))
                if bytes_digest(content) != digest:
                    raise ModelRefusedError(
                        f"{name} has the digest {bytes_digest(content)}, signed was {digest}.", where=where
                    )
                path = made / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            record = verify(made)
            if record["model_digest"] != version.digest:
                raise ModelRefusedError(
                    f"The registry's table says {version.digest}, signed was {record['model_digest']}.",
                    where=where,
                )
            shutil.copytree(made, folder)
        return folder

    def _signed_files(
        self, version: Version, trusted: Sequence[Ed25519PublicKey], where: str
    ) -> dict[str, str]:
        try:
            envelope = dsse.read(self.objects.get(where).decode(errors="replace"), where=where)
            good, problems = dsse.signed_by(envelope, trusted)
            statement = envelope.statement()
        except StoreError:
            raise ModelRefusedError("The model's signed manifest is missing.", where=where) from None
        except ServiceError as error:
            raise ModelRefusedError(f"The signed manifest is not one: {error.what}", where=where) from None
        if not good:
            said = "; ".join(problems) or "it has no signature"
            raise ModelRefusedError(
                f"The model's manifest is not signed by anybody trusted: {said}.", where=where
            )
        start = f"{version.model}/"
        files = {name.removeprefix(start): digest for name, digest in dsse.subjects(statement).items()}
        if files.get(MANIFEST_FILE) != version.manifest_digest or statement["predicateType"] != PREDICATE:
            raise ModelRefusedError("The signature is for another model.", where=where)
        return files

    def _put(self, version: Version, stage: str, by: str, why: str) -> Version:
        moved = replace(version, stage=stage, history=[*version.history, _move(stage, by, why)])
        self.items.put(moved.item(), expect={"stage": version.stage, "moves": len(version.history)})
        return moved


def _move(stage: str, by: str, why: str) -> dict[str, str]:
    return {"stage": stage, "by": by, "why": why, "at": datetime.now(UTC).isoformat(timespec="seconds")}


def _key(model: str, manifest_digest: str, name: str) -> str:
    return f"models/{model}/{manifest_digest.removeprefix('sha256:')}/{name}"
