"""Which memberships a full load has changed, and the events that tell of them.

Only buckets in which something is otherwise are opened (loader/compare.py finds them). What differs is held packed, by
id, and no more of it than may be told.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from loader.eventfile import Told, told
from lookup.record import FOREVER, Record
from lookup.tables import present
from register.ids import format_national_id
from register.localtime import from_micros
from register.model import Membership

if TYPE_CHECKING:
    from loader.full_events import View

_PACKED = struct.Struct("<QQqqqBBB")  # number, contract, from, to, updated, begin, end, protected


class TooMany(Exception):
    """More has changed than is kept."""


def never(record: Any) -> Any:
    """A contract or membership that is there no longer: cancelled from its beginning, so it was never in force."""
    return msgspec.structs.replace(record, to=record.valid_from)


def ends(old: Any, new: Any, reason: str) -> bool:
    """Whether a record has got an end, with a reason, that it had not."""
    end = (new.to, getattr(new, reason))
    return None not in end and end != (old.to, getattr(old, reason))


class MembershipChanges:
    """What is different in memberships: id -> packed, of those that have gone or changed, and of what they are now."""

    def __init__(self, old: View, new: View, renumbered: dict[int, int], most: int) -> None:
        """`renumbered`: old number -> new one, of the changes of numbers that are told before."""
        self.old, self.new, self.most = old, new, most
        self.bits = min(old.index.bits, new.index.bits)
        self.gone: dict[int, bytes] = {}
        self.come: dict[int, bytes] = {}
        self.contracts = [_contracts(view) for view in (old, new)]
        # A code is told by its place in one list for both: of another version of the register it may have another.
        self.begin_codes = _joined(new.tables.begin_codes, old.tables.begin_codes)
        self.end_codes = _joined(new.tables.end_codes, old.tables.end_codes)
        self.renumbered = renumbered

    def __len__(self) -> int:
        return len(self.gone.keys() | self.come.keys())

    def compare(self, touched: Iterable[int]) -> None:
        """Look at the buckets in which something is otherwise. Raises TooMany."""
        for bucket in touched:
            before, after = self._packed(0, bucket), self._packed(1, bucket)
            for number, one in before.items():
                other = after.get(number)
                if other is None or not _same(one, other):
                    self._gone(number, one)
            for number, one in after.items():
                other = before.get(number)
                if other is None or not _same(other, one):
                    self._come(number, one)
            if len(self.gone) + len(self.come) > 2 * self.most:
                raise TooMany

    def _gone(self, number: int, one: bytes) -> None:
        """A membership of the old generation; it may be found again with a person of another bucket."""
        other = self.come.get(number)
        if other is not None and _same(one, other):
            del self.come[number]
        else:
            self.gone[number] = one

    def _come(self, number: int, one: bytes) -> None:
        other = self.gone.get(number)
        if other is not None and _same(other, one):
            del self.gone[number]
        else:
            self.come[number] = one

    def _packed(self, side: int, bucket: int) -> dict[int, bytes]:
        """The memberships of a bucket, of as many as the fewer bits make, packed so that both sides compare."""
        view, contracts = (self.old, self.new)[side], self.contracts[side]
        begin, end = (
            _places(view.tables.begin_codes, self.begin_codes),
            _places(view.tables.end_codes, self.end_codes),
        )
        return {
            m.id: _PACKED.pack(
                nin, contracts[m.slot], m.valid_from, m.to, m.updated, begin[m.begin], end[m.end], record.protected
            )
            for nin, record in self._records(side, bucket)
            for m in record.memberships
        }

    def _records(self, side: int, bucket: int) -> Iterator[tuple[int, Record]]:
        """The persons of a bucket, those of the old side under the numbers that events have given them."""
        index = (self.old, self.new)[side].index
        more = index.bits - self.bits
        for each in range(bucket << more, bucket + 1 << more):
            for nin, record in index.bucket(each):
                yield self._number(nin) if side == 0 else nin, record

    def _number(self, nin: int) -> int:
        while nin in self.renumbered:
            nin = self.renumbered[nin]
        return nin

    def __iter__(self) -> Iterator[Told]:
        for number in sorted(self.gone.keys() - self.come.keys()):
            old, protected = self._membership(number, self.gone[number])
            yield told("PatientOnContractCanceled", never(old), protected=protected)
        changed = []
        for number in sorted(self.gone.keys() & self.come.keys()):
            (old, _), (new, now) = (self._membership(number, side[number]) for side in (self.gone, self.come))
            if ends(old, new, "end_code"):
                yield told("PatientOnContractCanceled", new, protected=now)
            else:
                changed.append(number)
        for number in changed:
            new, protected = self._membership(number, self.come[number])
            yield told("PatientOnContractUpdated", new, protected=protected)
        for number in sorted(self.come.keys() - self.gone.keys()):
            new, protected = self._membership(number, self.come[number])
            yield told("PatientOnContractCreated", new, protected=protected)

    def _membership(self, number: int, packed: bytes) -> tuple[Membership, bool]:
        nin, contract_id, valid_from, to, updated, begin, end, protected = _PACKED.unpack(packed)
        return Membership(
            id=number,
            nin=format_national_id(nin),
            contract_id=contract_id,
            valid_from=present(from_micros(valid_from)),
            to=None if to == FOREVER else from_micros(to),
            begin_code=self.begin_codes[begin],
            end_code=self.end_codes[end],
            updated=present(from_micros(updated)),
        ), bool(protected)


def _same(old: bytes, new: bytes) -> bool:
    """Whether there is nothing to tell: the same, and not of a person who is protected no longer.

    Who follows without the right to protected persons has not been told of those memberships.
    """
    return old == new or (old[:-1] == new[:-1] and old[-1] < new[-1])


def _contracts(view: View) -> list[int]:
    return [view.tables.contract_id_of_slot(slot) for slot in range(view.index.slots)]


def _joined(codes: list[str | None], others: list[str | None]) -> list[str | None]:
    return codes + [code for code in others if code not in codes]


def _places(codes: list[str | None], joined: list[str | None]) -> list[int]:
    return [joined.index(code) for code in codes]
