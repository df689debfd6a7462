"""The command `flr-loader`. Verbs do their work elsewhere; here are the arguments, what is printed, and the exit codes.

Quiet on success when there is no terminal (cron mails whatever is printed); one clear line when something is wrong.
"""

import argparse
import gc
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import NoReturn

import msgspec

from loader.errors import (
    BadFeed,
    BadGeneration,
    ConfigurationError,
    LoaderError,
    LockHeld,
    UsageError,
    as_loader_error,
    tell_where,
)
from loader.settings import TABLE, Settings
from register.ids import mask
from register.localtime import OSLO, parse_at
from register.secrecy import keep_private
from register.settings import SettingsError, as_json, as_lines, as_markdown, read_settings

OK = 0
ADOPT_TIMEOUT = "how long the workers may take, in seconds"
FORMATS = ("feed", "flr-export")
SIGNALS = (signal.SIGINT, signal.SIGTERM)
STOPPED = 128  # and the number of the signal, as a shell says it: 130 or 143


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(UsageError.exit_code, f"{self.prog}: {mask(message)}\n")


def _moment(text: str) -> datetime:
    """A time with an offset, or Norwegian wall-clock time."""
    try:
        return datetime(1970, 1, 1, tzinfo=OSLO) + timedelta(microseconds=parse_at(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def parser() -> argparse.ArgumentParser:
    """The arguments of the command. What is not given is None, so that the other layers of settings count."""
    shared = _Parser(add_help=False)
    shared.add_argument("--data-dir", metavar="DIR", help="where generations are published")
    shared.add_argument("--json", action="store_true", help="print one JSON object")
    top = _Parser(prog="flr-loader", description="Puts feeds from the master in service.")
    verbs = top.add_subparsers(dest="verb", required=True, parser_class=_Parser)
    load = verbs.add_parser("load", parents=[shared], help="put a feed, or what is pending of several, in service")
    load.add_argument(
        "feed", metavar="FEED", help="a feed (it holds manifest.json), or a folder of feeds, or a URL of such"
    )
    load.add_argument("--rebuild", action="store_true", help="build again what is already in service")
    load.add_argument("--accept-drift", metavar="REASON", help="take a feed that is very unlike what is in service")
    load.add_argument("--allow-older", metavar="REASON", help="take a feed older than what is in service")
    load.add_argument("--format", choices=FORMATS, default=FORMATS[0], help="what FEED is: feed, or flr-export, a ZIP")
    load.add_argument(
        "--as-of", metavar="TIME", type=_moment, help="when the flr-export was made; else as it says itself"
    )
    for flag, setting, help_text in (
        ("--adopt-timeout", "adopt_timeout_seconds", ADOPT_TIMEOUT),
        ("--stuck-after", "stuck_after_seconds", "age of a load that is worth a word, in seconds"),
        ("--processes", "processes", "that build"),
        ("--tolerate", "tolerate", "bad persons and memberships of a full feed that are left out, at most"),
    ):
        load.add_argument(flag, dest=setting, metavar="N", help=help_text)
    push = verbs.add_parser("push", parents=[shared], help="put what is in service in a store for other nodes")
    push.add_argument("--to", metavar="PLACE", required=True, help="s3://BUCKET/PREFIX, or a folder")
    pull = verbs.add_parser("pull", parents=[shared], help="put the newest generation of a store in service here")
    pull.add_argument(
        "--from", dest="place", metavar="PLACE", required=True, help="s3://BUCKET/PREFIX, a URL, or a folder"
    )
    pull.add_argument("--accept-drift", metavar="REASON", help="take one that is very unlike what is in service")
    pull.add_argument("--adopt-timeout", dest="adopt_timeout_seconds", metavar="N", help=ADOPT_TIMEOUT)
    status = verbs.add_parser("status", parents=[shared], help="what is in service, what is there, who serves it")
    status.add_argument(
        "--stale-after", dest="stale_after_seconds", metavar="N", help="exit code 65 at this age, in seconds"
    )
    verify = verbs.add_parser("verify", parents=[shared], help="check a generation's files and open it")
    verify.add_argument("name", metavar="NAME", nargs="?", help="SERIAL-DIGEST8; without it, what CURRENT names")
    verify.add_argument("--deep", action="store_true", help="recompute the content digest too")
    for verb, help_text in (
        ("rollback", "put an older generation in service, and refuse those after it"),
        ("accept", "refuse a generation no longer"),
        ("pin", "have a generation served whatever is loaded"),
        ("unpin", "have what is loaded served again"),
    ):
        move = verbs.add_parser(verb, parents=[shared], help=help_text)
        if verb != "unpin":
            move.add_argument("name", metavar="SERIAL[-DIGEST8]", nargs="?" if verb == "rollback" else None)
        move.add_argument("--reason", required=verb == "rollback", help="kept in the report")
        move.add_argument("--adopt-timeout", dest="adopt_timeout_seconds", metavar="N", help=ADOPT_TIMEOUT)
    diff = verbs.add_parser("diff", parents=[shared], help="what is different in two generations")
    for name in ("old", "new"):
        diff.add_argument(name, metavar=name.upper(), help="SERIAL[-DIGEST8]")
    diff.add_argument("--list", action="store_true", help="every difference, one JSON object a line; persons unnamed")
    export = verbs.add_parser("export", parents=[shared], help="write a generation out again")
    export.add_argument("name", metavar="NAME", nargs="?", help="SERIAL[-DIGEST8]; without it, what CURRENT names")
    export.add_argument("--to", metavar="TARGET", type=Path, required=True, help="what is not there yet, or is empty")
    export.add_argument("--format", choices=FORMATS, default=FORMATS[0], help="feed (a folder), or flr-export (a ZIP)")
    prune = verbs.add_parser("prune", parents=[shared], help="remove old generations")
    prune.add_argument("--keep", dest="keep_generations", metavar="N", help="besides CURRENT, PIN and what is served")
    settings = verbs.add_parser("settings", parents=[shared], help="print the settings in force")
    settings.add_argument("--markdown", action="store_true", help="the table of the documentation")
    return top


def load(settings: Settings, arguments: argparse.Namespace) -> None:
    """`load FEED`."""
    from loader.choose import FlrExport  # noqa: PLC0415 -- the other verbs can do without the pipeline
    from loader.load import load as run  # noqa: PLC0415
    from loader.objects import is_url  # noqa: PLC0415
    from loader.progress import Progress  # noqa: PLC0415

    if arguments.as_of is not None and arguments.format != "flr-export":
        raise UsageError("--as-of is for an flr-export: a feed says itself of when it is")
    if is_url(arguments.feed):
        _spread(settings)
    gc.disable()  # a load ends before cycles could matter, and holds millions of records that would be looked through
    with _stoppable():
        report = run(
            arguments.feed if is_url(arguments.feed) else Path(arguments.feed),
            settings,
            Progress(),
            rebuild=arguments.rebuild,
            allow_older=arguments.allow_older,
            accept_drift=arguments.accept_drift,
            flr_export=FlrExport(arguments.as_of) if arguments.format == "flr-export" else None,
        )
    if arguments.json:
        _print_json(report)
    elif sys.stdout.isatty() or (report.outcome, report.adoption) == ("published", "pinned"):
        print(report.line())


def _spread(settings: Settings) -> None:
    """Many nodes whose cron strikes at once do not reach for the store at once. Nobody at a terminal waits for that."""
    if not sys.stderr.isatty():
        time.sleep(random.uniform(0, settings.jitter_seconds))


def push(settings: Settings, arguments: argparse.Namespace) -> None:
    """`push --to PLACE`."""
    from loader.progress import Progress  # noqa: PLC0415
    from loader.push import push as run  # noqa: PLC0415

    _require_folder(settings)
    _spread(settings)
    with _stoppable():
        report = run(arguments.to, settings, Progress())
    if arguments.json:
        _print_json(report)
    elif sys.stdout.isatty():
        print(report.line())


def pull(settings: Settings, arguments: argparse.Namespace) -> None:
    """`pull --from PLACE`."""
    from loader.progress import Progress  # noqa: PLC0415
    from loader.pull import pull as run  # noqa: PLC0415

    _spread(settings)
    with _stoppable():
        report = run(arguments.place, settings, Progress(), accept_drift=arguments.accept_drift)
    if arguments.json:
        _print_json(report)
    elif sys.stdout.isatty() or (report.outcome, report.adoption) == ("published", "pinned"):
        print(report.line())


@contextmanager
def _stoppable() -> Iterator[None]:
    """At the first SIGINT or SIGTERM the crew is killed, what was begun is cleaned up, and the program ends."""
    from loader.crew import kill_crew  # noqa: PLC0415

    def stop(number: int, _: object) -> NoReturn:
        for each in SIGNALS:
            signal.signal(each, signal.SIG_IGN)  # nothing is to interrupt the cleaning up
        kill_crew()
        raise SystemExit(STOPPED + number)

    heard = [each for each in SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]  # nohup, and jobs of a script
    before = [signal.signal(each, stop) for each in heard]
    try:
        yield
    finally:
        for each, handler in zip(heard, before, strict=True):
            signal.signal(each, handler)


def status(settings: Settings, arguments: argparse.Namespace) -> None:
    """`status`."""
    from loader.status import as_text, require_fresh, status_of  # noqa: PLC0415

    _require_folder(settings)
    found = status_of(settings)
    if arguments.json:
        _print_json(found)
    else:
        sys.stdout.write(as_text(found))
    require_fresh(found, settings.stale_after_seconds)


def verify(settings: Settings, arguments: argparse.Namespace) -> None:
    """`verify [NAME]`."""
    from loader.verify import deep, structure  # noqa: PLC0415
    from lookup.generation import CURRENT, NotServable, open_generation, read_pointer, verify_files  # noqa: PLC0415
    from lookup.manifest import GENERATIONS, split_name  # noqa: PLC0415
    from lookup.record import Damaged  # noqa: PLC0415

    _require_folder(settings)
    try:
        if arguments.name is not None:
            split_name(arguments.name)
    except NotServable as error:
        raise UsageError(f"{error}: {arguments.name}") from None
    try:
        name = arguments.name or read_pointer(settings.data_dir, CURRENT)
        if name is None:
            raise BadGeneration("there is no CURRENT: nothing is in service")
        folder = settings.data_dir / GENERATIONS / name
        stamps = verify_files(folder)
        structure(folder)
        generation = open_generation(folder, stamps)
        generation.self_test()
        if arguments.deep:
            if generation.people is None:
                raise UsageError("--deep needs people.mdb, which is not on this node")
            if deep(generation) != generation.manifest.content_digest:
                raise BadGeneration("the records do not add up to the manifest's content digest")
    except (NotServable, Damaged) as error:
        raise BadGeneration(str(error)) from None
    if arguments.json:
        _print_json({"generation": name, "verified": True, "deep": arguments.deep})
    elif sys.stdout.isatty():
        print(f"{name} is sound")


def move(settings: Settings, arguments: argparse.Namespace) -> None:
    """`rollback [NAME]`, `accept NAME`, `pin NAME`, `unpin`."""
    from loader import moves  # noqa: PLC0415

    _require_folder(settings)
    run: Callable[..., moves.Move] = getattr(moves, arguments.verb)
    names = () if arguments.verb == "unpin" else (arguments.name,)
    done = run(settings, *names, arguments.reason)
    if arguments.json:
        _print_json(done)
    elif sys.stdout.isatty() or done.adoption == "pinned":
        print(done.line())


def diff(settings: Settings, arguments: argparse.Namespace) -> None:
    """`diff OLD NEW`."""
    from loader.diff import counted, told  # noqa: PLC0415
    from loader.diff import diff as run  # noqa: PLC0415
    from loader.moves import find  # noqa: PLC0415
    from loader.progress import Progress  # noqa: PLC0415
    from lookup.generation import NotServable, open_generation  # noqa: PLC0415
    from lookup.manifest import GENERATIONS  # noqa: PLC0415

    _require_folder(settings)
    names = [find(settings.data_dir, wanted) for wanted in (arguments.old, arguments.new)]
    try:
        old, new = (open_generation(settings.data_dir / GENERATIONS / name) for name in names)
        differences = run(old, new, Progress())
        if arguments.list:
            for one in differences:
                _print_json({"table": one.table, "change": one.change} | ({} if one.key is None else {"key": one.key}))
            return
        counts = counted(differences)
    except NotServable as error:
        raise BadGeneration(str(error)) from None
    if arguments.json:
        _print_json({"old": names[0], "new": names[1], "differences": counts})
    else:
        sys.stdout.write(told(counts))


def export(settings: Settings, arguments: argparse.Namespace) -> None:
    """`export [NAME] --to TARGET`."""
    from loader.export import export as run  # noqa: PLC0415
    from loader.progress import Progress  # noqa: PLC0415

    _require_folder(settings)
    with _stoppable():
        exported = run(settings.data_dir, arguments.name, arguments.to, arguments.format, Progress())
    if arguments.json:
        _print_json(exported)
    elif sys.stdout.isatty():
        print(exported.line())


def prune(settings: Settings, arguments: argparse.Namespace) -> None:
    """`prune`."""
    from loader.fetch import unpark  # noqa: PLC0415
    from loader.lock import LoaderLock  # noqa: PLC0415
    from loader.publish import prepare, sweep  # noqa: PLC0415
    from loader.publish import prune as run  # noqa: PLC0415

    _require_folder(settings)
    prepare(settings.data_dir, settings.run_folder)
    with LoaderLock(settings.data_dir, settings.stuck_after_seconds):
        sweep(settings.data_dir)
        unpark(settings.data_dir)
        removed, warnings = run(settings.data_dir, settings.run_folder, settings.keep_generations)
    if arguments.json:
        _print_json({"removed": removed, "warnings": warnings})
        return
    sys.stderr.write("".join(f"flr-loader: {warning}\n" for warning in warnings))
    if sys.stdout.isatty():
        print(f"removed {', '.join(removed) or 'nothing'}")


def show_settings(settings: Settings, arguments: argparse.Namespace) -> None:
    """`settings`."""
    form = as_markdown if arguments.markdown else as_lines
    sys.stdout.write(as_json(settings).decode() + "\n" if arguments.json else form(settings))


VERBS: dict[str, Callable[[Settings, argparse.Namespace], None]] = {
    "load": load,
    "push": push,
    "pull": pull,
    "status": status,
    "verify": verify,
    **dict.fromkeys(("rollback", "accept", "pin", "unpin"), move),
    "diff": diff,
    "export": export,
    "prune": prune,
    "settings": show_settings,
}


def _require_folder(settings: Settings) -> None:
    if not settings.data_dir.is_dir():
        raise ConfigurationError(f"data_dir: there is no folder {settings.data_dir}")


def _print_json(value: object) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code. Every error of the loader becomes one here, and only here."""
    arguments = parser().parse_args(argv)
    flags = {name: value for name, value in vars(arguments).items() if name in Settings.__struct_fields__}
    try:
        settings = _settings(flags)
        if argv is None:  # a process of our own
            keep_private(tell_where, core_dumps=settings.core_dumps)
        VERBS[arguments.verb](settings, arguments)
    except KeyboardInterrupt:
        return STOPPED + signal.SIGINT
    except Exception as error:  # noqa: BLE001 -- its message may hold a record's content: we tell where, and what kind
        if not isinstance(error, LoaderError | OSError):
            sys.stderr.write("".join(traceback.format_tb(error.__traceback__)))
        return _tell(as_loader_error(error), arguments)
    return OK


def _settings(flags: dict[str, object]) -> Settings:
    try:
        read_settings(Settings, TABLE, {}, flags)
    except SettingsError as error:
        raise UsageError(str(error)) from None
    try:
        return read_settings(Settings, TABLE, os.environ, flags)
    except SettingsError as error:
        raise ConfigurationError(str(error)) from None


def _tell(error: LoaderError, arguments: argparse.Namespace) -> int:
    faults = error.faults if isinstance(error, BadFeed) else ()
    more = [fault for fault in faults if fault != str(error)]
    if arguments.json:
        _print_json({"error": {"message": str(error), "exitCode": error.exit_code, "faults": faults}})
    elif not isinstance(error, LockHeld) or error.stuck or sys.stderr.isatty():
        sys.stderr.write("".join(f"{line}\n" for line in (f"flr-loader: {error}", *more)))
    return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
