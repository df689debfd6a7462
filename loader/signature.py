"""The signature of a feed: Ed25519 over the bytes of `manifest.json`, which holds the sha256 of everything else.

Detached: `manifest.json.sig` beside it, 64 bytes. It is asked for when, and only when, a public key is configured.
"""

from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from loader.errors import BadFeed, ConfigurationError
from register.feed import MANIFEST

SIGNATURE = f"{MANIFEST}.sig"


def public_key(path: Path) -> Ed25519PublicKey:
    """The Ed25519 public key in a PEM file. Raises ConfigurationError."""
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError):
        raise ConfigurationError(f"feed_public_key: {path} is not a public key that can be read") from None
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigurationError(f"feed_public_key: {path} is not an Ed25519 key")
    return key


def check_signature(folder: Path, manifest: bytes, key: Ed25519PublicKey) -> None:
    """Raises BadFeed unless the folder holds a signature of these manifest bytes by the key."""
    try:
        signature = (folder / SIGNATURE).read_bytes()
    except OSError:
        raise BadFeed(f"{SIGNATURE}: missing, and a signature is required") from None
    try:
        key.verify(signature, manifest)
    except InvalidSignature:
        raise BadFeed(f"{SIGNATURE}: not a signature of this {MANIFEST} by the configured key") from None
