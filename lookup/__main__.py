"""The command `flr-lookup`: `serve` answers, `settings` prints what can be set. Exit codes as for the loader."""

import argparse
import ipaddress
import os
import socket
import stat
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

from lookup import log as logging
from lookup import systemd
from lookup.ahead import Ahead
from lookup.connections import raise_file_limit
from lookup.core import COMPILED
from lookup.current import ServiceState
from lookup.metrics import Counters
from lookup.settings import TABLE, Settings
from register.settings import SettingsError, as_json, as_lines, as_markdown, read_settings

OK, USAGE, IO_ERROR, CONFIGURATION = 0, 64, 74, 78
LEAST_UVLOOP = (0, 23)
BACKLOG = 2048


class Refused(Exception):
    """The service cannot start like this; the message says why. Ends with exit code 78."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message}\n")


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
    settings = commands.add_parser("settings", help="print the settings in force")
    settings.add_argument("--data-dir", metavar="DIR")
    form = settings.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true")
    form.add_argument("--markdown", action="store_true", help="the table of the documentation")
    return top


def check_loopback(host: str) -> None:
    """Raises Refused for an address that others can reach."""
    try:
        safe = ipaddress.ip_address(host).is_loopback
    except ValueError:
        safe = False
    if not safe:
        raise Refused(
            f"{host} is not a loopback address. There is no access control yet: whoever can reach the service can ask"
            " it about anybody. Until there is, it listens on 127.0.0.1, ::1 or a unix socket only."
        )


def loopback(host: str, port: int) -> socket.socket:
    """A listening socket. Raises Refused for an address that others can reach, OSError when it cannot be had."""
    address = "127.0.0.1" if host == "localhost" else host
    check_loopback(address)
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
    for listening in sockets:
        if listening.family != socket.AF_UNIX:
            check_loopback(listening.getsockname()[0])
    return sockets


def listen(settings: Settings, inherited: list[socket.socket] | None = None) -> list[socket.socket]:
    """The sockets that were handed over, or that the settings ask for: the public one first, then the admin one."""
    sockets = inherited or [unix_socket(settings.uds) if settings.uds else loopback(settings.host, settings.port)]
    if settings.admin:
        host, colon, port = settings.admin.rpartition(":")
        if not colon or not port.isdecimal() or int(port) > 65535:
            raise Refused("admin is HOST:PORT")
        sockets.append(loopback(host.strip("[]"), int(port)))
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


def serve(settings: Settings, given: list[str]) -> int:
    """Serve until SIGTERM or SIGINT. `given` are the flags that say where to listen."""
    check(settings)
    inherited = take_over(settings, given)
    sockets = listen(settings, inherited)
    raise_file_limit()
    settings.run_folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    ahead = Ahead(settings.data_dir)
    from lookup.app import TEMPLATES, create_app  # noqa: PLC0415 -- takes a while, and `settings` can do without
    from lookup.rest import page  # noqa: PLC0415
    from lookup.supervisor import Supervisor  # noqa: PLC0415

    state = ServiceState(settings, Counters(settings.worker_count))
    state.counters.register(TEMPLATES)
    app = create_app(state)
    page.describe(app)
    Supervisor(state, app, sockets, ahead.found).run()
    if settings.uds and not inherited:
        settings.uds.unlink(missing_ok=True)
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
        settings = read_settings(Settings, TABLE, os.environ, flags)
        if arguments.command == "serve":
            return serve(settings, [name for name in ("host", "port", "uds") if flags.get(name) is not None])
        return show(settings, arguments)
    except (SettingsError, Refused) as error:
        sys.stderr.write(f"flr-lookup: {error}\n")
        return CONFIGURATION
    except OSError as error:
        sys.stderr.write(f"flr-lookup: {error.strerror}: {error.filename or 'the address to listen on'}\n")
        return IO_ERROR


if __name__ == "__main__":
    sys.exit(main())
