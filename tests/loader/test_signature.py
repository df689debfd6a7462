"""A configured key makes the feed's signature required, and only its own will do."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from loader.errors import BadFeed, ConfigurationError
from loader.read import open_feed
from loader.signature import SIGNATURE
from register.feed import MANIFEST
from tests.loader import feeds


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    return feeds.write(tmp_path / "feed", feeds.tables())


def pem(private: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey, path: Path) -> Path:
    path.write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return path


def test_a_signed_feed_is_taken_and_nothing_else(feed: Path, tmp_path: Path) -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    key = pem(private, tmp_path / "key.pem")
    with pytest.raises(BadFeed, match=f"{SIGNATURE}: missing"):
        open_feed(feed, key)
    (feed / SIGNATURE).write_bytes(private.sign((feed / MANIFEST).read_bytes()))
    assert open_feed(feed, key).manifest.sequence == 7
    for wrong in (
        ed25519.Ed25519PrivateKey.generate().sign((feed / MANIFEST).read_bytes()),
        private.sign(b"another manifest"),
        b"",
    ):
        (feed / SIGNATURE).write_bytes(wrong)
        with pytest.raises(BadFeed, match="not a signature of this"):
            open_feed(feed, key)
    assert open_feed(feed).manifest.sequence == 7  # without a key nobody asks


def test_a_changed_manifest_is_refused(feed: Path, tmp_path: Path) -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    manifest = (feed / MANIFEST).read_bytes()
    (feed / SIGNATURE).write_bytes(private.sign(manifest))
    (feed / MANIFEST).write_bytes(manifest.replace(b'"sequence": 7', b'"sequence": 8'))
    with pytest.raises(BadFeed, match="not a signature of this"):
        open_feed(feed, pem(private, tmp_path / "key.pem"))


def test_a_key_that_is_none_is_a_setting_that_is_wrong(feed: Path, tmp_path: Path) -> None:
    (tmp_path / "text.pem").write_text("no key")
    other = pem(rsa.generate_private_key(65537, 2048), tmp_path / "rsa.pem")
    for path in (tmp_path / "missing.pem", tmp_path / "text.pem", other):
        with pytest.raises(ConfigurationError, match="feed_public_key"):
            open_feed(feed, path)
