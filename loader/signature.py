"""The signature of a feed or a generation: Ed25519 over `manifest.json`, which lists the sha256 of all the rest.

Detached: `manifest.json.sig` beside it, 64 bytes. It is asked for when, and only when, a public key is configured.
"""

from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from loader.errors import BadFeed, ConfigurationError
from register.feed import MANIFEST

SIGNATURE = f"{MANIFEST}.sig"
SIGNATURE_BYTES = 64


def public_key(path: Path, setting: str = "feed_public_key") -> Ed25519PublicKey:
    """The Ed25519 public key in the PEM file that a setting names. Raises ConfigurationError."""
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError):
        raise ConfigurationError(f"{setting}: {path} is not a public key that can be read") from None
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigurationError(f"{setting}: {path} is not an Ed25519 key")
    return key


def private_key(path: Path, setting: str) -> Ed25519PrivateKey:
    """The Ed25519 private key, without a password, in the PEM file that a setting names. Raises ConfigurationError."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError):
        raise ConfigurationError(f"{setting}: {path} is not a private key that can be read") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationError(f"{setting}: {path} is not an Ed25519 key")
    return key


def check_signature(folder: Path, manifest: bytes, key: Ed25519PublicKey) -> None:
    """Raises BadFeed unless the folder holds a signature of these manifest bytes by the key."""
    try:
        signature = (folder / SIGNATURE).read_bytes()
    except OSError:
        raise BadFeed(f"{SIGNATURE}: missing, and a signature is required") from None
    if not is_signed(manifest, signature, key):
        raise BadFeed(f"{SIGNATURE}: not a signature of this {MANIFEST} by the configured key")


def is_signed(manifest: bytes, signature: bytes, key: Ed25519PublicKey) -> bool:
    """Whether this is a signature of these manifest bytes by the key."""
    try:
        key.verify(signature, manifest)
    except InvalidSignature:
        return False
    return True
