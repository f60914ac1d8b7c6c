"""Certificates: kept while they are fit, made anew when they are not."""

import datetime as dt
import ssl
from pathlib import Path

import pytest
from cryptography import x509

from infra.local import certs
from infra.local.certs import Authority


def test_what_is_fit_is_kept(tmp_path: Path) -> None:
    first = Authority(tmp_path, "ca")
    leaf = first.issue(tmp_path, "server", "server", hosts=("127.0.0.1", "localhost"))
    again = Authority(tmp_path, "ca")
    assert again.pair.certificate == first.pair.certificate
    kept = again.issue(tmp_path, "server", "server", hosts=("127.0.0.1", "localhost"))
    assert kept.certificate == leaf.certificate


@pytest.mark.parametrize(
    "damage", ["", "not a certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
)
@pytest.mark.parametrize("suffix", ["crt", "key"])
def test_what_is_damaged_is_made_anew(tmp_path: Path, damage: str, suffix: str) -> None:
    authority = Authority(tmp_path, "ca")
    before = authority.issue(tmp_path, "client", "user").certificate
    (tmp_path / f"client.{suffix}").write_text(damage)
    after = authority.issue(tmp_path, "client", "user").certificate
    assert after != before
    after.verify_directly_issued_by(authority.pair.certificate)


def test_a_key_of_another_certificate_is_noticed(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca")
    before = authority.issue(tmp_path, "a", "a")
    other = authority.issue(tmp_path, "b", "b")
    before.key_path.write_bytes(other.key_path.read_bytes())
    assert authority.issue(tmp_path, "a", "a").certificate != before.certificate


def test_a_new_authority_makes_everything_below_it_anew(tmp_path: Path) -> None:
    before = Authority(tmp_path, "ca").issue(tmp_path, "client", "user").certificate
    (tmp_path / "ca.key").unlink()
    authority = Authority(tmp_path, "ca")
    after = authority.issue(tmp_path, "client", "user").certificate
    assert after != before
    after.verify_directly_issued_by(authority.pair.certificate)


def test_what_expires_soon_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certs, "LEAF_DAYS", certs.RENEW_DAYS - 1)
    authority = Authority(tmp_path, "ca")
    before = authority.issue(tmp_path, "client", "user").certificate
    monkeypatch.undo()
    after = authority.issue(tmp_path, "client", "user").certificate
    assert after.not_valid_after_utc - before.not_valid_after_utc > dt.timedelta(days=300)


def test_other_hosts_need_another_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca")
    before = authority.issue(tmp_path, "server", "server", hosts=("localhost",)).certificate
    after = authority.issue(tmp_path, "server", "server", hosts=("localhost", "127.0.0.1")).certificate
    assert after != before
    names = after.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {str(name.value) for name in names} == {"localhost", "127.0.0.1"}


def test_keys_are_private_even_when_somebody_opened_them(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca")
    pair = authority.issue(tmp_path, "client", "user")
    pair.key_path.chmod(0o644)
    authority.issue(tmp_path, "client", "user")
    for path in tmp_path.glob("*.key"):
        assert path.stat().st_mode & 0o777 == 0o600


def test_user_and_group_are_what_kubernetes_reads(tmp_path: Path) -> None:
    subject = (
        Authority(tmp_path, "ca").issue(tmp_path, "c", "plinth:runner", organization="g").certificate.subject
    )
    assert subject.rfc4514_string() == "CN=plinth:runner,O=g"


def handshake(authority: Authority, folder: Path, host: str) -> None:
    """Let a client that trusts only this authority look at a server's certificate for ``host``."""
    authority.issue(folder, "server", "server", hosts=(host,))
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(folder / "server.crt", folder / "server.key")
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_side.wrap_bio(to_server, to_client, server_side=True)
    client_side = ssl.create_default_context(cafile=str(authority.cert_path))
    client = client_side.wrap_bio(to_client, to_server, server_hostname=host)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue


def test_a_limited_authority_is_good_for_its_domains_only(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "aws-ca", domains=("amazonaws.com",))
    handshake(authority, tmp_path, "my.bucket.s3.eu-central-1.amazonaws.com")
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        handshake(authority, tmp_path, "www.example.com")


def test_a_damaged_signing_key_is_replaced_and_its_public_half_follows(tmp_path: Path) -> None:
    path = certs.signing_key(tmp_path / "sa.key")
    before = (tmp_path / "sa.pub").read_bytes()
    certs.signing_key(path)
    assert (tmp_path / "sa.pub").read_bytes() == before
    path.write_text("damaged")
    certs.signing_key(path)
    assert (tmp_path / "sa.pub").read_bytes() != before


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f"
    certs.write_private(path, "old")

    def fail(_: Path, __: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="No space left"):
        certs.write_private(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
