"""TLS on the public listener: which certificate is shown, and the handshake before a connection is one of ours.

TLS 1.3, and 1.2 with forward secrecy; nothing older. The certificate can be renewed while it is in use: connections
that come afterwards get the new one. A connection that has not finished its handshake counts against the limits like
any other, and has `head_seconds` for it. Sessions are not resumed from tickets, so that no key outlives a connection.
Leaves out who a client's certificate belongs to: `peer_certificate` only hands out one that has been verified.
"""

import asyncio
import ssl
import stat
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from lookup.connections import FINISHING_SECONDS, SWEEP_SECONDS, Connections
from lookup.metrics import FAILED_HANDSHAKES
from lookup.settings import Settings

# The suites of TLS 1.3 are all sound, and not set here.
CIPHERS_OF_1_2 = "ECDHE+AESGCM:ECDHE+CHACHA20"
FORBIDDEN_MODE = 0o027  # of the key's file: what others than its owner and group may do, and writing
NO_PASSWORD = b"-"  # of a key that has one, nobody is asked for it: it is a wrong one


class WrongCertificate(Exception):
    """The certificate, its key or the clients' authorities cannot be used; the message says which, and why."""


class Certificate:
    """What this service shows for itself, from the files that the settings name. Raises WrongCertificate."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.turn = 0  # one more with each `renew`
        self.expires = 0  # of the first in the file, in seconds since 1970-01-01T00:00:00Z
        # Connections begin with this one for good. It lets go to the newest as soon as the client has said hello.
        self.context = self._newest = self._read()
        self.context.sni_callback = self._choose

    def renew(self) -> None:
        """Read the files again. Raises WrongCertificate, and then what was shown before is shown still."""
        self._newest = self._read()
        self.turn += 1

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._newest

    def _read(self) -> ssl.SSLContext:
        settings = self._settings
        if settings.tls_certificate is None or settings.tls_key is None:
            raise WrongCertificate("tls_certificate and tls_key go together: one of them is not given")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(CIPHERS_OF_1_2)
        context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
        context.num_tickets = 0
        context.set_alpn_protocols(["http/1.1"])
        check_mode("tls_key", settings.tls_key)
        try:
            context.load_cert_chain(settings.tls_certificate, settings.tls_key, NO_PASSWORD)
        except ssl.SSLError as error:
            why = error.reason or "not a certificate chain and its key, in PEM"
            raise WrongCertificate(f"tls_certificate, tls_key: {settings.tls_certificate}: {why}") from None
        except OSError as error:
            raise WrongCertificate(f"tls_certificate: {settings.tls_certificate}: {error.strerror}") from None
        if settings.tls_client_ca is not None:
            _ask_for_certificates(context, settings.tls_client_ca)
        self.expires = _expires(settings.tls_certificate)
        return context


def check_mode(setting: str, key: Path) -> None:
    """That nobody else can read the key that a setting names. Raises WrongCertificate."""
    try:
        mode = stat.S_IMODE(key.stat().st_mode)
    except OSError as error:
        raise WrongCertificate(f"{setting}: {key}: {error.strerror}") from None
    if mode & FORBIDDEN_MODE:
        raise WrongCertificate(f"{setting}: {key}: mode {mode:04o}: only its owner may write it, others not read it")


def _ask_for_certificates(context: ssl.SSLContext, authorities: Path) -> None:
    """Ask each client for a certificate. Who has none goes on without; one that does not verify ends the handshake."""
    try:
        context.load_verify_locations(authorities)
    except ssl.SSLError:
        raise WrongCertificate(f"tls_client_ca: {authorities}: no certificates, in PEM") from None
    except OSError as error:
        raise WrongCertificate(f"tls_client_ca: {authorities}: {error.strerror}") from None
    context.verify_mode = ssl.CERT_OPTIONAL


def _expires(path: Path) -> int:
    from cryptography import x509  # noqa: PLC0415 -- takes a while, and most services stand behind a proxy

    try:
        first = x509.load_pem_x509_certificates(path.read_bytes())[0]
    except ValueError:
        raise WrongCertificate(f"tls_certificate: {path}: not a well-formed certificate") from None
    return int(first.not_valid_after_utc.timestamp())


def certificate_of(settings: Settings) -> Certificate | None:
    """The certificate that the settings ask for, if they do. Raises WrongCertificate."""
    if settings.tls_certificate is settings.tls_key is settings.tls_client_ca is None:
        return None
    return Certificate(settings)


def peer_certificate(transport: asyncio.BaseTransport) -> bytes | None:
    """The client's certificate (DER), if it has shown one that leads to `tls_client_ca`, and None otherwise."""
    connection = transport.get_extra_info("ssl_object")
    shown: bytes | None = None if connection is None else connection.getpeercert(binary_form=True)
    return shown


class Handshake(asyncio.Protocol):
    """Has a connection until it is a secure one. `make` gives the protocol that has it then."""

    def __init__(self, certificate: Certificate, members: Connections, make: Callable[[], asyncio.Protocol]) -> None:
        self._certificate, self._members, self._make = certificate, members, make
        self._since = time.monotonic()
        self._shaking: Coroutine[Any, None, asyncio.Transport | None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take up the connection, unless there is no room for it."""
        self.transport = transport
        if not self._members.admit(self, transport):
            transport.abort()
            return
        settings = self._members.settings
        self._shaking = asyncio.get_running_loop().start_tls(
            transport,
            self,
            self._certificate.context,
            server_side=True,
            # A handshake that takes too long is ended by the sweep, and counted; here only in case it is not.
            ssl_handshake_timeout=settings.head_seconds + 2 * SWEEP_SECONDS,
            ssl_shutdown_timeout=settings.write_seconds,
        )
        # Begun here and now, and not in a task, that would begin at the loop's next turn: what the client says before
        # that would come to us, and be lost. What is sent out is the future that it waits for.
        waiting: asyncio.Future[None] = self._shaking.send(None)
        waiting.add_done_callback(self._shaken)

    def connection_lost(self, _: Exception | None) -> None:
        """The connection has ended before the handshake could begin."""
        self._members.leave(self)

    def overdue(self, now: float) -> str | None:
        """Why it has taken too long at `now`, in monotonic seconds: a word, or None."""
        return "handshake" if now - self._since > self._members.settings.head_seconds else None

    def finish(self, now: float) -> None:
        """At `now`, end a handshake that does not come to its end."""
        if now - self._since > FINISHING_SECONDS:
            self.transport.abort()

    def _shaken(self, _: asyncio.Future[None]) -> None:
        assert self._shaking is not None
        secure = None
        try:
            self._shaking.send(None)
        except StopIteration as end:
            secure = end.value
        except OSError:  # what ssl raises is one, too
            self._members.counters.add(FAILED_HANDSHAKES)
        self._shaking = None
        if secure is None or secure.is_closing():
            self._members.leave(self)
            return
        # The loop reads nothing before its next turn, so the protocol is there before the first octet.
        protocol = self._make()
        self._members.replace(self, protocol)  # type: ignore[arg-type]
        secure.set_protocol(protocol)
        protocol.connection_made(secure)
