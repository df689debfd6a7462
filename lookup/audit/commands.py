"""The commands `flr-lookup audit ...`: verify, insight, export, head, prune, keys.

A national id is typed at a prompt, or comes in on standard input; never on the command line, where others can read it.
What is found not to be as it was written is exit code 65.
"""

from __future__ import annotations

import argparse
import getpass
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lookup.settings import Settings

OK, USAGE, DAMAGED, CONFIGURATION = 0, 64, 65, 78
DAY_NS = 86_400 * 10**9


def add_arguments(commands: argparse._SubParsersAction[Any]) -> None:
    """Add `audit` and its own commands."""
    audit = commands.add_parser("audit", help="who asked about whom: verify it, search it, write it out")
    own = audit.add_subparsers(dest="audit", required=True, parser_class=type(audit))

    def command(name: str, text: str) -> argparse.ArgumentParser:
        added: argparse.ArgumentParser = own.add_parser(name, help=text)
        added.add_argument("--data-dir", metavar="DIR")
        added.add_argument("--audit-dir", metavar="DIR")
        added.add_argument("--audit-spool-dir", metavar="DIR")
        added.add_argument("--audit-key-file", metavar="FILE")
        return added

    verify = command("verify", "hold every record against the chain and the seals; 65 when something was changed")
    verify.add_argument(
        "--public", metavar="FILE", help="public keys (`audit keys show`); unless given, of the key file"
    )
    verify.add_argument("--head", metavar="FILE", help="heads that were kept elsewhere (`audit head`)")
    verify.add_argument("--json", action="store_true")
    insight = command("insight", "who looked at a person; the national id is asked for, or read from standard input")
    insight.add_argument("--json", action="store_true")
    export = command("export", "write every disclosure and refusal out, a JSON object a line")
    export.add_argument("--fhir", action="store_true", help="as FHIR R4 AuditEvent")
    command("head", "print the newest seal of every series, to be kept elsewhere")
    prune = command("prune", "remove what is older than audit_days")
    prune.add_argument("--audit-days", metavar="N")
    prune.add_argument("--pretend", action="store_true", help="say what would be removed")
    keys = command("keys", "show the public keys, or make new ones")
    keys.add_argument("what", choices=("show", "new"))
    keys.add_argument("--seal", action="store_true", help="new: a key for seals, instead of one for persons")


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Run one; its exit code. Raises OSError."""
    from lookup.audit.keys import KeysUnfit  # noqa: PLC0415 -- cryptography, which no other command needs
    from lookup.audit.record import Malformed  # noqa: PLC0415
    from lookup.audit.retention import NotPruned  # noqa: PLC0415
    from lookup.manifest import NotServable  # noqa: PLC0415

    try:
        return _COMMANDS[arguments.audit](settings, arguments)
    except (Malformed, NotPruned) as error:
        return _refused(str(error), DAMAGED)
    except NotServable as error:
        return _refused(f"the generation in service, which knows of changed numbers, cannot be read: {error}", DAMAGED)
    except KeysUnfit as error:
        return _refused(str(error), CONFIGURATION)


def _refused(why: str, code: int) -> int:
    sys.stderr.write(f"flr-lookup: {why}\n")
    return code


def _verify(settings: Settings, arguments: argparse.Namespace) -> int:
    from lookup.audit import telling  # noqa: PLC0415
    from lookup.audit.keys import Publics, read_keys, read_publics  # noqa: PLC0415
    from lookup.audit.trail import places  # noqa: PLC0415
    from lookup.audit.verify import read_heads, verify, worst  # noqa: PLC0415

    if arguments.public:
        publics = read_publics(Path(arguments.public))
    else:
        publics = Publics(read_keys(settings.audit_keys).public)
    heads = read_heads(Path(arguments.head)) if arguments.head else []
    reports = list(verify(_there(places(settings)), publics, heads))
    sys.stdout.write(telling.verified_json(reports) if arguments.json else telling.verified(reports))
    return DAMAGED if worst(reports) else OK


def _insight(settings: Settings, arguments: argparse.Namespace) -> int:
    from lookup.audit import telling  # noqa: PLC0415
    from lookup.audit.insight import insight, numbers_of  # noqa: PLC0415
    from lookup.audit.keys import read_keys  # noqa: PLC0415
    from lookup.audit.trail import places  # noqa: PLC0415
    from lookup.key import NOT_AN_ID, parse  # noqa: PLC0415

    keys = read_keys(settings.audit_keys)
    text = getpass.getpass("National id: ") if sys.stdin.isatty() else sys.stdin.readline()
    nin = parse(text.strip())
    if nin == NOT_AN_ID:
        return _refused("that is no national id", USAGE)
    numbers = numbers_of(nin, settings.data_dir)
    if numbers is None:
        sys.stderr.write(
            "flr-lookup: there is no generation in service here, so only this number was searched for,"
            " not others that the person has had\n"
        )
    found = sorted(insight(_there(places(settings)), keys, numbers or [nin]), key=lambda row: row.time)
    sys.stdout.write(telling.seen_json(found) if arguments.json else telling.seen(found, len(numbers or [nin])))
    return OK


def _export(settings: Settings, arguments: argparse.Namespace) -> int:
    from lookup.audit.export import export  # noqa: PLC0415
    from lookup.audit.trail import places  # noqa: PLC0415

    for line in export(_there(places(settings)), fhir=arguments.fhir):
        sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()
    return OK


def _head(settings: Settings, arguments: argparse.Namespace) -> int:
    from lookup.audit import telling  # noqa: PLC0415
    from lookup.audit.keys import Publics, read_keys  # noqa: PLC0415
    from lookup.audit.trail import places  # noqa: PLC0415
    from lookup.audit.verify import CHANGED, verify, worst  # noqa: PLC0415

    reports = list(verify(_there(places(settings)), Publics(read_keys(settings.audit_keys).public)))
    if worst(reports) == CHANGED:
        return _refused("it is not as it was written: see `audit verify`", DAMAGED)
    sys.stdout.write(telling.heads(reports))
    return OK


def _prune(settings: Settings, arguments: argparse.Namespace) -> int:
    from lookup.audit.keys import read_keys  # noqa: PLC0415
    from lookup.audit.retention import prune  # noqa: PLC0415
    from lookup.audit.trail import places  # noqa: PLC0415
    from lookup.audit.verify import series_of  # noqa: PLC0415

    if not settings.audit_days:
        return _refused("audit_days is 0: the audit is kept for ever", USAGE)
    keys = read_keys(settings.audit_keys)
    before_ns = time.time_ns() - settings.audit_days * DAY_NS
    for name, folders in series_of(_there(places(settings))).items():
        for gone in prune(name, folders, keys, before_ns, pretend=arguments.pretend):
            sys.stdout.write(f"{name}/{gone}\n")
    return OK


def _keys(settings: Settings, arguments: argparse.Namespace) -> int:
    from lookup.audit.keys import add_keys, public_lines, read_keys  # noqa: PLC0415

    if arguments.what == "new":
        keys = add_keys(settings.audit_keys, subject=not arguments.seal, seal=arguments.seal)
        sys.stderr.write(
            f"flr-lookup: {settings.audit_keys}: persons by key {keys.version}, seals by key {len(keys.public)};"
            " workers take them up when they start\n"
        )
    else:
        keys = read_keys(settings.audit_keys)
    sys.stdout.write(public_lines(keys))
    return OK


def _there(places: Iterable[Path]) -> list[Path]:
    """The places, of which one at least must be there: nothing found is not the same as nothing there."""
    known = list(places)
    if not any(place.is_dir() for place in known):
        raise FileNotFoundError(2, "there is no audit", str(known[0]))
    return known


_COMMANDS = {
    "verify": _verify,
    "insight": _insight,
    "export": _export,
    "head": _head,
    "prune": _prune,
    "keys": _keys,
}
