"""The command `flr-lookup`: `serve` answers, `clients` registers who may ask, `settings` prints what can be set.

Exit codes as for the loader, but for `doctor`, which ends as a plugin for monitoring does.
"""

import argparse
import ipaddress
import json
import os
import socket
import stat
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import structlog

from lookup import log as logging
from lookup import systemd
from lookup.access import clients
from lookup.access.arguments import add_arguments
from lookup.access.clientsfile import ClientsError
from lookup.ahead import Ahead
from lookup.audit import commands as audit
from lookup.connections import raise_file_limit
from lookup.core import COMPILED
from lookup.current import ServiceState
from lookup.metrics import Counters
from lookup.settings import TABLE, Settings
from lookup.tls import WrongCertificate, certificate_of
from register.ids import mask
from register.secrecy import keep_files_private, keep_memory_private
from register.settings import SettingsError, as_json, as_lines, as_markdown, read_settings

if TYPE_CHECKING:
    from lookup.access.credentials import Credentials
    from lookup.audit.recorder import Recorder
    from lookup.page.desk import Page

    Protection = tuple[Credentials, Recorder]

OK, USAGE, IO_ERROR, CONFIGURATION = 0, 64, 74, 78
LEAST_UVLOOP = (0, 23)
BACKLOG = 2048


class Refused(Exception):
    """The service cannot start like this; the message says why. Ends with exit code 78."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {mask(message)}\n")


def parser() -> argparse.ArgumentParser:
    """The arguments of the command. What is not given is None, so that the other layers of settings count."""
    top = _Parser(prog="flr-lookup", description="Answers which GP a resident has.")
    commands = top.add_subparsers(dest="command", required=True, parser_class=_Parser)
    serve = commands.add_parser("serve", help="serve the generation that CURRENT names, until SIGTERM")
    serve.add_argument("--data-dir", metavar="DIR")
    serve.add_argument("--run-dir", metavar="DIR")
    serve.add_argument("--host", metavar="H")
    serve.add_argument("--port", metavar="P")
    serve.add_argument("--uds", metavar="PATH", help="a unix socket instead of host and port")
    serve.add_argument("--admin", metavar="HOST:PORT", help="a second listener, for operations")
    serve.add_argument("--workers", metavar="N")
    serve.add_argument("--clock-offset", metavar="SECONDS", help="added to the clock, for tests")
    serve.add_argument("--allow-plain", action="store_const", const=True, help="serve without the compiled core: slow")
    add_arguments(commands, _Parser)
    page_key = commands.add_parser(
        "page-key", help="make the web page's key where there is none, and print its public half"
    )
    page_key.add_argument("--data-dir", metavar="DIR")
    settings = commands.add_parser("settings", help="print the settings in force")
    settings.add_argument("--data-dir", metavar="DIR")
    form = settings.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true")
    form.add_argument("--markdown", action="store_true", help="the table of the documentation")
    audit.add_arguments(commands)
    doctor = commands.add_parser("doctor", help="say what is wrong with an installation, and what mends it")
    doctor.add_argument("--data-dir", metavar="DIR")
    doctor.add_argument("--deep", action="store_true", help="read every generation, the whole audit, and issuers' keys")
    doctor.add_argument("--json", action="store_true", help="print one JSON object")
    return top


def check_loopback(listening: socket.socket) -> None:
    """Raises Refused for a socket that other machines can reach."""
    if listening.family == socket.AF_UNIX or ipaddress.ip_address(listening.getsockname()[0]).is_loopback:
        return
    raise Refused(
        f"{listening.getsockname()[0]} is not a loopback address: a service with another clock than the machine's, or"
        " without access control, listens on 127.0.0.1, ::1 or a unix socket only"
    )


def bound(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError when it cannot be had."""
    address = "127.0.0.1" if host == "localhost" else host
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.create_server((address, port), family=family, backlog=BACKLOG)


def unix_socket(path: Path) -> socket.socket:
    """A listening unix socket for user and group, in the place of one that nobody listens on any more."""
    with socket.socket(socket.AF_UNIX) as probe:
        if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                path.unlink()
    listening = socket.socket(socket.AF_UNIX)
    before = os.umask(0o117)
    try:
        listening.bind(str(path))
    finally:
        os.umask(before)
    listening.listen(BACKLOG)
    return listening


def take_over(settings: Settings, given: list[str]) -> list[socket.socket] | None:
    """The sockets that systemd hands over, or None. `given` are the flags that say otherwise. Raises Refused."""
    try:
        sockets = systemd.inherited()
    except systemd.WrongSocket as error:
        raise Refused(str(error)) from None
    if sockets is None:
        return None
    if given or (settings.admin and len(sockets) > 1):
        raise Refused(f"a listening socket was handed over: {', '.join(given) or 'admin'} cannot be given as well")
    return sockets


def listen(settings: Settings, inherited: list[socket.socket] | None = None) -> list[socket.socket]:
    """The sockets that were handed over, or that the settings ask for: the public one first, then the admin one."""
    sockets = inherited or [unix_socket(settings.uds) if settings.uds else bound(settings.host, settings.port)]
    if settings.admin:
        host, colon, port = settings.admin.rpartition(":")
        if not colon or not port.isdecimal() or int(port) > 65535:
            raise Refused("admin is HOST:PORT")
        sockets.append(bound(host.strip("[]"), int(port)))
    return sockets


def check(settings: Settings) -> None:
    """Raises Refused when this machine or folder is not fit to serve from."""
    if not COMPILED and not settings.allow_plain:
        raise Refused("the compiled core is not built, and without it answers are slow: build it, or say --allow-plain")
    uvloop = version("uvloop")
    if tuple(int(part) for part in uvloop.split(".")[:2]) < LEAST_UVLOOP:
        raise Refused(f"uvloop {uvloop} is too old: 0.23 or newer is needed")
    if not settings.data_dir.is_dir():
        raise Refused(f"data_dir: there is no folder {settings.data_dir}")


def protect(settings: Settings) -> "Protection":
    """What a service must have to be asked: whose credentials it takes, and where it records who has asked."""
    from lookup.access.credentials import Credentials  # noqa: PLC0415 -- takes a while, and other commands can do without
    from lookup.audit.keys import KeysUnfit  # noqa: PLC0415
    from lookup.audit.recorder import Recorder  # noqa: PLC0415
    from lookup.audit.trail import audit_keys  # noqa: PLC0415

    try:
        credentials, keys = Credentials(settings), audit_keys(settings)
    except (KeysUnfit, ValueError) as error:
        raise Refused(str(error)) from None
    if not len(credentials.registry) and not credentials.issuers:
        structlog.get_logger().warning(
            "nobody may ask yet: register a client with `flr-lookup clients add`, or name an issuers_file"
        )
    return credentials, Recorder(settings, keys)


def page_for_people(settings: Settings, credentials: "Credentials") -> "Page | None":
    """The web page, where the settings ask for one."""
    if settings.page_issuer is None:
        return None
    from lookup.page.desk import Page, PageUnfit  # noqa: PLC0415 -- takes a while, and few services have it
    from lookup.page.keyfile import PageKeyUnfit  # noqa: PLC0415

    try:
        return Page(settings, credentials)
    except (PageUnfit, PageKeyUnfit) as error:
        raise Refused(str(error)) from None


def serve(settings: Settings, given: list[str], protection: "Callable[[Settings], Protection] | None") -> int:
    """Serve until SIGTERM or SIGINT. `given` are the flags that say where to listen.

    Without `protection` whoever reaches the service may ask: the command never does that.
    """
    keep_files_private()
    if not settings.core_dumps:
        keep_memory_private()
    check(settings)
    from lookup.soap.signing import signer_of  # noqa: PLC0415 -- takes a while, and other commands can do without

    try:
        certificate, signer = certificate_of(settings), signer_of(settings)
    except WrongCertificate as error:
        raise Refused(str(error)) from None
    protected = None if protection is None else protection(settings)
    page = None if protected is None else page_for_people(settings, protected[0])
    inherited = take_over(settings, given)
    sockets = listen(settings, inherited)
    if protection is None or settings.clock_offset:
        for listening in sockets:
            check_loopback(listening)
    raise_file_limit()
    settings.run_folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    ahead = Ahead(settings.data_dir)
    from lookup.app import TEMPLATES, create_app  # noqa: PLC0415 -- takes a while, and `settings` can do without
    from lookup.rest.page import describe  # noqa: PLC0415
    from lookup.supervisor import Supervisor  # noqa: PLC0415

    state = ServiceState(settings, Counters(settings.worker_count), *(protected or ()))
    state.page = page
    state.admin_port = sockets[-1].getsockname()[1] if settings.admin else None
    state.signer = signer
    state.counters.register(TEMPLATES)
    app = create_app(state)
    describe(app)
    Supervisor(state, app, sockets, ahead.found, certificate).run()
    if settings.uds and not inherited:
        settings.uds.unlink(missing_ok=True)
    return OK


def page_key(settings: Settings) -> int:
    """Make the page's key, unless there is one, and print the public one."""
    from lookup.page.keyfile import PageKey, PageKeyUnfit, make  # noqa: PLC0415 -- as for the page

    keep_files_private()
    make(settings.page_key_path)
    try:
        public = PageKey(settings.page_key_path).public()
    except PageKeyUnfit as error:
        raise Refused(str(error)) from None
    sys.stdout.write(json.dumps(public, indent=2) + "\n")
    return OK


def show(settings: Settings, arguments: argparse.Namespace) -> int:
    """Print the settings."""
    if arguments.json:
        sys.stdout.write(as_json(settings).decode() + "\n")
    else:
        sys.stdout.write(as_markdown(settings) if arguments.markdown else as_lines(settings))
    return OK


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    arguments = parser().parse_args(argv)
    flags = {name: value for name, value in vars(arguments).items() if name in Settings.__struct_fields__}
    logging.configure()
    try:
        if arguments.command == "doctor":
            from lookup.doctor import command as doctor  # noqa: PLC0415 -- it looks at everything, so it imports a lot

            return doctor.run(flags, arguments)
        settings = read_settings(Settings, TABLE, os.environ, flags)
        if arguments.command == "serve":
            given = [name for name in ("host", "port", "uds") if flags.get(name) is not None]
            return serve(settings, given, protect)
        if arguments.command == "page-key":
            return page_key(settings)
        if arguments.command == "clients":
            clients.run(settings, arguments)
            return OK
        return audit.run(settings, arguments) if arguments.command == "audit" else show(settings, arguments)
    except ClientsError as error:
        sys.stderr.write(f"flr-lookup: {error}\n")
        return error.exit_code
    except (SettingsError, Refused) as error:
        sys.stderr.write(f"flr-lookup: {error}\n")
        return CONFIGURATION
    except OSError as error:
        sys.stderr.write(f"flr-lookup: {error.strerror}: {error.filename or 'the address to listen on'}\n")
        return IO_ERROR


if __name__ == "__main__":
    sys.exit(main())
