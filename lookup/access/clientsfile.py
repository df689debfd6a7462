"""The file of the clients: JSON, changed by `flr-lookup clients`, read by every worker.

A change is there whole or not at all: a new file, synced, takes the old one's place, and commands at the same time
wait for one another. What is read is checked member by member, and so is what is about to be written; an error tells
file and line, never a hash. A file that others could read or change is not read.
"""

import contextlib
import fcntl
import json
import os
import re
import stat
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec

from lookup.access.client import Client
from register.ids import mask

VERSION = 1
MAX_FILE_BYTES = 16 << 20
FILE_MODE, FOLDER_MODE = 0o640, 0o750
LOCK_SECONDS = 10.0
# What a message of the decoder quotes may be a hash in the wrong place.
_HASH_LIKE = re.compile(r"[A-Za-z0-9+/=]{21,}")
_BYTE = re.compile(r"\(byte ([0-9]+)\)")

_encoder = msgspec.json.Encoder(order="deterministic")


class ClientsError(Exception):
    """The clients file is not fit to be read, or the command cannot do what it is told. `exit_code` ends it."""

    exit_code = 78

    def __init__(self, message: str) -> None:
        super().__init__(mask(message))


class Held(ClientsError):
    """Another command is changing the file."""

    exit_code = 75


class _File(msgspec.Struct, forbid_unknown_fields=True):
    version: Literal[1]
    clients: list[msgspec.Raw]


def encode(clients: Mapping[str, Client]) -> bytes:
    """The file's octets: a line for each client, in the order in which they were registered."""
    lines = b",\n".join(_encoder.encode(client) for client in clients.values())
    return b'{"version":%d,"clients":[\n%b\n]}\n' % (VERSION, lines)


def decode(data: bytes, path: Path) -> dict[str, Client]:
    """The clients by name. Raises ClientsError, with file and line."""
    found: dict[str, Client] = {}
    owners: dict[str, str] = {}
    at = 0
    try:
        for raw in msgspec.json.decode(data, type=_File).clients:
            at = data.index(bytes(raw), at)
            _refuse_twice(bytes(raw))
            client = msgspec.json.decode(raw, type=Client)
            if client.name in found:
                raise ValueError("name: another client has it")
            for what, credential in _credentials(client):
                if (owner := owners.setdefault(credential, client.name)) != client.name:
                    raise ValueError(f"{what}: {owner} has the same one")
            found[client.name] = client
            at += len(bytes(raw))
        at = 0
        _refuse_twice(data)
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        text = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        in_all = _BYTE.search(text)
        at = min(int(in_all[1]), len(data)) if in_all else len(data) if "truncated" in text else at
        line = data.count(b"\n", 0, at) + 1
        raise ClientsError(f"{path}:{line}: {_HASH_LIKE.sub('(a long text)', text)}") from None
    return found


def _refuse_twice(data: bytes) -> None:
    """A member that stands twice would be read as either."""

    def once(members: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(members)
        if len(found) < len(members):
            ((name, _),) = Counter(name for name, _ in members).most_common(1)
            raise ValueError(f"the member {name!r} stands twice")
        return found

    json.loads(data, object_pairs_hook=once)


def _credentials(client: Client) -> Iterator[tuple[str, str]]:
    """What says who asks without a name, and so can be of one client alone."""
    for one in client.certificates:
        yield "certificates", f"certificate {one.sha256}"
    if client.token_client is not None:
        yield "token_client", f"token {client.token_client}"


def read_clients(path: Path) -> dict[str, Client]:
    """The clients by name. Raises ClientsError, or OSError where the file cannot be read."""
    _check_mode(path.parent, path.parent.stat().st_mode, 0o022, FOLDER_MODE)
    with path.open("rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_FILE_BYTES:
            raise ClientsError(f"{path}: not a file of at most {MAX_FILE_BYTES >> 20} MB")
        _check_mode(path, about.st_mode, 0o037, FILE_MODE)
        return decode(file.read(MAX_FILE_BYTES), path)


def _check_mode(path: Path, mode: int, too_much: int, right: int) -> None:
    if mode & too_much:
        raise ClientsError(
            f"{path} has the mode {stat.S_IMODE(mode):04o}: more than its owner may change it, or more than its group"
            f" may read it. See who has, then: chmod {right:04o} {path}"
        )


@contextmanager
def edit(path: Path) -> Iterator[dict[str, Client]]:
    """The clients, to be changed inside the context: read with the lock held, written if all went well.

    A file that is not there yet is made, and its folder. Raises ClientsError, Held, and OSError.
    """
    path = Path(os.path.realpath(path))  # a link stays one
    if not path.parent.parent.is_dir():
        raise ClientsError(f"there is no folder {path.parent.parent} to make {path.parent.name} in")
    if not path.parent.exists():
        path.parent.mkdir(mode=FOLDER_MODE)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        _own(folder, path.parent.parent, FOLDER_MODE)
        os.close(folder)
    with _locked(path):
        clients = read_clients(path) if path.exists() else {}
        before = dict(clients)
        yield clients
        if clients != before:
            write(path, clients)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock = path.with_name(path.name + ".lock")
    there = lock.exists()
    fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    try:
        if not there:
            _own(fd, path.parent, FILE_MODE)
        until = time.monotonic() + LOCK_SECONDS
        while not _take(fd):
            if time.monotonic() > until:
                raise Held(f"{path}: another command has been changing it for {LOCK_SECONDS:g} s")
            time.sleep(0.02)
        yield
    finally:
        os.close(fd)


def _take(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write(path: Path, clients: Mapping[str, Client]) -> None:
    """Put these clients in the file's place, durably. Only with the lock held (`edit`)."""
    data = encode(clients)
    if decode(data, path) != clients:  # or nobody could read it
        raise ClientsError(f"{path}: what was to be written does not read as what was meant")
    new = path.with_name(path.name + ".tmp")
    new.unlink(missing_ok=True)  # of a command that was killed
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE), "wb") as file:
            _own(file.fileno(), path if path.exists() else path.parent, FILE_MODE)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _own(fd: int, like: Path, mode: int) -> None:
    """Give what is new to whom `like` belongs, whatever the umask: what root writes, the service has to read."""
    os.fchmod(fd, mode)
    about = like.stat()
    with contextlib.suppress(PermissionError):
        os.fchown(fd, about.st_uid if os.geteuid() == 0 else -1, about.st_gid)
