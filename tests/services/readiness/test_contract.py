"""The readiness contract: what is a valid one, and what it takes to rely on it."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from services.readiness import attestation, contract_file, dsse, signers
from services.readiness.attestation import Evidence, Release
from services.readiness.contract import TROUBLES, Contract
from services.readiness.errors import ContractError
from services.readiness.figures import of_record

ROOT = Path(__file__).parents[3]
FOLDERS = sorted(path.parent for path in ROOT.glob("services/*/contract.yaml"))
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
ADA, BOB, EVE, OWN = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2, 3, 4))
FIGURES = {
    limit.figure: limit.at_most if limit.at_least is None else limit.at_least
    for limit in contract_file.load(ROOT / "services" / "credit_risk").measured_limits()
}
"""Every measured limit, just kept."""
RELEASE = Release(
    service="credit-risk",
    environment="prod",
    contract_digest="sha256:" + "a" * 64,
    model_digest="sha256:" + "b" * 64,
)


@pytest.fixture(scope="module")
def contract() -> Contract:
    return contract_file.load(ROOT / "services" / "credit_risk")


def document() -> dict:
    return yaml.safe_load((ROOT / "services/credit_risk/contract.yaml").read_text())


def public(key: Ed25519PrivateKey) -> str:
    return dsse.public_text(key.public_key())


def trusted(**changes) -> signers.Signers:
    rows = {
        "ada": {"name": "Ada", "roles": ["ml"], "key": public(ADA)},
        "bob": {"name": "Bob", "roles": ["operations"], "key": public(BOB)},
    }
    for who, change in changes.items():
        rows[who] = rows.get(who, {}) | change
    return signers.Signers.model_validate({"signers": list(rows.values())})


def proofs(**changes) -> list[Evidence]:
    made = (NOW - timedelta(days=1)).isoformat()
    validation = Evidence(name="validation", digest="sha256:1", passed=True, made_at=made, figures=FIGURES)
    policies = Evidence(name="policies", digest="sha256:2", passed=True, made_at=made)
    return [replace(validation, **changes), policies]


def signed(contract: Contract, *keys: Ed25519PrivateKey, release=RELEASE, evidence=None) -> dsse.Envelope:
    envelope = attestation.draft(release, contract, evidence or proofs())
    for key in keys:
        envelope = dsse.sign(envelope, key)
    return envelope


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_service_has_a_contract_whose_runbooks_exist(folder: Path) -> None:
    found = contract_file.load(folder)

    assert contract_file.missing_runbooks(found, ROOT) == []
    assert {found.answer_to(trouble) for trouble in TROUBLES} <= {
        "simple_model", "cached_answer", "refer_to_human", "unavailable",
    }  # fmt: skip


def test_a_contract_that_both_owners_signed_holds(contract) -> None:
    assert attestation.objections(RELEASE, contract, signed(contract, ADA, BOB), trusted(), now=NOW) == []


REFUSALS = {
    "unsigned": (lambda _: None, {}, {}, "nobody signed it"),
    "no signature in the envelope": (signed, {}, {}, "the ML owner has not signed"),
    "half-signed by ml": (lambda c: signed(c, ADA), {}, {}, "the operations owner has not signed"),
    "half-signed by operations": (lambda c: signed(c, BOB), {}, {}, "the ML owner has not signed"),
    "expired": (
        lambda c: signed(c, ADA, BOB),
        {},
        {"now": NOW + timedelta(days=400)},
        "expired on 2027-05-31",
    ),
    "edited": (
        lambda c: signed(c, ADA, BOB),
        {},
        {"release": replace(RELEASE, contract_digest="sha256:" + "c" * 64)},
        "edited after it was signed (signed sha256:aaaaaaaaaaaa, now sha256:cccccccccccc)",
    ),
    "another model": (
        lambda c: signed(c, ADA, BOB),
        {},
        {"release": replace(RELEASE, model_digest="sha256:" + "d" * 64)},
        "signed for another model (signed sha256:bbbbbbbbbbbb, now sha256:dddddddddddd)",
    ),
    "another environment": (
        lambda c: signed(c, ADA, BOB, release=replace(RELEASE, environment="dev")),
        {},
        {},
        "signed for environment 'dev'",
    ),
    "broken limit": (
        lambda c: signed(c, ADA, BOB, evidence=proofs(figures=FIGURES | {"holdout.auc": 0.65})),
        {},
        {},
        "broken limit: holdout.auc is 0.65 ratio, at least 0.7 is allowed",
    ),
    "limit that is no number": (
        lambda c: signed(c, ADA, BOB, evidence=proofs(figures=FIGURES | {"holdout.auc": float("nan")})),
        {},
        {},
        "broken limit: holdout.auc is nan",
    ),
    "limit not measured": (
        lambda c: signed(c, ADA, BOB, evidence=proofs(figures={})),
        {},
        {},
        "limit holdout.auc: nothing was measured",
    ),
    "evidence missing": (
        lambda c: signed(c, ADA, BOB, evidence=proofs()[:1]),
        {},
        {},
        "evidence 'policies' is missing",
    ),
    "evidence failed": (
        lambda c: signed(c, ADA, BOB, evidence=proofs(passed=False)),
        {},
        {},
        "evidence 'validation' says that it failed",
    ),
    "evidence old": (
        lambda c: signed(c, ADA, BOB, evidence=proofs(made_at="2026-01-01T00:00:00+00:00")),
        {},
        {},
        "which is not in the last 90 days",
    ),
    "evidence from the future": (
        lambda c: signed(c, ADA, BOB, evidence=proofs(made_at="2026-12-02T00:00:00+00:00")),
        {},
        {},
        "which is not in the last 90 days",
    ),
    "revoked key": (
        lambda c: signed(c, ADA, BOB),
        {"ada": {"revoked": {"since": NOW.date(), "why": "lost laptop"}}},
        {},
        "the key of Ada was revoked on 2026-12-01: lost laptop",
    ),
    "same person twice": (
        lambda c: signed(c, ADA),
        {"ada": {"roles": ["ml", "operations"]}},
        {},
        "Ada signed for both owners; two persons have to",
    ),
    "same person with two keys": (
        lambda c: signed(c, ADA, BOB),
        {"bob": {"name": "Ada"}},
        {},
        "Ada signed for both owners; two persons have to",
    ),
    "unknown key": (lambda c: signed(c, ADA, EVE), {}, {}, "by a key that nobody trusts"),
    "altered statement": (
        lambda c: replace(signed(c, ADA, BOB), payload=signed(c).payload.replace(b'"prod"', b'"dev"')),
        {},
        {},
        "does not fit: the statement was altered",
    ),
    "other payload type": (
        lambda c: replace(signed(c, ADA, BOB), payload_type="text/plain"),
        {},
        {},
        "does not fit: the statement was altered",
    ),
    "development signature": (
        lambda c: signed(c, OWN),
        {},
        {"own": True},
        "development key, which counts on emulated stacks only",
    ),
}


@pytest.mark.parametrize("case", REFUSALS.values(), ids=REFUSALS.keys())
def test_a_contract_that_does_not_hold_is_refused_with_the_reason(contract, case) -> None:
    envelope, people, more, reason = case
    trust = trusted(**people)
    if more.get("own"):
        trust = trust.model_copy(update={"development": public(OWN)})

    found = attestation.objections(
        more.get("release", RELEASE), contract, envelope(contract), trust, now=more.get("now", NOW)
    )

    assert any(reason in line for line in found), found


def test_the_development_key_is_enough_where_the_stack_allows_it(contract) -> None:
    trust = signers.Signers(development=public(OWN))

    assert (
        attestation.objections(RELEASE, contract, signed(contract, OWN), trust, now=NOW, development=True)
        == []
    )
    assert attestation.objections(RELEASE, contract, signed(contract, EVE), trust, now=NOW, development=True)


@given(st.integers(min_value=0), st.integers(min_value=0, max_value=7))
def test_any_flipped_bit_of_a_statement_is_found(position: int, bit: int) -> None:
    envelope = dsse.sign(dsse.envelope(dsse.statement({"a": "sha256:1"}, "t", {"b": 1})), ADA)
    content = bytearray(envelope.payload)
    content[position % len(content)] ^= 1 << bit

    good, problems = dsse.signed_by(replace(envelope, payload=bytes(content)), [ADA.public_key()])

    assert good == set()
    assert problems


def test_an_envelope_survives_writing_and_reading(contract) -> None:
    envelope = signed(contract, ADA, BOB)

    assert dsse.read(envelope.text(), where="x") == envelope
    assert envelope.statement()["predicate"]["environment"] == "prod"
    assert envelope.signed_bytes().startswith(b"DSSEv1 28 application/vnd.in-toto+json ")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"payload": "!", "payloadType": "x", "signatures": []}'])
def test_what_is_no_envelope_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ContractError, match="is not a DSSE envelope"):
        dsse.read(text, where="file")


def test_all_mistakes_of_a_contract_are_named_at_once() -> None:
    wrong = document()
    wrong["risk_class"] = "tiny"
    wrong["purpse"] = "x"
    del wrong["cost"]
    wrong["validation"]["limits"][0] |= {"at_least": 0.9, "at_most": 0.1}
    wrong["data_sets"][0]["owner"] = ""

    with pytest.raises(ContractError) as caught:
        contract_file.parse(yaml.safe_dump(wrong), where="contract.yaml")

    text = str(caught.value)
    for part in (
        'risk_class: "tiny" is not allowed',
        "purpse: unknown key",
        "cost: missing",
        "validation.limits.0: can never pass",
        'data_sets.0.owner: "" is not allowed',
        "has 5 mistake(s)",
    ):
        assert part in text


def test_what_does_not_fit_together_is_named_at_once() -> None:
    wrong = document()
    wrong["fallback"][0]["when"] = ["out_of_distribution", "model_slow"]
    wrong["fairness"] = []
    del wrong["runbooks"]["too_slow"]

    with pytest.raises(ContractError) as caught:
        contract_file.parse(yaml.safe_dump(wrong), where="contract.yaml")

    text = str(caught.value)
    for part in (
        "fallback: nothing is designed for low_confidence",
        "fallback: model_slow has two answers",
        "runbooks: too_slow has none",
        "fairness: a service of high risk needs limits",
        "fairness: give either limits",
    ):
        assert part in text


def test_keys_are_private_and_never_replaced(tmp_path) -> None:
    path = tmp_path / "key.pem"
    key = dsse.make_key(path)

    assert path.stat().st_mode & 0o777 == 0o600
    assert dsse.read_key(path).private_bytes_raw() == key.private_bytes_raw()
    with pytest.raises(ContractError, match="File exists"):
        dsse.make_key(path)
    path.chmod(0o644)
    with pytest.raises(ContractError, match="read by others"):
        dsse.read_key(path)


def test_a_key_under_a_passphrase_needs_it(tmp_path, monkeypatch) -> None:
    path = tmp_path / "key.pem"
    key = dsse.make_key(path, "correct horse")

    with pytest.raises(ContractError, match="passphrase is wrong or missing"):
        dsse.read_key(path)
    monkeypatch.setenv(dsse.PASSPHRASE_VARIABLE, "correct horse")
    assert dsse.read_key(path).private_bytes_raw() == key.private_bytes_raw()


def test_the_list_of_signers_names_its_mistakes(tmp_path) -> None:
    row = {"name": "Ada", "roles": ["ml"], "key": public(ADA)}
    (tmp_path / "signers.yaml").write_text(
        json.dumps({"signers": [row, row | {"roles": ["king"], "key": "x"}]})
    )

    with pytest.raises(ContractError) as caught:
        signers.load(tmp_path)

    assert "signers.1.roles.0" in str(caught.value)
    assert signers.load(tmp_path / "nowhere").public_keys() == []
    assert signers.load(ROOT / "services").development == ""


def test_figures_have_the_names_that_limits_use() -> None:
    record = {
        "metrics": {"holdout": {"auc": 0.8, "auc_95": {"low": 0.7}, "note": "x", "ok": True}},
        "groups": {"holdout": {"age": {
            "young": {"rows": 60, "approval_rate": 0.2, "approval_rate_95": {"low": 0.1}, "bad_rate": None},
            "old": {"rows": 300, "approval_rate": 0.4, "approval_rate_95": {"low": 0.3}, "bad_rate": 0.1},
            "oldest": {"rows": 3, "approval_rate": 0.0, "bad_rate": 0.1},
        }}},
    }  # fmt: skip

    assert of_record(record, smallest_group=50) == {
        "holdout.auc": 0.8,
        "holdout.auc_95.low": 0.7,
        "fairness.holdout.age.approval_rate_ratio": 0.5,
    }
