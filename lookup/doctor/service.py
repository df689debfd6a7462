"""The service, where one is running: whether its workers serve what they are to, and who answers at its address."""

import contextlib
import errno
import http.client
import os
import socket
import ssl
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lookup.doctor.data import in_service
from lookup.doctor.finding import Finding, Installation, ok, shell, warning, wrong

WORKERS, ADDRESS = "workers", "address"
PATIENCE_SECONDS = 5.0
PATH_BYTES = 107  # of a unix socket
START, RESTART = "systemctl start flr-lookup", "systemctl restart flr-lookup"
ALIVE = b'{"status":"alive"}'


def workers(site: Installation) -> Iterator[Finding]:
    """As many as there are to be, ready, and each serves what PIN or else CURRENT names."""
    there = site.workers
    if not there:
        yield warning(WORKERS, "none is alive", START)
        return
    named = in_service(site.settings.data_dir)
    name = None if named is None else named[0].name
    fine = True
    for one in there:
        if one.state != "ready":
            fine = False
            yield warning(
                WORKERS, f"process {one.pid} is {one.state} since {one.since}", site.command("flr-loader status")
            )
        elif name is not None and one.name != name:
            fine = False
            what = f"process {one.pid} serves {one.name}, and {name} is to be served"
            yield wrong(WORKERS, what, "systemctl reload flr-lookup")
    if len(there) < site.settings.worker_count:
        fine = False
        yield warning(WORKERS, f"{len(there)} are alive, of {site.settings.worker_count}", RESTART)
    if fine:
        yield ok(WORKERS, f"{len(there)} serve {there[0].name}")


class _Address(NamedTuple):
    """Where the service listens: `at` for a socket, and as people write it."""

    family: socket.AddressFamily
    at: tuple[str, int] | str
    shown: str
    secure: bool


def addresses(site: Installation) -> Iterator[Finding]:
    """With workers alive, one of ours answers there; with none, one can listen there.

    Nobody is called without workers: that might be systemd, which would start the service.
    """
    for one in _addresses(site):
        unix = one.family == socket.AF_UNIX
        if unix and len(os.fsencode(one.shown)) > PATH_BYTES:
            what = f"{one.shown}: a unix socket's path has {PATH_BYTES} octets at most"
            yield wrong(ADDRESS, what, "FLR_UDS=/run/flr/lookup.sock")
            continue
        see = shell("ss", "-lxp", "src", one.shown) if unix else f"ss -ltnp sport = :{one.at[1]}"
        yield _answers(one, see) if site.workers else _is_free(one, see)


def _answers(one: _Address, see: str) -> Finding:
    """Whether a service of ours answers."""
    try:
        connection = _connected(one)
    except OSError as error:
        what = f"workers are alive, and nobody listens at {one.shown}: {error.strerror or error}; other settings?"
        return wrong(ADDRESS, what, RESTART)
    with contextlib.suppress(OSError, http.client.HTTPException), connection:
        if _asked(one, connection, "/livez") == ALIVE:
            return ok(ADDRESS, f"{one.shown} answers")
    return wrong(ADDRESS, f"who answers at {one.shown} is no service of ours, or none with these settings", see)


def _is_free(one: _Address, see: str) -> Finding:
    """Whether a service could listen."""
    try:
        taken = _taken_path(Path(one.shown)) if one.family == socket.AF_UNIX else _taken_port(one)
    except OSError as error:
        return wrong(ADDRESS, f"{one.shown}: {error.strerror or error}", see)
    if taken:
        return warning(ADDRESS, f"somebody listens at {one.shown}: systemd for the service, or another program", see)
    return ok(ADDRESS, f"{one.shown} is free")


def _addresses(site: Installation) -> Iterator[_Address]:
    settings = site.settings
    if settings.uds is not None:
        yield _Address(socket.AF_UNIX, str(settings.uds), str(settings.uds), settings.tls_certificate is not None)
    elif settings.port:  # 0 is a free one
        yield _tcp(settings.host, settings.port, secure=settings.tls_certificate is not None)
    host, colon, port = (settings.admin or "").rpartition(":")
    if colon and port.isdecimal() and 0 < int(port) < 1 << 16:
        yield _tcp(host.strip("[]"), int(port), secure=False)


def _tcp(host: str, port: int, *, secure: bool) -> _Address:
    host = "127.0.0.1" if host == "localhost" else host
    wide = ":" in host
    family = socket.AF_INET6 if wide else socket.AF_INET
    return _Address(family, (host, port), f"[{host}]:{port}" if wide else f"{host}:{port}", secure)


def _connected(one: _Address) -> socket.socket:
    connection = socket.socket(one.family)
    connection.settimeout(PATIENCE_SECONDS)
    try:
        connection.connect(one.at)
    except BaseException:
        connection.close()
        raise
    return connection


def _asked(one: _Address, connection: socket.socket, path: str) -> bytes:
    """The body of an answer. Raises OSError, HTTPException."""
    asking = http.client.HTTPConnection("localhost")
    if one.secure:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # whom it shows is for clients to judge: we ask who is there
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = context.wrap_socket(connection)
    asking.sock = connection
    with contextlib.closing(asking):
        asking.request("GET", path)
        return asking.getresponse().read()


def _taken_path(path: Path) -> bool:
    """Whether somebody listens on a unix socket. Raises OSError where nobody can."""
    if path.exists() and not stat.S_ISSOCK(path.stat().st_mode):
        raise FileExistsError(errno.EEXIST, "something else is there")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "its folder cannot be written to")
    return any(line.endswith(f" {path}") for line in Path("/proc/net/unix").read_text().splitlines())


def _taken_port(one: _Address) -> bool:
    """Whether somebody listens on an address. Raises OSError where nobody can."""
    with socket.socket(one.family) as trying:
        trying.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trying.bind(one.at)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return True
            raise
    return False
