"""When certificates end."""

import ssl
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from cryptography import x509

from infra.operations.samples import Sample


def in_folder(folder: Path) -> Iterator[Sample]:
    """Tell of each certificate file in a folder, by the file's name."""
    for path in sorted(folder.glob("*.crt")):
        for certificate in x509.load_pem_x509_certificates(path.read_bytes())[:1]:
            yield _sample(path.stem, certificate.not_valid_after_utc)


def served(host: str, port: int) -> Iterator[Sample]:
    """Tell of the certificate that a server shows; whether it is the right one is its clients' business."""
    text = ssl.get_server_certificate((host, port), timeout=10)
    certificate = x509.load_pem_x509_certificate(text.encode())
    yield _sample(host, certificate.not_valid_after_utc)


def _sample(name: str, ends: datetime) -> Sample:
    return Sample(
        name="plinth_certificate_expires_timestamp_seconds",
        value=ends.timestamp(),
        labels={"certificate": name},
    )
