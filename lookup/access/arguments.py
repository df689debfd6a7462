"""The arguments of `flr-lookup clients`. What is not given is None."""

import argparse
from pathlib import Path
from typing import Any

from lookup.access.roles import Role

GRACE_HOURS = 24.0
_LIMITS = (
    ("--requests-per-second", int, "most requests in a second; 0 is no limit"),
    ("--persons-per-day", int, "most different persons in a day; 0 is no limit"),
    ("--unknown-share", float, "most of a day's numbers that may be unknown, from 0 to 1; 0 is no limit"),
)
_SWITCHES = (
    ("disable", "take none of a client's credentials any more"),
    ("enable", "take them again"),
    ("remove", "forget a client and its credentials"),
)


def add_arguments(commands: Any, parser: type[argparse.ArgumentParser]) -> None:
    """`commands` are the subparsers of flr-lookup, which are made by `parser`."""
    shared = parser(add_help=False)
    shared.add_argument("--data-dir", metavar="DIR")
    shared.add_argument("--clients-file", metavar="FILE", help="unless given, access/clients.json in the data folder")
    shared.add_argument("--json", action="store_true", help="print one JSON object")
    rights = _rights(parser(add_help=False))
    top = commands.add_parser("clients", help="who may ask: add, list, change, disable, enable, rotate, remove")
    verbs = top.add_subparsers(dest="verb", required=True, parser_class=parser)
    add = verbs.add_parser("add", parents=[rights, shared], help="register a client, and print its password")
    add.add_argument("name", metavar="NAME", nargs="?", help="unless given, OrgUsr and the organisation number")
    add.add_argument("--org", metavar="N", type=int, required=True, help="organisation number")
    add.add_argument("--certificate", metavar="FILE", type=Path, help="take this certificate (PEM or DER); no password")
    add.add_argument("--token-client", metavar="ID", help="take tokens of this client id; no password")
    add.add_argument("--password", action="store_true", help="a password besides the certificate or the tokens")
    verbs.add_parser("list", parents=[shared], help="the clients")
    change = verbs.add_parser("change", parents=[rights, shared], help="give a client other roles, rights or limits")
    change.add_argument("name", metavar="NAME")
    for verb, help_text in _SWITCHES:
        verbs.add_parser(verb, parents=[shared], help=help_text).add_argument("name", metavar="NAME")
    rotate = verbs.add_parser("rotate", parents=[shared], help="give a client a new password, and print it")
    rotate.add_argument("name", metavar="NAME")
    rotate.add_argument("--certificate", metavar="FILE", type=Path, help="a new certificate instead")
    rotate.add_argument(
        "--grace", metavar="HOURS", type=float, default=GRACE_HOURS, help="how long the old one is taken yet (24)"
    )
    rotate.add_argument(
        "--unused", action="store_true", help="the newest password is not in use: it ends, an older one has its time"
    )


def _rights(told: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """What `add` and `change` may tell of a client."""
    told.add_argument("--unit", metavar="N", type=int, help="organisation number of the unit that asks")
    roles = [str(role) for role in Role]
    told.add_argument(
        "--role", metavar="ROLE", action="append", choices=roles, help=f"one or more of {', '.join(roles)}"
    )
    told.add_argument(
        "--protected", action=argparse.BooleanOptionalAction, help="is told of persons with a protected address, too"
    )
    for flag, kind, help_text in _LIMITS:
        told.add_argument(flag, metavar="N", type=kind, help=help_text)
    return told
