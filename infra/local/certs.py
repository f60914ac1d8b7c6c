"""Certificates of the local platform: small authorities of this clone's own, and what they sign.

Keys are elliptic curves (P-256): made in a millisecond and accepted by everything here. Each file
is written whole or not at all, with mode 0600 where it holds a key. What is damaged, about to expire
or signed by another authority is made anew; the certificates hold nothing that cannot be.
"""

import datetime as dt
import ipaddress
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_DAYS = 3 * 365
"""Days an authority is valid. Nobody but this clone trusts it, so its life only has to be longer than
that of what it signs; three years is longer than a local environment lives."""
LEAF_DAYS = 365
"""Days a certificate is valid: under the 398 days that some TLS clients refuse to exceed."""
RENEW_DAYS = 30
"""A certificate with fewer days left is made anew at the next start, so that a platform that stays up
for weeks does not outlive it."""


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as files and as objects."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    cert_path: Path
    key_path: Path


def write_private(path: Path, data: bytes | str, mode: int = 0o600) -> None:
    """Write a file atomically; by default only its owner may read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def pem(certificate: x509.Certificate) -> bytes:
    """Return a certificate in PEM form."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a private key in unencrypted PEM form (PKCS #8)."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _load(cert_path: Path, key_path: Path) -> Pair | None:
    """Return the pair in these files; None when it is absent, damaged, mismatched or near its end."""
    try:
        certificate = x509.load_pem_x509_certificate(cert_path.read_bytes())
        key = serialization.load_pem_private_key(key_path.read_bytes(), None)
    except (OSError, ValueError, TypeError):
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        return None
    now = dt.datetime.now(dt.UTC)
    renew_at = certificate.not_valid_after_utc - dt.timedelta(days=RENEW_DAYS)
    if not certificate.not_valid_before_utc <= now < renew_at:
        return None
    key_path.chmod(0o600)
    return Pair(certificate, key, cert_path, key_path)


def _name(common_name: str, organization: str | None) -> x509.Name:
    names = [x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])]
    if organization:
        names.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(names)


def _builder(subject: x509.Name, days: int) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))  # a clock that is set back a little
        .not_valid_after(now + dt.timedelta(days=days))
    )


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


class Authority:
    """A certificate authority in a folder, made when it is absent, damaged or near its end.

    Args:
        folder: Holds ``<name>.crt`` and ``<name>.key``.
        name: Name of the files and, with ``Plinth``, of the authority.
        domains: When given, the only DNS domains for which it may sign (critical name constraint), so
            that trusting it by mistake elsewhere gives nobody power over other names.
    """

    def __init__(self, folder: Path, name: str, domains: tuple[str, ...] = ()) -> None:
        cert_path, key_path = folder / f"{name}.crt", folder / f"{name}.key"
        pair = _load(cert_path, key_path)
        if pair is None:
            key = ec.generate_private_key(ec.SECP256R1())
            subject = _name(f"Plinth local {name}", None)
            builder = (
                _builder(subject, AUTHORITY_DAYS)
                .issuer_name(subject)
                .public_key(key.public_key())
                .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
                .add_extension(_key_usage(authority=True), critical=True)
                .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            )
            if domains:
                constraint = x509.NameConstraints([x509.DNSName(d) for d in domains], None)
                builder = builder.add_extension(constraint, critical=True)
            certificate = builder.sign(key, hashes.SHA256())
            write_private(key_path, key_pem(key))
            write_private(cert_path, pem(certificate), 0o644)
            pair = Pair(certificate, key, cert_path, key_path)
        self.pair = pair

    @property
    def cert_path(self) -> Path:
        """The file that clients trust."""
        return self.pair.cert_path

    def sign(
        self,
        common_name: str,
        key: ec.EllipticCurvePrivateKey,
        *,
        organization: str | None = None,
        hosts: tuple[str, ...] = (),
        client: bool = True,
    ) -> x509.Certificate:
        """Sign a certificate for ``key``.

        Args:
            common_name: For Kubernetes, the user.
            key: The key of the new certificate.
            organization: For Kubernetes, the group.
            hosts: DNS names and addresses; with any, the certificate is for a server.
            client: Whether it may also authenticate a client.
        """
        issuer = self.pair.certificate
        usages = [ExtendedKeyUsageOID.SERVER_AUTH] if hosts else []
        if client:
            usages.append(ExtendedKeyUsageOID.CLIENT_AUTH)
        builder = (
            _builder(_name(common_name, organization), LEAF_DAYS)
            .issuer_name(issuer.subject)
            .public_key(key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.pair.key.public_key()), critical=False
            )
        )
        if hosts:
            names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self.pair.key, hashes.SHA256())

    def issue(
        self,
        folder: Path,
        name: str,
        common_name: str,
        *,
        organization: str | None = None,
        hosts: tuple[str, ...] = (),
        client: bool = True,
    ) -> Pair:
        """Return ``<name>.crt`` and ``<name>.key`` in ``folder``, made anew when they are not fit."""
        cert_path, key_path = folder / f"{name}.crt", folder / f"{name}.key"
        pair = _load(cert_path, key_path)
        if pair is not None and self._signed(pair.certificate) and _names(pair.certificate) == set(hosts):
            return pair
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self.sign(common_name, key, organization=organization, hosts=hosts, client=client)
        write_private(key_path, key_pem(key))
        write_private(cert_path, pem(certificate), 0o644)
        return Pair(certificate, key, cert_path, key_path)

    def _signed(self, certificate: x509.Certificate) -> bool:
        try:
            certificate.verify_directly_issued_by(self.pair.certificate)
        except (InvalidSignature, ValueError, TypeError):
            return False
        return True


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _names(certificate: x509.Certificate) -> set[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return set()
    return {str(name.value) for name in extension.value}


def signing_key(path: Path) -> Path:
    """Return the file of a signing key (P-256), with its public half beside it as ``<name>.pub``.

    A damaged file is replaced: tokens that the old key signed stop being valid.
    """
    public = path.with_suffix(".pub")
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
        path.chmod(0o600)
    except (OSError, ValueError, TypeError):
        key = ec.generate_private_key(ec.SECP256R1())
        write_private(path, key_pem(key))
    public_pem = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    write_private(public, public_pem, 0o644)
    return path
