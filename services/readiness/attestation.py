"""Whether a contract holds for a model in an environment: signed by both owners, unaltered, proven.

What is signed is an in-toto statement: its subjects are the contract file and the model, its predicate
names the environment and the evidence (training's validation, policy verdicts, drills) with figures
and digests. :func:`objections` needs nothing but files, so a deploy gate, a promotion gate and a
continuous exporter give the same answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from services.readiness import dsse
from services.readiness.contract import CONTRACT_FILE, Contract
from services.readiness.errors import ContractError
from services.readiness.manifest import MODEL_FILE
from services.readiness.signers import OWNERS, Signer, Signers

PREDICATE = "https://plinth.dev/readiness/v1"
"""Names the form of the predicate; nothing is fetched from there."""
TITLES = {"ml": "ML owner", "operations": "operations owner"}
CLOCK_SKEW = timedelta(minutes=5)
"""Evidence may seem to come from the future by so much before it counts as forged."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One proof: what was tried, whether it held, and its figures.

    Args:
        name: As the contract names it.
        digest: ``sha256:<hex>`` of the full record.
        passed: Whether all of it held.
        made_at: When, ISO 8601 with a time zone.
        figures: Measured values by name.
    """

    name: str
    digest: str
    passed: bool
    made_at: str
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Release:
    """What is about to run, by digest.

    Args:
        service: Name of the service.
        environment: Where it is to run.
        contract_digest: Digest of the contract file as it is now.
        model_digest: Digest of the model as it is now.
    """

    service: str
    environment: str
    contract_digest: str
    model_digest: str

    def subjects(self) -> dict[str, str]:
        """Return the subjects of a statement about it."""
        return {
            f"{self.service}/{CONTRACT_FILE}": self.contract_digest,
            f"{self.service}/{MODEL_FILE}": self.model_digest,
        }


def draft(release: Release, contract: Contract, evidence: Sequence[Evidence]) -> dsse.Envelope:
    """Return the unsigned envelope about a release."""
    predicate = {
        "service": release.service,
        "environment": release.environment,
        "expires": contract.expires.isoformat(),
        "evidence": [asdict(one) for one in sorted(evidence, key=lambda one: one.name)],
    }
    return dsse.envelope(dsse.statement(release.subjects(), PREDICATE, predicate))


def objections(
    release: Release,
    contract: Contract,
    envelope: dsse.Envelope | None,
    signers: Signers,
    *,
    now: datetime,
    development: bool = False,
) -> list[str]:
    """Return every reason why the release may not run; empty when it may.

    Args:
        release: What is about to run.
        contract: Its contract, as it is now.
        envelope: What was signed, if anything.
        signers: Who may sign.
        now: Current time, with a time zone.
        development: Whether a signature of this clone's own key is enough.
    """
    found = []
    if now.astimezone(UTC).date() >= contract.expires:
        found.append(f"the contract expired on {contract.expires.isoformat()}")
    if envelope is None:
        return [*found, "nobody signed it: the ML owner and the operations owner have to"]
    found += _signatures(envelope, signers, development=development)
    try:
        said = envelope.statement()
    except ContractError as error:
        return [*found, error.what.rstrip(".")]
    return found + _subjects(said, release) + _predicate(said, release, contract, now)


def _signatures(envelope: dsse.Envelope, signers: Signers, *, development: bool) -> list[str]:
    good, found = dsse.signed_by(envelope, signers.public_keys())
    if signers.development and dsse.key_id(dsse.public_key(signers.development)) in good:
        if development:
            return found
        found.append("it is signed by this clone's development key, which counts on emulated stacks only")
    persons: list[Signer] = []
    for signer in signers.signers:
        if dsse.key_id(signer.public) not in good:
            continue
        if signer.revoked is not None:
            found.append(
                f"the key of {signer.name} was revoked on {signer.revoked.since}: {signer.revoked.why}"
            )
        else:
            persons.append(signer)
    by_role = {role: {one.name for one in persons if role in one.roles} for role in OWNERS}
    missing = [role for role in OWNERS if not by_role[role]]
    found += [f"the {TITLES[role]} has not signed" for role in missing]
    everybody = set().union(*by_role.values())
    if not missing and len(everybody) < len(OWNERS):
        found.append(f"{everybody.pop()} signed for both owners; two persons have to")
    return found


def _subjects(said: Mapping[str, Any], release: Release) -> list[str]:
    signed, found = dsse.subjects(said), []
    for name, digest in release.subjects().items():
        was = signed.get(name)
        if was == digest:
            continue
        if name.endswith(CONTRACT_FILE):
            found.append(
                f"the contract was edited after it was signed (signed {_short(was)}, now {_short(digest)})"
            )
        else:
            found.append(f"it was signed for another model (signed {_short(was)}, now {_short(digest)})")
    return found


def _predicate(said: Mapping[str, Any], release: Release, contract: Contract, now: datetime) -> list[str]:
    predicate = said.get("predicate")
    if said.get("predicateType") != PREDICATE or not isinstance(predicate, dict):
        return ["what was signed is not about readiness"]
    found = []
    if predicate.get("environment") != release.environment:
        found.append(f"it was signed for environment {predicate.get('environment')!r}")
    try:
        evidence = {one["name"]: Evidence(**one) for one in predicate["evidence"]}
        for rule in contract.evidence:
            proof = evidence.get(rule.name)
            if proof is None:
                found.append(f"evidence '{rule.name}' is missing")
                continue
            age = now - datetime.fromisoformat(proof.made_at)
            if not proof.passed:
                found.append(f"evidence '{rule.name}' says that it failed")
            if not -CLOCK_SKEW <= age <= timedelta(days=rule.at_most_days):
                found.append(
                    f"evidence '{rule.name}' is of {proof.made_at}, which is not in the last "
                    f"{rule.at_most_days} days"
                )
        figures = {name: value for one in evidence.values() for name, value in one.figures.items()}
        found += broken(contract, figures)
    except (KeyError, TypeError, ValueError) as error:
        found.append(f"its evidence cannot be read ({type(error).__name__})")
    return found


def broken(contract: Contract, figures: Mapping[str, float]) -> list[str]:
    """Return which measured limits of the contract the figures break, or do not show."""
    found = []
    for limit in contract.measured_limits():
        value = figures.get(limit.figure)
        if value is None:
            found.append(f"limit {limit.figure}: nothing was measured")
        elif breach := limit.breach(float(value)):
            found.append(f"broken limit: {breach}")
    return found


def days_left(contract: Contract, today: date) -> int:
    """Return for how many days the contract holds; 0 or less when it expired."""
    return (contract.expires - today).days


def _short(digest: str | None) -> str:
    return (digest or "nothing")[:19]
