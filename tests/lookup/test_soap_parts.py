"""The file of shared parts over hand-made octets: one behaviour on both twins, which agree on good files and bad."""

import struct
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lookup._fast.soap_parts
import lookup.soap_parts
from lookup.core import SoapParts
from lookup.record import Damaged
from lookup.soap_parts import Part, encode_parts
from tests.lookup.records import outcome

TWINS = [lookup.soap_parts, lookup._fast.soap_parts]
DIGEST = "0123456789abcdef" * 2
GIVEN = [
    Part(0, 250, 4000001, False, b"<DoctorCycles>one</DoctorCycles>", b"<GPContract>a</GPContract>"),
    Part(250, 300, None, True, b"", b""),
    Part(300, 900, None, True, b"<DoctorCycles/>", b"<GPContract>b</GPContract>"),
]
OTHERS = [Part(0, 900, 2**31 - 1, True, b"x", b"")]


def file_of(values: dict[int, bytes], slots: int = 4, **changed: Any) -> bytes:
    """A file, from the documented layout."""
    out, pointers = bytearray(b"FLRSOAP1"), [0] * slots
    for slot, value in values.items():
        pointers[slot] = len(out) << 24 | len(value)
        out += value
    table = changed.get("table", len(out))
    out += struct.pack(f"<{slots}Q", *changed.get("pointers", pointers))
    trailer = struct.pack("<QII", table, changed.get("count", slots), changed.get("zero", 0))
    return bytes(out + trailer + bytes.fromhex(DIGEST))


SOUND = file_of({1: encode_parts(1, GIVEN), 3: encode_parts(3, OTHERS)})


@pytest.fixture(params=TWINS, ids=["plain", "compiled"])
def twin(request: pytest.FixtureRequest) -> ModuleType:
    return request.param  # type: ignore[no-any-return]


def test_the_compiled_one_serves() -> None:
    assert SoapParts is lookup._fast.soap_parts.SoapParts


def test_every_part_is_found_at_its_time(twin: ModuleType) -> None:
    parts = twin.SoapParts(SOUND)
    assert (parts.slots, parts.digest) == (4, DIGEST)
    for part in GIVEN:
        assert parts.part(1, part.since) == parts.part(1, part.until - 1) == part
    assert parts.part(3, 0) == OTHERS[0]
    assert [parts.part(1, at) for at in (-1, 900)] == [None, None]
    assert parts.part(0, 0) is None
    assert parts.value(0) is None
    assert parts.value(3) == encode_parts(3, OTHERS)
    assert [bool(pointer) for pointer in parts.pointers()] == [False, True, False, True]
    assert repr(parts.part(1, 0)) == "<Part>"
    assert twin.SoapParts(file_of({}, slots=0)).slots == 0


@pytest.mark.parametrize("slot", [-1, 4, 2**40])
def test_a_slot_out_of_range(twin: ModuleType, slot: int) -> None:
    with pytest.raises(Damaged, match="a slot is out of range"):
        twin.SoapParts(SOUND).part(slot, 0)


def head(before: int, her_id: int, vacant: int) -> bytes:
    return struct.pack("<IIB", before, her_id, vacant)


def one_piece(piece: bytes) -> bytes:
    return struct.pack("<IHHqqI", 0, 1, 0, 0, 900, len(piece)) + piece


@pytest.mark.parametrize(
    ("file", "told"),
    [
        (b"", "not a file of shared parts"),
        (SOUND[:39], "not a file of shared parts"),
        (b"FLRSOAP2" + SOUND[8:], "not a file of shared parts"),
        (file_of({}, zero=1), "wrong size"),
        (file_of({}, count=3), "wrong size"),
        (file_of({}, count=5), "wrong size"),
        (file_of({}, table=7), "wrong size"),
        (file_of({}, table=2**64 - 1), "wrong size"),
        (SOUND[:8] + SOUND[9:], "wrong size"),
    ],
)
def test_a_file_that_is_none(twin: ModuleType, file: bytes, told: str) -> None:
    with pytest.raises(Damaged, match=told):
        twin.SoapParts(file)


@pytest.mark.parametrize(
    ("file", "told"),
    [
        (file_of({0: bytes(40)}, pointers=[8 << 24 | 41, 0, 0, 0]), "a pointer leads outside"),
        (file_of({0: bytes(40)}, pointers=[(1 << 40) - 1 << 24 | 1, 0, 0, 0]), "a pointer leads outside"),
        (file_of({0: encode_parts(1, OTHERS)}), "of another slot"),
        (file_of({0: bytes(40)}, pointers=[8 << 24 | 3, 0, 0, 0]), "of another slot"),
        (file_of({0: one_piece(b"\1\0\0\0\0" + head(1, 0, 0) + b"x")}), "a shared part's head is wrong"),
        (file_of({0: one_piece(b"\0" + bytes(8))}), "a shared part is too short"),
        (file_of({0: one_piece(b"\0" + head(2, 0, 0) + b"x")}), "a shared part's head is wrong"),
        (file_of({0: one_piece(b"\0" + head(0, 0, 0) + b"x")}), "a shared part's head is wrong"),
        (file_of({0: one_piece(b"\0" + head(1, 0, 2) + b"x")}), "a shared part's head is wrong"),
    ],
)
def test_a_part_that_is_none(twin: ModuleType, file: bytes, told: str) -> None:
    with pytest.raises(Damaged, match=told):
        twin.SoapParts(file).part(0, 0)


@settings(max_examples=300)
@given(st.data())
def test_the_twins_agree_on_whatever_octets(data: st.DataObject) -> None:
    octets = bytearray(SOUND)
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.sampled_from([0, 1, 2, 7, 0x7F, 0x80, 0xFF]))
    file = bytes(octets[: data.draw(st.sampled_from([len(octets), len(octets) - 1, 40, 39]))])
    slot, at = data.draw(st.integers(0, 4)), data.draw(st.sampled_from([-1, 0, 249, 250, 899, 900]))
    plain, fast = (outcome(lambda twin=twin: twin.SoapParts(file).part(slot, at)) for twin in TWINS)
    assert plain == fast
