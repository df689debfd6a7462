"""What the compiled path writes of memberships of every shape, and what it leaves alone: it writes what the ordinary
path writes, and of what is damaged it never tells.
"""

import struct
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from lookup.core import SoapParts
from lookup.generation import Generation, open_generation
from lookup.record import Membership, Record
from lookup.soap import envelope
from lookup.soap.call import wording_of
from lookup.soap.faults import GenericFault
from lookup.soap.operations import READ, SOAP11
from lookup.soap.patient import Told, told_of
from lookup.soap.texts import NO_GP, refused
from lookup.soap_parts import TRAILER, Part, encode_parts
from register.ids import format_national_id
from register.localtime import FOREVER, to_micros
from tests import tiny
from tests.lookup import village
from tests.lookup.test_soap_parts import file_of
from tests.lookup.wires import request
from tests.soap.clients import MEDIA
from tests.soap.writers import cxf
from tests.wire.loopless import LooplessFront, Outcome, straight

DETAILS = READ.operations["GetPatientGPDetails"]
NOW, SINCE, LATE = to_micros(village.NOW), to_micros(datetime(2022, 1, 1)), to_micros(datetime(2027, 2, 3, 4, 5, 6))
FIRST, LAST = to_micros(datetime(1, 1, 1)), to_micros(datetime(9999, 12, 31, 23, 59, 59, 999_999))
USUAL = Membership(0, SINCE, FOREVER, 1, 0, SINCE, 17)
VACANT, OVER, NOT_RENDERED = (village.SLOTS[one] for one in (village.ONE_SUBSTITUTE, village.CLOSED, village.COMING))
SOUND = {
    "usual": USUAL,
    "with an end": USUAL._replace(to=LATE, begin=2, end=1),
    "with decimals": USUAL._replace(valid_from=SINCE + 120_000, to=LATE + 1, updated=SINCE + 999_990),
    "as long as may be": USUAL._replace(valid_from=FIRST, to=LAST, updated=FIRST + 1, id=2**63 - 1),
    "a large number": USUAL._replace(id=10**9, updated=-1_500_000),
    "vacant": USUAL._replace(slot=VACANT, begin=0),
    "over": USUAL._replace(slot=OVER),
}
# What the ordinary path is to answer, or to say that it is damaged.
OTHERS = {
    "not rendered": USUAL._replace(slot=NOT_RENDERED),
    "begins with no code": USUAL._replace(begin=len(village.BEGIN_CODES)),
    "ends with no code": USUAL._replace(end=len(village.END_CODES)),
    "begins at no time": USUAL._replace(valid_from=FIRST - 1),
    "changed at no time": USUAL._replace(updated=LAST + 1),
    "ends at no time": USUAL._replace(to=LAST + 1),
}
MEMBERSHIPS = SOUND | OTHERS
NUMBERS = dict(zip(MEMBERSHIPS, map(tiny.number, range(60, 60 + len(MEMBERSHIPS))), strict=True))


def parts(slot: int, start: int = NOW - 1, end: int = NOW + 10**12) -> bytes:
    """A list's part, which says whose it is; of one that is over, that it is."""
    texts = (b"", b"") if slot == OVER else (b"<DoctorCycles>%d</DoctorCycles>" % slot, b"<GPContract>%d" % slot)
    return encode_parts(slot, [Part(start, end, None, slot in (VACANT, OVER), *texts)])


SLOTS = {slot: parts(slot) for slot in village.SLOTS.values() if slot != NOT_RENDERED}


class Served(NamedTuple):
    """A generation, and the compiled path over it."""

    generation: Generation
    front: LooplessFront

    def with_parts(self, data: bytes) -> None:
        self.generation.soap = SoapParts(data)
        self.front.follow(self.generation)

    def ask(self, name: str) -> Outcome:
        body = cxf(SOAP11, NUMBERS[name]).encode()
        asked = request("/v2/flr/Basic", body).replace(b"application/json", MEDIA[SOAP11].encode())
        return straight(self.front, asked)

    def answer(self, name: str) -> bytes:
        """The body of the compiled path's answer; empty where it leaves the question to the ordinary one."""
        outcome = self.ask(name)
        assert bool(outcome.answers) != bool(outcome.handed)
        head, _, body = outcome.answers.partition(b"\r\n\r\n")
        assert outcome.handed or f"content-length: {len(body)}\r\n".encode() in head
        return body

    def ordinary(self, name: str) -> bytes:
        call: Any = SimpleNamespace(
            generation=self.generation, exchange=SimpleNamespace(withhold=False), word=wording_of(self.generation)
        )
        told: Told = told_of(call, int(NUMBERS[name]), NOW)
        if told.association is None:
            fault: GenericFault = refused(NO_GP)
            return envelope.fault(READ, SOAP11, DETAILS, None, fault)
        return envelope.answer(READ, SOAP11, DETAILS, None, told.association)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    persons = {NUMBERS[name]: Record(None, False, (one,)) for name, one in MEMBERSHIPS.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(village, "PERSONS", persons)
        folder: Path = village.generation(tmp_path_factory.mktemp("village"))
    generation = open_generation(folder)
    return Served(generation, LooplessFront(generation))


@pytest.fixture
def sound(served: Served) -> Served:
    served.with_parts(file_of(SLOTS, len(village.SLOTS)))
    return served


@pytest.mark.parametrize("name", SOUND)
def test_what_is_written_is_what_the_ordinary_path_writes(sound: Served, name: str) -> None:
    answer = sound.answer(name)
    assert answer == sound.ordinary(name)
    assert (format_national_id(int(NUMBERS[name])).encode() in answer) == (name != "over")


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_left_to_the_ordinary_path(sound: Served, name: str) -> None:
    assert sound.answer(name) == b""


def test_lists_that_have_changed_places(served: Served) -> None:
    """A pointer that leads to another list's part, or into one, or nowhere: nobody is told of another's GP."""
    data = file_of(SLOTS, len(village.SLOTS))
    table, slots, _, _ = TRAILER.unpack_from(data, len(data) - TRAILER.size)
    served.with_parts(data)
    right = served.answer("usual"), served.answer("vacant")
    assert all(right)
    for bit in range(64):
        for slot in range(slots):
            changed = bytearray(data)
            changed[table + 8 * slot + bit // 8] ^= 1 << bit % 8
            served.with_parts(bytes(changed))
            assert served.answer("usual") in (right[0], b"")
            assert served.answer("vacant") in (right[1], b"")
    pointers = struct.unpack_from(f"<{slots}Q", data, table)
    for one in range(slots):
        swapped = file_of(SLOTS, slots, pointers=[pointers[one]] * slots)
        served.with_parts(swapped)
        assert served.answer("usual") in (right[0], b"")
        assert served.answer("vacant") in (right[1], b"")


def test_a_part_with_any_octet_changed(served: Served) -> None:
    """Whatever becomes of a part's head, the person in the answer is the one who was asked about."""
    size = len(file_of({0: SLOTS[0]}, len(village.SLOTS))) - 8 * len(village.SLOTS) - TRAILER.size
    head = size - len(b"<DoctorCycles>0</DoctorCycles><GPContract>0")
    for place in range(8, head):
        for octet in (0, 1, 0x7F, 0x80, 0xFF):
            part = bytearray(SLOTS[0])
            part[place - 8] = octet
            served.with_parts(file_of({**SLOTS, 0: bytes(part)}, len(village.SLOTS)))
            answer = served.answer("usual")
            if b"PatientNIN" in answer:
                assert f"<PatientNIN>{NUMBERS['usual']}</PatientNIN>".encode() in answer
                assert b"GPContract>1" not in answer
