"""The audit's secrets: what hashes the subjects, by version, and what signs the heads. One JSON file, mode 0600.

No version is ever taken out: as long as a segment has hashes of it, `insight` needs it. The newest hashes and signs.
Whoever has this file can find out about whom a segment tells; whoever has only segments cannot.
"""

import os
import secrets
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KEY_ID_BYTES = 16
SECRET_BYTES = 32
PUBLIC_PREFIX = "ed25519:"


class KeysUnfit(Exception):
    """The key file is not there, not ours, or open to others; the message names the file and tells nothing of it."""


class _Secret(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    made: str
    secret: str

    def __repr__(self) -> str:
        return f"<_Secret {self.version}>"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: int
    subject: list[_Secret]
    seal: list[_Secret]


class Keys:
    """What is in a key file. `version` is the newest key for subjects."""

    def __init__(self, subject: dict[int, bytes], seal: list[bytes]) -> None:
        """Keys by version; seeds of signing keys, oldest first."""
        self.subject = subject
        self.version = max(subject)
        self._seal = [Ed25519PrivateKey.from_private_bytes(seed) for seed in seal]
        self.public = [key.public_key().public_bytes_raw() for key in self._seal]

    def __repr__(self) -> str:
        return f"<Keys {self.version}>"

    @property
    def newest(self) -> bytes:
        """The key that hashes subjects now."""
        return self.subject[self.version]

    def sign(self, message: bytes) -> tuple[bytes, bytes]:
        """(id of the newest signing key, signature)."""
        return key_id(self.public[-1]), self._seal[-1].sign(message)


class Publics:
    """The public keys that heads may be signed with."""

    def __init__(self, keys: list[bytes]) -> None:
        """Raw Ed25519 public keys."""
        self._keys = {key_id(key): Ed25519PublicKey.from_public_bytes(key) for key in keys}

    def problem(self, key: bytes, signature: bytes, message: bytes) -> str | None:
        """What is wrong with a signature by the key of this id, or None."""
        if key not in self._keys:
            return "is signed with a key that is not among those given"
        try:
            self._keys[key].verify(signature, message)
        except InvalidSignature:
            return "has a forged signature"
        return None


def key_id(public: bytes) -> bytes:
    """By what a public key is named in a seal."""
    return blake2b(public, digest_size=KEY_ID_BYTES).digest()


def read_keys(path: Path) -> Keys:
    """The keys of a file. Raises KeysUnfit, and OSError when it cannot be read."""
    return _keys_of(_read(path), path)


def ready_keys(path: Path) -> tuple[Keys, bool]:
    """(keys, whether they were made just now): those of the file, or of a new one. Raises as `read_keys`."""
    if path.exists():
        return read_keys(path), False
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    made = _write(path, _File(1, [_new(1)], [_new(1)]), replace=False)
    return read_keys(path), made


def add_keys(path: Path, *, subject: bool, seal: bool) -> Keys:
    """Add a new key for subjects, for seals or both; what is there stays. Raises as `read_keys`."""
    if not path.exists():
        return ready_keys(path)[0]
    file = _read(path)
    _write(
        path,
        _File(
            1,
            file.subject + [_new(max(one.version for one in file.subject) + 1)] * subject,
            file.seal + [_new(max(one.version for one in file.seal) + 1)] * seal,
        ),
        replace=True,
    )
    return read_keys(path)


def public_lines(keys: Keys) -> str:
    """The public keys, one a line: what `read_publics` reads."""
    return "".join(f"{PUBLIC_PREFIX}{key.hex()}\n" for key in keys.public)


def read_publics(path: Path) -> Publics:
    """The public keys of a file with a line each; what stands behind # is a comment. Raises KeysUnfit, OSError."""
    found = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        text = line.split("#")[0].strip()
        if not text:
            continue
        try:
            found.append(bytes.fromhex(text.removeprefix(PUBLIC_PREFIX)))
            Ed25519PublicKey.from_public_bytes(found[-1])
        except ValueError:
            raise KeysUnfit(f"{path}:{number}: not {PUBLIC_PREFIX} and 64 hexadecimal digits") from None
    if not found:
        raise KeysUnfit(f"{path}: no public key is there")
    return Publics(found)


def _new(version: int) -> _Secret:
    return _Secret(version, datetime.now(UTC).isoformat(timespec="seconds"), secrets.token_hex(SECRET_BYTES))


def _read(path: Path) -> _File:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if os.fstat(descriptor).st_mode & 0o077:
            raise KeysUnfit(f"{path}: others than its owner may read it; make its mode 0600")
        data = file.read()
    try:
        return msgspec.json.decode(data, type=_File)
    except msgspec.DecodeError:
        raise KeysUnfit(f"{path}: it is no key file of the audit") from None


def _keys_of(file: _File, path: Path) -> Keys:
    try:
        subject = {one.version: bytes.fromhex(one.secret) for one in file.subject}
        seal = [bytes.fromhex(one.secret) for one in file.seal]
    except ValueError:
        raise KeysUnfit(f"{path}: a key in it is not hexadecimal") from None
    fit = file.format == 1 and seal and subject and len(subject) == len(file.subject)
    if not fit or {len(key) for key in (*subject.values(), *seal)} != {SECRET_BYTES}:
        raise KeysUnfit(f"{path}: it must have keys of {SECRET_BYTES} octets for subjects and seals, each version once")
    if not all(0 < version < 1 << 16 for version in subject):
        raise KeysUnfit(f"{path}: a version is from 1 to 65535")
    return Keys(subject, seal)


def _write(path: Path, file: _File, *, replace: bool) -> bool:
    """Put a key file in place, whole or not at all. Whether it was, when another must not be replaced."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(msgspec.json.format(msgspec.json.encode(file)) + b"\n")
            out.flush()
            os.fsync(descriptor)
        if replace:
            beside.replace(path)
        else:
            try:
                os.link(beside, path)
            except FileExistsError:
                return False
    finally:
        beside.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return True
