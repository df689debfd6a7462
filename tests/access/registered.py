"""Clients to test with, made quickly and always the same; and the certificates of some."""

from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from lookup.access import basic
from lookup.access.client import Certificate, Client, Password
from lookup.access.clientsfile import FILE_MODE, encode
from lookup.access.roles import Role

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
ORGANIZATION, OTHER_ORGANIZATION = 999999999, 999999980
SALT = bytes(range(16))
PASSWORD = "correct-horse:battery.staple"  # of nobody


@cache
def hashed(password: str = PASSWORD, salt: bytes = SALT) -> bytes:
    return basic.scrypt(password.encode(), salt)


def client(name: str = "clinic", **members: Any) -> Client:
    """One with a password, unless `members` say otherwise."""
    usual: dict[str, Any] = {
        "organization": ORGANIZATION,
        "roles": frozenset({Role.READ}),
        "created": NOW,
        "salt": SALT,
        "passwords": (Password(scrypt=hashed()),),
    }
    return Client(name=name, **(usual | members))


def put(path: Path, *clients: Client) -> Path:
    """A clients file with these."""
    path.write_bytes(encode({one.name: one for one in clients}))
    path.chmod(FILE_MODE)
    return path


@cache
def certificate(subject: str = "clinic", begins_days: int = -1, ends_days: int = 30) -> x509.Certificate:
    """A self-signed certificate, in force from and to so many days after NOW."""
    key = Ed25519PrivateKey.from_private_bytes(subject.encode().ljust(32))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    made = x509.CertificateBuilder(name, name, key.public_key(), 7)
    made = made.not_valid_before(NOW + timedelta(days=begins_days)).not_valid_after(NOW + timedelta(days=ends_days))
    return made.sign(key, None)


def registered(made: x509.Certificate, until: datetime | None = None) -> Certificate:
    """As the clients file has it."""
    fingerprint = sha256(made.public_bytes(Encoding.DER)).hexdigest()
    return Certificate(sha256=fingerprint, until=until or made.not_valid_after_utc)
