"""Who looked at this person: every record with the keyed hash of any of the person's numbers, under any key there was.

The hash of a number is 16 octets that stand nowhere else, so a segment is searched as octets, and walked only when they
are in it. A number goes from whoever types it into the hash, and nowhere else.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from lookup.access.roles import OPERATIONS
from lookup.audit.keys import Keys
from lookup.audit.reading import Event, events, find, paths_of
from lookup.audit.record import OUTCOMES, PROTECTED, READ, hash_of
from lookup.generation import open_generation
from lookup.manifest import CURRENT, read_pointer
from register.model import NinChange


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One time that somebody was told, or refused, something about the person."""

    time: str
    client: str
    organization: int | None
    unit: int | None
    person_behind: str
    hpr_number: int | None
    operation: str
    outcome: str
    protected: bool
    generation: int
    event_id: str
    record: str
    intact: bool


def numbers_of(nin: int, data_dir: Path) -> list[int] | None:
    """Every number that the generation in service knows the person by, the one given among them; None without one.

    Raises NotServable when there is one and it cannot be read.
    """
    name = read_pointer(data_dir, CURRENT)
    if name is None:
        return None
    generation = open_generation(data_dir / "gen" / name)
    person = generation.index.person(nin)
    newest = nin if person is None else person[0]
    before: dict[int, list[int]] = {}
    for line in generation.tables.lines("nin_changes"):
        change = _changes.decode(line)
        before.setdefault(int(change.new_nin), []).append(int(change.old_nin))
    found, ahead = [], [newest, nin]
    while ahead:
        number = ahead.pop()
        if number not in found:
            found.append(number)
            ahead += before.get(number, [])
    return found


def insight(places: Iterable[Path], keys: Keys, numbers: Iterable[int]) -> Iterator[Seen]:
    """What the audit has about a person by these numbers, series by series. Raises Malformed, OSError."""
    hashes = {hash_of(nin, key) for nin in numbers for key in keys.subject.values()}
    for series, path in paths_of(places):
        found = find(path, hashes)
        if not found:
            continue
        for event in events(series, path, found):
            yield from seen(event, hashes)


def seen(event: Event, hashes: set[bytes]) -> Iterator[Seen]:
    """One row for each of the hashes that a record has."""
    record, who = event.record, event.who
    if record.kind != READ:
        return
    for subject in record.subjects:
        if subject.hash in hashes:
            yield Seen(
                time=time_of(record.time_ns),
                client=who.client,
                organization=who.organization,
                unit=who.unit,
                person_behind="known" if who.pid or who.hpr_number else "unknown",
                hpr_number=who.hpr_number,
                operation=operation_of(record.operation),
                outcome=outcome_of(subject.outcome),
                protected=bool(subject.flags & PROTECTED),
                generation=record.serial,
                event_id=record.text.decode("utf-8", "replace"),
                record=f"{event.series}/{event.number}/{record.sequence}",
                intact=event.intact,
            )


def time_of(ns: int) -> str:
    """Nanoseconds since 1970 as UTC, to the microsecond."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ns // 1000)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def operation_of(place: int) -> str:
    """The name of an operation, by its place."""
    return OPERATIONS[place].name if place < len(OPERATIONS) else str(place)


def outcome_of(place: int) -> str:
    """The name of an outcome, by its place."""
    return OUTCOMES[place] if place < len(OUTCOMES) else str(place)


_changes = msgspec.json.Decoder(NinChange)
