"""A service that speaks TLS, and clients of it: one on a socket, and one whose every record the test holds in hand."""

import socket
import ssl
from pathlib import Path

from tests.lookup.authority import Authority, Files
from tests.lookup.wires import Wire, metrics
from tests.service import PATIENCE_SECONDS, Service


class SecureService(Service):
    """Speaks TLS on its public listener, and not on the one for operations."""

    hot = True

    def __init__(self, data: Path, authority: Authority, files: Files, **environment: str) -> None:
        self.authority = authority
        super().__init__(
            data,
            "--admin",
            "127.0.0.1:0",
            workers=1,
            FLR_TLS_CERTIFICATE=str(files.certificate),
            FLR_TLS_KEY=str(files.key),
            **environment,
        )

    def __enter__(self) -> "SecureService":
        super().__enter__()
        self.plain = PlainSide(self.wait("listening", role="admin"))
        return self

    def metrics(self) -> dict[str, float]:
        return metrics(self.plain)  # type: ignore[arg-type]


class PlainSide:
    """The listener for operations, for whoever asks it as a service."""

    ask = Service.ask

    def __init__(self, address: dict[str, object]) -> None:
        self.address = address


class SecureWire(Wire):
    """One connection to a service, over TLS."""

    def __init__(self, service: SecureService, context: ssl.SSLContext | None = None) -> None:
        super().__init__(service)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as every client of HTTP does
        context = context or service.authority.client()
        try:
            self.socket = context.wrap_socket(self.socket, server_hostname="127.0.0.1")
        except BaseException:
            self.socket.close()
            raise

    def serial(self) -> int:
        """The number of the certificate that the service has shown."""
        assert isinstance(self.socket, ssl.SSLSocket)
        shown = self.socket.getpeercert()
        assert shown is not None
        return int(str(shown["serialNumber"]), 16)


class ByHand:
    """A client of which the test sees and sends every octet, after an ordinary handshake."""

    def __init__(self, service: SecureService) -> None:
        self.wire = socket.create_connection(("127.0.0.1", service.address["port"]), timeout=PATIENCE_SECONDS)
        self._came, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = service.authority.client().wrap_bio(self._came, self.outgoing, server_hostname="127.0.0.1")
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.flush()
                self._came.write(self.wire.recv(1 << 16))
        self.flush()

    def __enter__(self) -> "ByHand":
        return self

    def __exit__(self, *_: object) -> None:
        self.wire.close()

    def flush(self) -> None:
        self.wire.sendall(self.outgoing.read())

    def say_that_no_more_comes(self) -> None:
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            return
        raise AssertionError("the service was first")

    def rest(self) -> bytes:
        """All that comes until the service says that it is all, which it must."""
        received = b""
        while True:
            try:
                some = self.tls.read(1 << 16)
                if not some:
                    return received
                received += some
            except ssl.SSLZeroReturnError:
                return received
            except ssl.SSLWantReadError:
                data = self.wire.recv(1 << 16)
                assert data, "the connection ended and nobody said so"
                self._came.write(data)
