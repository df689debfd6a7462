"""The files that TLS takes, what is wrong with those that it does not, and who has shown a certificate of his own."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop

from lookup.connections import Connections
from lookup.metrics import Counters
from lookup.settings import Settings
from lookup.tls import Certificate, Handshake, WrongCertificate, certificate_of, peer_certificate
from tests.lookup.authority import Authority, Files


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def files(authority: Authority) -> Files:
    authority.issue("another")
    return authority.issue("server")


def settings_of(files: Files, client_ca: Path | None = None) -> Settings:
    return Settings(tls_certificate=files.certificate, tls_key=files.key, tls_client_ca=client_ca)


def test_without_a_word_of_it_there_is_none() -> None:
    assert certificate_of(Settings()) is None


def test_one_without_the_other_is_nothing(files: Files) -> None:
    for half in (
        Settings(tls_key=files.key),
        Settings(tls_certificate=files.certificate),
        Settings(tls_client_ca=files.key),
    ):
        with pytest.raises(WrongCertificate, match="go together"):
            certificate_of(half)


def no_certificate(files: Files) -> None:
    files.certificate.write_text("nonsense")


def gone(files: Files) -> None:
    files.certificate.unlink()


def key_is_gone(files: Files) -> None:
    files.key.unlink()


def another_key(files: Files) -> None:
    files.key.write_bytes(files.key.with_name("another.key").read_bytes())


def for_others_to_read(files: Files) -> None:
    files.key.chmod(0o644)


def for_the_group_to_write(files: Files) -> None:
    files.key.chmod(0o660)


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (no_certificate, "not a certificate chain"),
        (gone, "No such file"),
        (key_is_gone, "tls_key: .*No such file"),
        (another_key, "KEY_VALUES_MISMATCH"),
        (for_others_to_read, "mode 0644"),
        (for_the_group_to_write, "mode 0660"),
    ],
)
def test_what_is_wrong_is_told(files: Files, harm: Callable[[Files], None], why: str) -> None:
    certificate = Certificate(settings_of(files))
    harm(files)
    with pytest.raises(WrongCertificate, match=why):
        certificate.renew()
    assert certificate.turn == 0


def test_nobody_is_asked_for_a_password(authority: Authority) -> None:
    with pytest.raises(WrongCertificate, match=r"server\.pem"):
        Certificate(settings_of(authority.issue("server", password=b"secret")))


def test_authorities_that_are_none(files: Files) -> None:
    for named, why in ((files.key, "no certificates"), (files.key.with_name("none"), "No such file")):
        with pytest.raises(WrongCertificate, match=f"tls_client_ca: .*{why}"):
            Certificate(settings_of(files, named))


async def shown_to(settings: Settings, client: ssl.SSLContext) -> bytes | None:
    """What `peer_certificate` gives for a client with this context."""
    counters = Counters(1)
    counters.become(0)
    certificate, members = Certificate(settings), Connections(settings, counters)
    made: list[Echo] = []

    def make() -> asyncio.Protocol:
        made.append(Echo(members))
        return made[-1]

    server = await asyncio.get_running_loop().create_server(
        lambda: Handshake(certificate, members, make), "127.0.0.1", 0
    )
    port = server.sockets[0].getsockname()[1]
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname="127.0.0.1")
        writer.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        writer.close()
        await writer.wait_closed()
        await made[0].lost.wait()
        return made[0].shown
    finally:
        server.close()
        while len(members):  # noqa: ASYNC110 -- whatever became of the handshake, it must come to this
            await asyncio.sleep(0.01)


class Echo(asyncio.Protocol):
    """Says what it hears, and remembers what the client has shown."""

    def __init__(self, members: Connections) -> None:
        self.members, self.lost = members, asyncio.Event()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        assert self in self.members
        self.transport, self.shown = transport, peer_certificate(transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)

    def connection_lost(self, _: Exception | None) -> None:
        self.members.leave(self)
        self.lost.set()


def test_a_client_that_shows_a_certificate_is_known_by_it(authority: Authority, files: Files) -> None:
    shown = authority.issue("client")
    der = ssl.PEM_cert_to_DER_cert(shown.certificate.read_text())
    asking, not_asking = settings_of(files, authority.file), settings_of(files)
    assert uvloop.run(shown_to(asking, authority.client(shown))) == der
    assert uvloop.run(shown_to(asking, authority.client())) is None
    assert uvloop.run(shown_to(not_asking, authority.client(shown))) is None


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_one_of_another_authority_ends_the_handshake(
    authority: Authority, files: Files, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    client = authority.client(Authority(tmp_path, "Another").issue("client"))
    client.minimum_version = client.maximum_version = version
    with pytest.raises((OSError, asyncio.IncompleteReadError)):
        uvloop.run(shown_to(settings_of(files, authority.file), client))


def test_new_authorities_count_from_the_next_renewal(authority: Authority, files: Files, tmp_path: Path) -> None:
    other = Authority(tmp_path, "Another")
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(authority.file.read_bytes())
    settings = settings_of(files, trusted)
    certificate = Certificate(settings)
    before = certificate.context.get_ca_certs()
    trusted.write_bytes(other.file.read_bytes())
    certificate.renew()
    assert certificate.context.get_ca_certs() == before, "what began with the old one goes on with it"
    assert certificate.turn == 1
