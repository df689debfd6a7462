"""HTTP Basic (RFC 7617): a registered name and a password that we have made ourselves.

Whoever knows no password learns nothing from how long we take: a name that nobody has costs what a wrong password
costs. Hashing is a twentieth of a second of a processor and 16 MB, on a thread, and what may wait for it is bounded, so
a caller who tries many passwords slows down other newcomers, and nobody whose credential has been verified before.
Leaves out the cache of verified credentials (tickets.py).
"""

import asyncio
import binascii
import hashlib
import hmac
import os
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from lookup.access.caller import Caller, Refused
from lookup.access.client import HASH_BYTES, NAME, SALT_BYTES, Password
from lookup.access.registry import Registry

MAX_CREDENTIAL_BYTES = 512
MAX_WAITING = 16  # the last of them waits for less than a second
RETRY_SECONDS = 1
# What RFC 7914 names for logins at a terminal. Passwords are ours, of 160 random bits, which nobody would find behind
# a single SHA-256 either: more would cost us, and no thief. Other numbers are another version of the clients file.
SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**14, 8, 1
_SCRYPT_BYTES = 2 * 128 * SCRYPT_N * SCRYPT_R  # twice what it needs: the limit counts some more
_NICENESS = 4  # beside a busy loop a third of a processor, so that newcomers do not wait for ever
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME = b"basic "


class Busy(Exception):
    """As many credentials as may wait are being verified: 503 with Retry-After, for it is not this caller's doing."""


def parse(credential: bytes) -> tuple[str, bytes]:
    """Name and password. The first colon ends the name; the password may have more. Raises Refused."""
    if len(credential) > MAX_CREDENTIAL_BYTES or credential[: len(_SCHEME)].lower() != _SCHEME:
        raise Refused("malformed")
    encoded = credential[len(_SCHEME) :]
    try:
        decoded = binascii.a2b_base64(encoded, strict_mode=True)
        name, colon, password = decoded.decode().partition(":")
    except ValueError:
        raise Refused("malformed") from None
    canonical = binascii.b2a_base64(decoded, newline=False) == encoded  # one writing of it, and so one digest
    if not (canonical and colon and password and NAME.fullmatch(name)) or _CONTROL.search(password):
        raise Refused("malformed")
    return name, password.encode()


def scrypt(password: bytes, salt: bytes) -> bytes:
    """The hash of a password."""
    return hashlib.scrypt(
        password, salt=salt, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P, maxmem=_SCRYPT_BYTES, dklen=HASH_BYTES
    )


class Hashing:
    """The thread of a worker that hashes, and those who wait for it. Made in the worker: a thread outlives no fork.

    One thread, somewhat nice, so that the worker's own loop goes first. The same password at the same time is hashed
    once: a client that opens a hundred connections takes one place.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "scrypt", initializer=_be_nice)
        self._decoy, self._key = os.urandom(SALT_BYTES), os.urandom(HASH_BYTES)
        self._waiting: dict[bytes, asyncio.Future[bytes]] = {}

    async def hash(self, password: bytes, salt: bytes | None) -> bytes:
        """The hash of a password; without a salt, one that means nothing. Raises Busy."""
        salt = salt or self._decoy
        which = hashlib.blake2b(salt + password, key=self._key, digest_size=HASH_BYTES).digest()
        found = self._waiting.get(which)
        if found is None:
            if len(self._waiting) >= MAX_WAITING:
                raise Busy
            found = asyncio.get_running_loop().run_in_executor(self._thread, scrypt, password, salt)
            self._waiting[which] = found
            found.add_done_callback(lambda _: self._waiting.pop(which))
        return await asyncio.shield(found)  # who goes away does not take it from the others

    def close(self) -> None:
        """Let go of the thread; what waits is not hashed."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _be_nice() -> None:
    os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0) + _NICENESS)  # on Linux, of this thread alone


async def verify(credential: bytes, registry: Registry, now: float, hashing: Hashing) -> Caller:
    """Who shows this credential, at `now` in seconds since 1970. Raises Refused and Busy.

    The client is looked up again once its password has been hashed: it may have been disabled meanwhile.
    """
    name, password = parse(credential)
    client = registry.client(name)
    salt = client.salt if client else None
    found = await hashing.hash(password, salt)
    client = registry.client(name)
    if client is None:
        raise Refused("unknown-client")
    right = [one for one in client.passwords if hmac.compare_digest(one.scrypt, found)]
    if not right or client.salt != salt:
        raise Refused("wrong-password", name)
    if client.disabled:
        raise Refused("disabled", name)
    in_force = [one for one in right if _in_force(one, now)]
    if not in_force:
        raise Refused("password-expired", name)
    return client.caller("basic", in_force[0].until)


def _in_force(password: Password, now: float) -> bool:
    return password.until is None or datetime.fromtimestamp(now, UTC) < password.until
