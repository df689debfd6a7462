"""What is different in two generations: records created, updated and deleted, table by table.

Of persons and memberships only buckets whose octets differ are opened, where both generations number buckets and
contracts alike, as they do along a chain of increments. Persons are counted, never named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from loader.errors import BadGeneration
from loader.progress import Progress
from loader.state import SMALL_TABLES
from lookup.generation import Generation
from lookup.record import Membership, Record
from lookup.tables import Tables
from register.feed import canonical_line
from register.model import TABLES

KEYS = {
    "codes": ("oid", "value"),
    "offices": ("organizationNumber",),
    "doctors": ("hprNumber",),
    "nin_changes": ("oldNin",),
}
UNNAMED = ("persons", "nin_changes")  # whose keys are national ids


class Difference(NamedTuple):
    """One record: its table, what has become of it, and its key as in a feed; None where that is a person."""

    table: str
    change: str
    key: dict[str, int | str] | None


def diff(old: Generation, new: Generation, progress: Progress) -> Iterator[Difference]:
    """Every difference on the way from `old` to `new`. Raises BadGeneration when a file that it takes is not there."""
    if old.people is None or new.people is None:
        raise BadGeneration("people.mdb is not on this node: what is different in persons cannot be told without it")
    with progress.step("tables", len(SMALL_TABLES)):
        for table in SMALL_TABLES:
            yield from in_table(table, old.tables, new.tables)
            progress.advance()
    with progress.step("persons", 1 << min(old.index.bits, new.index.bits)):
        yield from _persons(old, new, progress)


def counted(differences: Iterable[Difference]) -> dict[str, dict[str, int]]:
    """table -> change -> how many; every table stands, with the changes that there are."""
    counts: Counter[tuple[str, str]] = Counter((one.table, one.change) for one in differences)
    return {
        table: {change: counts[table, change] for change in ("created", "updated", "deleted") if counts[table, change]}
        for table in TABLES
    }


def told(counts: dict[str, dict[str, int]]) -> str:
    """The counts in lines, for people; only of tables in which something is different."""
    lines = [
        f"{table:<14} {', '.join(f'{number:,} {change}' for change, number in changes.items())}"
        for table, changes in counts.items()
        if changes
    ]
    return "\n".join(lines or ["no difference"]) + "\n"


def in_table(table: str, old: Tables, new: Tables) -> Iterator[Difference]:
    """What is different in a small table."""
    before, after = set(old.lines(table)), set(new.lines(table))
    gone, come = ({_key(table, line): line for line in lines} for lines in (before - after, after - before))
    for name, change in _changes(gone, come):
        yield Difference(table, change, None if table in UNNAMED else dict(name))


def _key(table: str, line: bytes) -> tuple[tuple[str, int | str], ...]:
    """The members that are a record's key, as (name in the feed, value)."""
    record = msgspec.json.decode(line)
    return tuple((member, record[member]) for member in KEYS.get(table, ("id",)))


def _changes(old: dict[Any, Any], new: dict[Any, Any]) -> Iterator[tuple[Any, str]]:
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            yield name, "created"
        elif name not in new:
            yield name, "deleted"
        elif old[name] != new[name]:
            yield name, "updated"


# -- persons


_Membership = tuple[int, int, Membership]  # number, contract, and the rest


class _Side:
    """One of the two generations, bucket by bucket."""

    def __init__(self, generation: Generation) -> None:
        assert generation.people is not None
        self.index, self.people = generation.index, generation.people
        self.contracts = [generation.tables.contract_id_of_slot(slot) for slot in range(generation.index.slots)]

    def records(self, bucket: int, bits: int) -> list[tuple[int, Record]]:
        """The persons of a bucket, of as many as the fewer bits make; in more bits it is several."""
        more = self.index.bits - bits
        return [one for each in range(bucket << more, bucket + 1 << more) for one in self.index.bucket(each)]

    def memberships(self, records: list[tuple[int, Record]]) -> dict[int, _Membership]:
        """id -> membership of these persons, told by what does not depend on the generation."""
        return {
            m.id: (nin, self.contracts[m.slot], m._replace(slot=0))
            for nin, record in records
            for m in record.memberships
        }

    def lines(self, records: list[tuple[int, Record]]) -> dict[int, bytes]:
        """number -> canonical line of these persons."""
        found = ((nin, self.people.person(nin)) for nin, record in records if record.alias_of is None)
        return {nin: b"" if person is None else canonical_line(person) for nin, person in found}


def _persons(old: Generation, new: Generation, progress: Progress) -> Iterator[Difference]:
    one, other = _Side(old), _Side(new)
    alike = old.index.bits == new.index.bits and other.contracts[: len(one.contracts)] == one.contracts
    coarse = min(old.index.bits, new.index.bits)
    gone: dict[int, _Membership] = {}
    come: dict[int, _Membership] = {}
    for bucket in range(1 << coarse):
        progress.advance()
        if alike and old.stored(bucket) == new.stored(bucket):
            continue
        before, after = one.records(bucket, coarse), other.records(bucket, coarse)
        yield from (
            Difference("persons", change, None) for _, change in _changes(one.lines(before), other.lines(after))
        )
        was, now = one.memberships(before), other.memberships(after)
        # A membership may have come from a person in another bucket, or go to one.
        gone |= {number: m for number, m in was.items() if now.get(number) != m}
        come |= {number: m for number, m in now.items() if was.get(number) != m}
    for number, change in _changes(gone, come):
        yield Difference("memberships", change, {"id": number})
