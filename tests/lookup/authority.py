"""A certificate authority of the tests' own: certificates for 127.0.0.1 and for clients, made when asked for."""

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

YEAR = timedelta(days=365)


class Files(NamedTuple):
    """A certificate and its key, in PEM, and the certificate's number."""

    certificate: Path
    key: Path
    serial: int


class Authority:
    """Signs what it is asked to. Its own certificate is in `file`."""

    def __init__(self, folder: Path, name: str = "Test authority") -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        own = self._build(self._name, self._key.public_key()).add_extension(x509.BasicConstraints(True, None), True)
        self.file = folder / "authority.pem"
        self.file.write_bytes(own.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))

    def _build(self, subject: x509.Name, key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - YEAR)
            .not_valid_after(now + YEAR)
        )

    def issue(self, name: str, *, with_rsa: bool = False, password: bytes | None = None) -> Files:
        """A certificate and key in files of this name; those that were there are replaced."""
        key = rsa.generate_private_key(65537, 2048) if with_rsa else ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        made = self._build(subject, key.public_key()).add_extension(here, False).sign(self._key, hashes.SHA256())
        files = Files(self.folder / f"{name}.pem", self.folder / f"{name}.key", made.serial_number)
        files.certificate.write_bytes(made.public_bytes(Encoding.PEM))
        hidden = NoEncryption() if password is None else BestAvailableEncryption(password)
        files.key.unlink(missing_ok=True)
        files.key.touch(0o600)
        files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, hidden))
        return files

    def client(self, shown: Files | None = None) -> ssl.SSLContext:
        """What a client has that trusts this authority alone, and shows this certificate when it is asked."""
        context = ssl.create_default_context(cafile=self.file)
        if shown is not None:
            context.load_cert_chain(shown.certificate, shown.key)
        return context
