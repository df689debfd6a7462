"""nginx with the settings of docs/security.md: hands a certificate on, and nothing that a client says of itself."""

import shutil
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from lookup.access.certificate import HEADERS, verify
from lookup.access.registry import Registry
from tests.access.registered import NOW, certificate, client, put, registered
from tests.nginx import documented, running
from tests.service import PATIENCE_SECONDS

FOREVER_DAYS = 36500


def pem(folder: Path, subject: str) -> tuple[Path, Path]:
    """The files of a certificate and its key."""
    shown, key = folder / f"{subject}.pem", folder / f"{subject}.key"
    shown.write_bytes(certificate(subject, -1000, FOREVER_DAYS).public_bytes(Encoding.PEM))
    private = Ed25519PrivateKey.from_private_bytes(subject.encode().ljust(32))
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return shown, key


class Behind:
    """In the place of the service: answers each connection once, and keeps the head that came."""

    def __init__(self, path: Path) -> None:
        self.heads: list[bytes] = []
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        self._thread = threading.Thread(target=self._answer)
        self._thread.start()

    def _answer(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            with connection:
                head = b""
                while b"\r\n\r\n" not in head and (more := connection.recv(65536)):
                    head += more
                if not head:
                    return
                self.heads.append(head)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(self._socket.getsockname())
        self._thread.join(PATIENCE_SECONDS)
        self._socket.close()


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="flr-") as short:  # the path of a unix socket has 107 octets at most
        yield Path(short)


@pytest.fixture(scope="module")
def behind(folder: Path) -> Iterator[Behind]:
    made = Behind(folder / "lookup.sock")
    yield made
    made.close()


@pytest.fixture(scope="module")
def front(folder: Path, behind: Behind) -> Iterator[Path]:
    """nginx's socket; the documented settings, but for where the files and sockets are."""
    settings = documented("security.md")
    for there, here in (
        ("/run/flr/lookup.sock", str(folder / "lookup.sock")),
        ("listen 443 ssl;", f"listen unix:{folder}/front.sock ssl;"),
        ("/etc/nginx/", f"{folder}/"),
    ):
        assert there in settings
        settings = settings.replace(there, here)
    for subject in ("register", "clinic"):
        pem(folder, subject)
    shutil.copy(folder / "clinic.pem", folder / "authorities.pem")
    with running(folder, settings, folder / "front.sock") as socket_of_nginx:
        yield socket_of_nginx


def ask(front: Path, fields: dict[str, str], shown: tuple[Path, Path] | None = None) -> bytes:
    """One request; the status line of its answer."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if shown is not None:
        context.load_cert_chain(*shown)
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    with socket.socket(socket.AF_UNIX) as plain:
        plain.settimeout(PATIENCE_SECONDS)
        plain.connect(str(front))
        with context.wrap_socket(plain) as line:
            line.sendall(f"GET /v1/her/1 HTTP/1.1\r\nHost: register\r\n{head}Connection: close\r\n\r\n".encode())
            return line.recv(65536).split(b"\r\n")[0]


def told(head: bytes) -> list[tuple[str, bytes]]:
    """The certificate headers in a head."""
    lines = [line.partition(b":") for line in head.split(b"\r\n")[1:]]
    known = {name.lower().encode(): name for name in HEADERS}
    return [(known[name.lower()], value.strip()) for name, _, value in lines if name.lower() in known]


FORGED = dict.fromkeys(HEADERS, ":Zm9yZ2Vk:")


@pytest.mark.parametrize("fields", [{}, FORGED])
def test_the_certificate_comes_as_it_is_whatever_the_client_says(
    front: Path, behind: Behind, folder: Path, fields: dict[str, str]
) -> None:
    assert ask(front, fields, (folder / "clinic.pem", folder / "clinic.key")) == b"HTTP/1.1 200 OK"
    ((name, value),) = told(behind.heads[-1])
    assert name == "X-SSL-Client-Cert"
    known = client(certificates=(registered(certificate("clinic", -1000, FOREVER_DAYS)),))
    registry = Registry(put(folder / "clients.json", known))
    assert verify(value, registry, NOW.timestamp()).client == "clinic"


def test_without_a_certificate_nothing_comes_whatever_the_client_says(front: Path, behind: Behind) -> None:
    assert ask(front, FORGED) == b"HTTP/1.1 200 OK"
    assert told(behind.heads[-1]) == []


def test_one_of_another_authority_is_stopped_by_the_proxy(front: Path, behind: Behind, folder: Path) -> None:
    before = len(behind.heads)
    assert ask(front, {}, pem(folder, "stranger")).startswith(b"HTTP/1.1 400")
    assert len(behind.heads) == before
