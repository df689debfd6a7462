"""What must hold of readers that are given a damaged index in memory, past the check that refuses it (refusal.py).

Everything is asked: every number, numbers that differ from them in one bit, every bucket, every slot, at several
times. Whatever the damage, an answer is a value, None or `Damaged`, and the same from both twins. Where nothing that
an answer comes from has changed, it is the answer there was. And what is said of a number comes from octets that
stand under this number: `stands_under` looks for itself, and knows nothing of the readers.
"""

import struct
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import lookup._fast.index
import lookup.index
from lookup import key
from lookup.front import book_of
from lookup.index import Fragment
from lookup.record import Damaged, Record, decode_record
from lookup.resident import reply
from tests.damage.originals import HEADER, INDEX, POINTERS, Original, entries_of, place_of
from tests.memory import Memory

DAMAGED = "damaged"


class Broken(AssertionError):
    """Something that must hold does not; the message says what, without content."""


def outcome(ask: Callable[..., Any], *args: Any) -> Any:
    """What asking gives: a value, or that there is damage, and which. Any other exception is for the caller."""
    try:
        return ask(*args)
    except Damaged as damaged:
        return DAMAGED, str(damaged)


def stands_under(pointers: bytes, data: bytes, bits: int, nin: int) -> bytes | None:
    """The octets of the first record that stands under a number, read straight from the documented layout."""
    bucket, rest = key.split(key.mix(nin), bits)
    (entry,) = struct.unpack_from("<Q", pointers, HEADER + 8 * bucket)
    value = data[place_of(entry)]
    number, n = struct.unpack_from("<IH", value)
    if number != bucket:
        return None
    ends = (0, *struct.unpack_from(f"<{n}H", value, 8 + 2 * n))
    for i, low in enumerate(struct.unpack_from(f"<{n}H", value, 8)):
        record = value[8 + 4 * n :][ends[i] : ends[i + 1]]
        if low == rest & 0xFFFF and record[0] == rest >> 16:
            return record
    return None


class Answers:
    """Everything that can be asked of one index, by one twin. `book` is there with the compiled one."""

    def __init__(self, original: Original, twin: Any, pointers: Any, data: Any) -> None:
        self.index = twin.Index(pointers, data)
        self.times = original.times
        tables = SimpleNamespace(begin_codes=list(original.begin_codes))
        self.generation: Any = SimpleNamespace(index=self.index, tables=tables, serial=1)
        self.book = book_of(self.generation) if twin is lookup._fast.index else None

    def number(self, nin: int) -> tuple[Any, ...]:
        return (
            outcome(self.index.record, nin),
            outcome(self.index.person, nin),
            *(outcome(self.index.find, nin, at) for at in self.times),
            *(self.body(nin, at) for at in self.times[:3]),
        )

    def body(self, nin: int, at: int) -> Any:
        """(newest number, JSON) of a single lookup; Nones outside what was rendered, and for a number never seen."""
        try:
            if self.book is not None:
                return (self.book.single(nin, at) or (None, None, None))[1:]
            found = self.index.find(nin, at)
            if found is None or (found.membership and self.index.fragment(found.membership.slot, at) is None):
                return None, None
            answer = reply(self.generation, nin, at, False)
            return None if answer is None else (answer.nin, answer.body)
        except (
            ValueError,
            IndexError,
            OverflowError,
        ):  # damage, of which `reply` and `Book` speak in words of their own
            return DAMAGED

    def slot(self, slot: int) -> tuple[Any, ...]:
        return (
            *(outcome(self.index.fragment, slot, at) for at in self.times),
            outcome(self.index.member_buckets, slot),
            *(outcome(self.index.members, slot, at) for at in self.times[:2]),
        )

    def bucket(self, bucket: int) -> Any:
        return outcome(self.index.bucket, bucket)


class Judge:
    """Holds damaged copies of one original against it."""

    def __init__(self, original: Original) -> None:
        self.original = original
        self.pointers, self.data = original.files[POINTERS], original.files[INDEX]
        self.entries = entries_of(self.pointers)
        self.values = [(i, place_of(entry)) for i, entry in enumerate(self.entries) if entry]
        answers = Answers(original, lookup.index, self.pointers, self.data)
        self.numbers = {nin: answers.number(nin) for nin in original.numbers}
        self.slots = {slot: answers.slot(slot) for slot in range(original.slots)}
        self.buckets = {b: answers.bucket(b) for b in range(1 << original.bits) if self.entries[b]}
        self.sources = self._sources()

    def _sources(self) -> dict[tuple[str, int], set[int]]:
        """What was asked -> the entries of the pointer table that the answer came from."""
        original, first = self.original, 1 << self.original.bits
        sources: dict[tuple[str, int], set[int]] = {("bucket", bucket): {bucket} for bucket in self.buckets}
        for slot, got in self.slots.items():
            buckets = got[len(original.times)]
            sources["slot", slot] = {first + slot, first + original.slots + slot, *buckets}
        for nin, (_, person, *found) in self.numbers.items():
            sources["number", nin] = {original.entry_of(nin)}
            if person is not None:
                memberships = [one.membership for one in found[: len(original.times)] if one.membership]
                sources["number", nin] |= {original.entry_of(person[0]), *(first + m.slot for m in memberships)}
        return sources

    def hold(self, pointers: bytes, data: bytes, memory: Memory) -> bool:
        """Judge a damaged copy, given to the compiled readers in that kind of memory. Raises Broken.

        True when it opened, so that there was something to ask.
        """
        plain = outcome(Answers, self.original, lookup.index, pointers, data)
        fast = outcome(Answers, self.original, lookup._fast.index, memory(pointers), memory(data))
        if isinstance(plain, tuple) or isinstance(fast, tuple):
            same(fast, plain, "the twins, opening")
            return False
        changed = self._changed(plain.index, pointers, data)
        for what, before in (("number", self.numbers), ("slot", self.slots), ("bucket", self.buckets)):
            for which, was in before.items():
                if what == "slot" and which >= plain.index.slots:
                    continue
                got = getattr(fast, what)(which)
                if changed is not None and not self.sources[what, which] & changed:
                    same(got, was, f"an answer about a {what} that nothing happened to")
                else:
                    same(got, getattr(plain, what)(which), f"the twins, about a {what}")
                    getattr(self, f"_{what}")(which, got, pointers, data)
        for bucket, entry in enumerate(entries_of(pointers)[: 1 << plain.index.bits] if changed != set() else ()):
            if entry and bucket not in self.buckets:
                same(fast.bucket(bucket), plain.bucket(bucket), "the twins, about a new bucket")
        return True

    def _changed(self, index: Any, pointers: bytes, data: bytes) -> set[int] | None:
        """The entries that lead to other octets than they did; None when the table is of another shape."""
        if index.slots != self.original.slots:
            return None
        changed = set()
        if pointers != self.pointers:
            both = zip(self.entries, entries_of(pointers), strict=True)
            changed = {i for i, (old, new) in enumerate(both) if old != new}
        if data != self.data:
            changed |= {i for i, place in self.values if data[place] != self.data[place]}
        return changed

    def _number(self, nin: int, got: tuple[Any, ...], pointers: bytes, data: bytes) -> None:
        record, person, *found = got[: 2 + len(self.original.times)]
        bits = self.original.bits
        if isinstance(record, Record):
            stands = stands_under(pointers, data, bits, nin)
            if stands is None or decode_record(stands) != record:
                raise Broken("a record of another number")
        for newest in (one[0] for one in (person, *found) if one is not None and one[0] != DAMAGED):
            # An alias tells the newest number, and nothing else does.
            leads = nin if not isinstance(record, Record) or record.alias_of is None else record.alias_of
            if newest != leads or stands_under(pointers, data, bits, newest) is None:
                raise Broken("a person of another number")

    def _slot(self, slot: int, got: tuple[Any, ...], pointers: bytes, data: bytes) -> None:
        bits, times = self.original.bits, self.original.times
        (entry,) = struct.unpack_from("<Q", pointers, HEADER + 8 * ((1 << bits) + slot))
        for at, fragment in zip(times, got, strict=False):
            if isinstance(fragment, Fragment):
                number = data[place_of(entry)][:4]
                if number != slot.to_bytes(4, "little") or not fragment.valid_from <= at < fragment.to:
                    raise Broken("a fragment of another contract or time")
        buckets, *lists = got[len(times) :]
        for members in lists:
            for nin, _, membership in members if isinstance(members, list) else ():
                if self.original.entry_of(nin) not in buckets or membership.slot != slot:
                    raise Broken("a member of another contract")

    def _bucket(self, bucket: int, got: Any, pointers: bytes, data: bytes) -> None:
        for nin, _ in got if isinstance(got, list) else ():
            if self.original.entry_of(nin) != bucket:
                raise Broken("a record of another bucket")


def same(got: Any, expected: Any, what: str) -> None:
    """Both are the same, damage in the same words too."""
    if got != expected:
        raise Broken(f"{what}: not the same")


def mended(pointers: bytes, data: bytes) -> bytes:
    """A pointer table whose head fits the sizes of both files, where it can: what is behind the check is asked, too."""
    if len(pointers) < HEADER:
        return pointers
    bits = struct.unpack_from("<I", pointers, 8)[0]
    head = bytearray(pointers[:HEADER])
    struct.pack_into("<Q", head, 16, len(data))
    if key.MIN_BITS <= bits <= key.MAX_BITS:
        slots, odd = divmod(len(pointers) - HEADER - (8 << bits), 16)
        if slots >= 0 and not odd:
            struct.pack_into("<I", head, 12, slots)
    return bytes(head) + pointers[HEADER:]
