"""Readiness contracts at work: who signed what for which model, and what is refused without it.

A stack with ``contracts: signed`` needs both owners' signatures, which lie beside the service
(``services/<service>/signatures/<environment>.json``) and are reviewed like code. An emulated stack may
say ``contracts: development``: then a key of this clone signs by itself whatever holds otherwise, so
limits, evidence and expiry count there too.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.errors import PlinthError, RefusedError, SettingsError
from infra.local.paths import home, repo_root
from infra.ops.events import Run
from infra.settings import Settings
from services.readiness import attestation, contract_file, dsse, figures, signers
from services.readiness.attestation import Evidence, Release
from services.readiness.contract import CONTRACT_FILE, Contract
from services.readiness.digests import file_digest
from services.readiness.errors import ServiceError

NOTHING_BUILT = "sha256:" + "0" * 64
"""Stands for the model where none was built; no signature can ever be for it."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How one contract stands in one environment."""

    service: str
    environment: str
    expires: str
    days_left: int
    model_digest: str
    signed_for: str
    """``nobody``, ``development`` or ``release``."""
    objections: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Return whether the service may run there."""
        return not self.objections


def folder(service: str) -> Path:
    """Return the folder of a service."""
    return repo_root() / "services" / service.replace("-", "_")


def known() -> list[str]:
    """Return every service that has a folder with a contract."""
    found = (repo_root() / "services").glob(f"*/{CONTRACT_FILE}")
    return sorted(path.parent.name.replace("_", "-") for path in found)


def envelope_file(service: str, environment: str, *, development: bool) -> Path:
    """Return where the signatures of a service for an environment lie."""
    if development:
        return home() / "contracts" / environment / f"{service}.json"
    return folder(service) / "signatures" / f"{environment}.json"


def evidence_folder(environment: str) -> Path:
    """Return where proofs about an environment are left for the next signature."""
    return home() / "evidence" / environment


def leave_evidence(environment: str, evidence: Evidence) -> None:
    """Keep a proof for the next signature; the last one of a name counts."""
    path = evidence_folder(environment) / f"{evidence.name}.json"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(asdict(evidence), indent=2, sort_keys=True) + "\n", encoding="utf-8")
    part.replace(path)


def policy_verdicts(run: Run, *, subject: str, now: datetime) -> Evidence:
    """Return what the policies said about a preview, as evidence."""
    return Evidence(
        name="policies",
        digest=subject,
        passed=not run.blocking,
        made_at=now.isoformat(timespec="seconds"),
        figures={
            "policies.mandatory_violations": float(len(run.blocking)),
            "policies.advisory_violations": float(len(run.violations) - len(run.blocking)),
            "policies.resources": float(len(run.steps)),
        },
    )


def require(settings: Settings) -> list[str]:
    """Refuse a stack whose services' contracts do not hold; sign for development where that is allowed.

    Returns:
        The services that run on a development signature.

    Raises:
        RefusedError: With every reason of every service.
    """
    refused, own = [], []
    for service in sorted(settings.services):
        try:
            standing = _settle(service, settings)
        except ServiceError as error:
            refused.append(f"  - {service}: {error.what}")
            continue
        refused += [f"  - {service}: {reason}" for reason in standing.objections]
        own += [service] if standing.holds and standing.signed_for == "development" else []
    if refused:
        raise RefusedError(
            "\n".join([f"Contracts of stack '{settings.environment}' do not hold:", *refused]),
            where="services/<service>/contract.yaml and signatures/; nothing was touched",
            fix=f"./plinth contract sign SERVICE --stack {settings.environment} --key FILE, by each owner",
        )
    return own


def require_model(service: str, settings: Settings, *, model_digest: str, proofs: Sequence[Evidence]) -> None:
    """Refuse to put a model before users whose contract does not hold for this very model.

    Args:
        service: Name of the service.
        settings: The stack's settings.
        model_digest: The model that is to be promoted.
        proofs: What is known of it, for the signature of a clone on emulated stacks.

    Raises:
        RefusedError: With every reason.
    """
    try:
        found = standing(service, settings, model_digest=model_digest)
        if not found.holds and settings.contracts == "development":
            release, contract = _release(service, settings, model_digest)
            # A proof of the build counts where it is of this model; what is known of the model comes last.
            known = [*evidence(service, settings, release, contract), *proofs]
            draft = attestation.draft(release, contract, list({one.name: one for one in known}.values()))
            signed = dsse.sign(draft, development_key())
            now = datetime.now(UTC)
            reasons = attestation.objections(
                release, contract, signed, trusted(development=True), now=now, development=True
            )
        else:
            reasons = list(found.objections)
    except ServiceError as error:
        reasons = [error.what]
    if reasons:
        head = f"The contract of '{service}' does not hold for this model:"
        raise RefusedError(
            "\n".join([head, *(f"  - {reason}" for reason in reasons)]),
            where=f"model {model_digest}, stack '{settings.environment}'; nothing was moved",
            fix=f"./plinth contract sign {service} --stack {settings.environment} --key FILE, by each owner",
        )


def objections(settings: Settings) -> list[str]:
    """Return why a stack's contracts do not hold, one line for each reason; signs nothing."""
    found = []
    for service in sorted(settings.services):
        try:
            found += [f"{service}: {reason}" for reason in standing(service, settings).objections]
        except ServiceError as error:
            found.append(f"{service}: {error.what}")
    return found


def standing(service: str, settings: Settings, *, model_digest: str | None = None) -> Standing:
    """Return how a contract stands in a stack; signs nothing.

    Raises:
        ServiceError: The contract or the list of signers is wrong.
    """
    release, contract = _release(service, settings, model_digest)
    now, allowed = datetime.now(UTC), settings.contracts == "development"
    best: Standing | None = None
    for development in (False, True) if allowed else (False,):
        envelope = _read(envelope_file(service, settings.environment, development=development))
        found = attestation.objections(
            release, contract, envelope, trusted(development=allowed), now=now, development=allowed
        )
        this = Standing(
            service=service,
            environment=settings.environment,
            expires=contract.expires.isoformat(),
            days_left=attestation.days_left(contract, now.date()),
            model_digest=release.model_digest,
            signed_for="nobody" if envelope is None else "development" if development else "release",
            objections=tuple(found),
        )
        if best is None or (not best.holds and this.signed_for != "nobody"):
            best = this
    assert best is not None
    return best


def sign(service: str, settings: Settings, key_file: Path) -> Standing:
    """Add one owner's signature; the first one writes down what is signed, the second signs the same.

    Raises:
        PlinthError: The key is not on the list, or what the first owner signed is no longer so.
        ServiceError: The contract or the key is wrong.
    """
    release, contract = _release(service, settings, None)
    if release.model_digest == NOTHING_BUILT:
        raise PlinthError(
            f"Service '{service}' has no built model, so there is nothing to sign for.",
            fix=f"./plinth preview --stack {settings.environment} builds it and judges the policies",
        )
    key = dsse.read_key(key_file)
    name = dsse.key_id(key.public_key())
    people = {dsse.key_id(one.public): one for one in trusted(development=False).signers}
    if name not in people or people[name].revoked is not None:
        raise RefusedError(
            "This key may not sign: " + ("it was revoked." if name in people else "it is on no list."),
            where="services/signers.yaml",
            fix="add the row that './plinth contract key' printed, by review",
        )
    path = envelope_file(service, settings.environment, development=False)
    envelope = _read(path)
    if envelope is None or dsse.subjects(envelope.statement()) != release.subjects():
        envelope = attestation.draft(release, contract, list(evidence(service, settings, release, contract)))
    _write(path, dsse.sign(envelope, key))
    return standing(service, settings)


def trusted(*, development: bool) -> signers.Signers:
    """Return who may sign; with the key of this clone where development signatures count."""
    found = signers.load(repo_root() / "services")
    path = _development_key()
    if development and path.exists():
        own = dsse.public_text(dsse.read_key(path).public_key())
        return found.model_copy(update={"development": own})
    return found


def evidence(service: str, settings: Settings, release: Release, contract: Contract) -> Iterator[Evidence]:
    """Give every proof at hand: what training measured, and what was left by previews and drills."""
    record = home() / "build" / service / "bento/src/services" / folder(service).name / "model/record.json"
    now = datetime.now(UTC).isoformat(timespec="seconds")
    smallest = max((limit.smallest_group for limit in contract.fairness), default=1)
    known_record = _json(record)
    if known_record and known_record.get("model_digest") == release.model_digest:
        values = figures.of_record(known_record, smallest_group=smallest)
        yield Evidence(
            name="validation",
            digest=file_digest(record),
            passed=not attestation.broken(contract, values),
            made_at=now,
            figures=values,
        )
    for path in sorted(evidence_folder(settings.environment).glob("*.json")):
        raw = _json(path)
        try:
            yield Evidence(**(raw or {}))
        except TypeError:
            raise SettingsError(
                "The evidence does not have the form of one.", where=str(path), fix="remove it"
            ) from None


def _settle(service: str, settings: Settings) -> Standing:
    found = standing(service, settings)
    if found.holds or settings.contracts != "development":
        return found
    release, contract = _release(service, settings, None)
    key = development_key()
    draft = attestation.draft(release, contract, list(evidence(service, settings, release, contract)))
    _write(envelope_file(service, settings.environment, development=True), dsse.sign(draft, key))
    return standing(service, settings)


def _release(service: str, settings: Settings, model_digest: str | None) -> tuple[Release, Contract]:
    contract = contract_file.load(folder(service))
    if model_digest is None:
        built = settings.releases.get(service)
        model_digest = built.model_digest if built else _built(service)
    release = Release(
        service=service,
        environment=settings.environment,
        contract_digest=file_digest(folder(service) / CONTRACT_FILE),
        model_digest=model_digest,
    )
    return release, contract


def _built(service: str) -> str:
    package = _json(home() / "build" / service / "package.json") or {}
    return str(package.get("model_digest", NOTHING_BUILT))


def development_key() -> Ed25519PrivateKey:
    """Return the key of this clone; it is made when it is first needed."""
    path = _development_key()
    return dsse.read_key(path) if path.exists() else dsse.make_key(path)


def _development_key() -> Path:
    return home() / "keys" / "development.pem"


def _read(path: Path) -> dsse.Envelope | None:
    try:
        return dsse.read(path.read_text(encoding="utf-8"), where=str(path))
    except FileNotFoundError:
        return None


def _write(path: Path, envelope: dsse.Envelope) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(envelope.text(), encoding="utf-8")
    part.replace(path)


def _json(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def report(rows: Sequence[Standing]) -> list[dict[str, Any]]:
    """Return standings as data for ``--json``."""
    return [{**asdict(row), "holds": row.holds} for row in rows]
