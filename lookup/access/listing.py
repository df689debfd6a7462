"""The registered clients as `flr-lookup clients list` shows them: everything but hashes."""

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from lookup.access.client import Client


def print_table(clients: Iterable[Client], now: datetime) -> None:
    """For people, on standard output."""
    from rich.console import Console  # noqa: PLC0415 -- the other verbs can do without
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, header_style="bold")
    for head in ("name", "organisation", "unit", "roles", "credentials", "protected", "limits", "state"):
        table.add_column(head, overflow="fold")
    for client in clients:
        limits = ", ".join(
            f"{name} {value:g}" for name, value in msgspec.structs.asdict(client.limits).items() if value
        )
        table.add_row(
            client.name,
            str(client.organization),
            str(client.unit or ""),
            ", ".join(sorted(client.roles)),
            ", ".join(_credentials(client, now)),
            "yes" if client.protected else "",
            limits,
            "disabled" if client.disabled else "",
        )
    wide = None if sys.stdout.isatty() else 240  # in a pipe, a client is a line
    Console(width=wide, highlight=False, markup=False).print(table)


def _credentials(client: Client, now: datetime) -> list[str]:
    told = ["password" if one.until is None else f"password {ends(one.until, now)}" for one in client.passwords]
    told += [f"certificate {ends(one.until, now)}" for one in client.certificates]
    return told if client.token_client is None else [*told, f"tokens of {client.token_client}"]


def ends(until: datetime | None, now: datetime) -> str:
    """Until when something is taken."""
    if until is None:
        return "without end"
    return f"{'ended' if until <= now else 'until'} {until.astimezone(UTC):%Y-%m-%d %H:%M}Z"


def told(client: Client) -> dict[str, Any]:
    """A client as JSON members, for scripts."""
    members: dict[str, Any] = msgspec.to_builtins(client)
    for secret in ("salt", "passwords"):
        members.pop(secret, None)
    members["passwords"] = [{"until": one.until} for one in client.passwords]
    members["disabled"] = client.disabled
    return members
