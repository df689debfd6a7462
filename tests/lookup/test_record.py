"""Buckets of person records as bytes: one behaviour on both twins, and the two agree, on good bytes and on bad."""

import struct
from collections.abc import Callable
from itertools import product
from types import ModuleType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import lookup._fast.record
import lookup.record
from lookup.key import KEY_BITS
from lookup.record import DAY_MICROS, FOREVER, Damaged, Membership, Record, TooLarge, encode_bucket
from tests.lookup.records import BITS, EDGE_TIMES, RECORDS, buckets, outcome

RESTS = st.integers(0, 2**24 - 1)


def one(**changed: int) -> Record:
    m = Membership(slot=3, valid_from=0, to=FOREVER, begin=1, end=0, updated=0, id=9)._replace(**changed)
    return Record(None, False, (m,))


@pytest.mark.parametrize("twin", [lookup.record, lookup._fast.record], ids=["plain", "compiled"])
class TestRecord:
    @given(rest=RESTS, record=RECORDS)
    @example(rest=0, record=Record())
    @example(rest=2**24 - 1, record=Record(alias_of=10**11 - 1))
    def test_a_record_comes_back_digit_for_digit(self, twin: ModuleType, rest: int, record: Record) -> None:
        data = twin.encode_record(rest, record)
        assert data[0] == rest >> 16
        assert twin.decode_record(data) == record

    @pytest.mark.parametrize("time", EDGE_TIMES)
    @pytest.mark.parametrize("member", ["valid_from", "to", "updated"])
    def test_a_time_at_an_edge_comes_back(self, twin: ModuleType, member: str, time: int) -> None:
        record = one(**{member: time})
        assert twin.decode_record(twin.encode_record(0, record)) == record

    def test_an_update_at_any_distance_comes_back(self, twin: ModuleType) -> None:
        for valid_from, updated in product(EDGE_TIMES, EDGE_TIMES):
            record = one(valid_from=valid_from, updated=updated)
            assert twin.decode_record(twin.encode_record(0, record)) == record

    def test_a_usual_membership_is_small(self, twin: ModuleType) -> None:
        day = 20_000 * DAY_MICROS
        usual = one(slot=5000, valid_from=day, updated=day + 3_600_000_000, id=2_000_000)
        assert len(twin.encode_record(0, usual)) <= 16

    def test_a_record_is_laid_out_as_the_format_says(self, twin: ModuleType) -> None:
        record = Record(
            None,
            True,
            (
                Membership(300, DAY_MICROS, FOREVER, 1, 0, DAY_MICROS, 5),
                Membership(2, 1, DAY_MICROS, 16, 2, 7, 200),
            ),
        )
        newer = bytes([0, 1, 0xAC, 0x02]) + struct.pack("<H", 25_568) + bytes([0, 5])
        older = bytes([1 | 4 | 8 | 16, 16, 2, 2]) + struct.pack("<qq", 1, 7) + bytes([0xC8, 0x01])
        assert twin.encode_record(0x050000, record) == bytes([5, 2]) + newer + older
        assert twin.encode_record(0, Record(alias_of=0x0102030405)) == bytes([0, 1, 5, 4, 3, 2, 1])

    @given(bucket=buckets())
    def test_a_bucket_comes_back(self, twin: ModuleType, bucket: tuple[int, int, dict[int, Record]]) -> None:
        bits, number, records = bucket
        data = encode_bucket(number, records.items())
        assert dict(twin.decode_bucket(data, number, bits)) == records
        assert len(twin.decode_bucket(data, number, bits)) == len(records)

    @given(bucket=buckets(), data=st.data())
    def test_find_gives_the_record_stored_and_nothing_for_any_other(
        self, twin: ModuleType, bucket: tuple[int, int, dict[int, Record]], data: st.DataObject
    ) -> None:
        bits, number, records = bucket
        encoded = encode_bucket(number, records.items())
        for rest, record in records.items():
            assert twin.find(encoded, number, rest) == record
        other = data.draw(st.integers(0, (1 << KEY_BITS - bits) - 1))
        assert twin.find(encoded, number, other) == records.get(other)

    @given(bucket=buckets(), other=st.integers(0, 2**28 - 1))
    def test_another_bucket_is_damage(
        self, twin: ModuleType, bucket: tuple[int, int, dict[int, Record]], other: int
    ) -> None:
        bits, number, records = bucket
        data = encode_bucket(number, records.items())
        if other != number:
            with pytest.raises(Damaged):
                twin.find(data, other, 0)
            with pytest.raises(Damaged):
                twin.decode_bucket(data, other, bits)

    @given(bucket=buckets())
    def test_a_bucket_cut_anywhere_never_tells_of_another_number(
        self, twin: ModuleType, bucket: tuple[int, int, dict[int, Record]]
    ) -> None:
        bits, number, records = bucket
        data = encode_bucket(number, records.items())
        for size in range(len(data)):
            cut = data[:size]
            assert isinstance(outcome(twin.decode_bucket, cut, number, bits), str)
            for rest, record in records.items():
                got = outcome(twin.find, cut, number, rest)
                assert got == record or isinstance(got, str)

    @given(record=RECORDS, rest=RESTS)
    def test_a_record_cut_anywhere_is_damage_or_ends_between_two_memberships(
        self, twin: ModuleType, record: Record, rest: int
    ) -> None:
        data = twin.encode_record(rest, record)
        whole = {record._replace(memberships=record.memberships[:n]) for n in range(len(record.memberships) + 1)}
        for size in range(len(data)):
            got = outcome(twin.decode_record, data[:size])
            assert isinstance(got, str) or got in whole

    @given(data=st.binary(max_size=200), bits=BITS, rest=RESTS)
    def test_any_bytes_give_a_value_or_damage(self, twin: ModuleType, data: bytes, bits: int, rest: int) -> None:
        number = int.from_bytes(data[:4], "little") % (1 << bits)
        headed = number.to_bytes(4, "little") + data[4:]
        outcome(twin.decode_record, data)
        outcome(twin.find, headed, number, rest)
        outcome(twin.decode_bucket, headed, number, bits)

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"\0",
            b"\0\4",  # unknown flag of a record
            b"\0\3",  # alias and protected
            b"\0\1\0\0\0\0",  # an alias too short
            b"\0\1\0\0\0\0\0\0",  # and too long
            b"\0\0\x20\0\0\0\0\0\0",  # unknown flag of a membership
            b"\0\0\x01\0\0\0\0\0\0",  # "ends where the newer begins", and there is none
            b"\0\0\0\0\x80\x80\x80\x80\x10\0\0\0\0",  # a slot of more than 32 bits
            b"\0\0\0\0\0\0\0\0" + b"\xff" * 9 + b"\x02",  # an id of more than 64 bits
            b"\0\0\0\0\0\0\0\0" + b"\xff" * 11,
            b"\0\0\x04\0\0" + b"\xff" * 7 + b"\x7f\x02\0",  # updated after the end of time
        ],
    )
    def test_what_the_format_does_not_admit_is_damage(self, twin: ModuleType, data: bytes) -> None:
        with pytest.raises(Damaged):
            twin.decode_record(data)

    def test_a_rest_that_the_bucket_has_no_room_for_is_damage(self, twin: ModuleType) -> None:
        data = encode_bucket(0, [(1 << 20, Record())])
        assert twin.decode_bucket(data, 0, 16) == [(1 << 20, Record())]
        with pytest.raises(Damaged):
            twin.decode_bucket(data, 0, 17)

    @pytest.mark.parametrize("ends", [(0, 2), (1, 3), (2, 1), (2, 2), (2, 3), (2, 5)])
    def test_a_record_of_less_than_two_bytes_or_outside_is_damage(
        self, twin: ModuleType, ends: tuple[int, int]
    ) -> None:
        data = struct.pack("<IHH4H", 5, 2, 0, 1, 2, *ends) + bytes(4)
        with pytest.raises(Damaged, match="a record's place is wrong"):
            twin.decode_bucket(data, 5, 13)
        wrong = 1 if ends[0] < 2 else 2
        with pytest.raises(Damaged, match="a record's place is wrong"):
            twin.find(data, 5, 7 << 16 | wrong)

    def test_damage_shows_no_content(self, twin: ModuleType) -> None:
        data = twin.encode_record(0, Record(alias_of=2013299997)) + b"\0"
        with pytest.raises(Damaged) as caught:
            twin.decode_record(data)
        assert not any(character.isdigit() for character in str(caught.value))

    @pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
    def test_any_buffer_will_do(self, twin: ModuleType, kind: Callable[[bytes], bytes]) -> None:
        data = kind(encode_bucket(5, [(7, Record(protected=True))]))
        assert twin.find(data, 5, 7) == Record(protected=True)
        assert twin.decode_bucket(data, 5, 20) == [(7, Record(protected=True))]


plain, fast = lookup.record, lookup._fast.record


@given(rest=RESTS, record=RECORDS)
def test_both_write_alike(rest: int, record: Record) -> None:
    assert plain.encode_record(rest, record) == fast.encode_record(rest, record)


@st.composite
def damaged_buckets(draw: st.DrawFn) -> tuple[bytes, int, int, dict[int, Record]]:
    """(bytes, bucket, bits, what was written): a bucket with some bytes changed behind its number, or cut."""
    bits, number, records = draw(buckets())
    data = bytearray(encode_bucket(number, records.items()))
    for _ in range(draw(st.integers(0, 3))):
        data[draw(st.integers(0, len(data) - 1))] ^= draw(st.integers(1, 255))
    return bytes(data[: draw(st.integers(0, len(data)) | st.just(len(data)))]), number, bits, records


@given(damaged=damaged_buckets(), rest=RESTS)
def test_both_read_damaged_buckets_alike(damaged: tuple[bytes, int, int, dict[int, Record]], rest: int) -> None:
    data, number, bits, records = damaged
    for wanted in (rest, *records):
        assert outcome(plain.find, data, number, wanted) == outcome(fast.find, data, number, wanted)
    assert outcome(plain.decode_bucket, data, number, bits) == outcome(fast.decode_bucket, data, number, bits)


@given(record=RECORDS, rest=RESTS, at=st.integers(0), bits=st.integers(1, 255))
def test_both_read_damaged_records_alike(record: Record, rest: int, at: int, bits: int) -> None:
    data = bytearray(plain.encode_record(rest, record))
    data[at % len(data)] ^= bits
    assert outcome(plain.decode_record, bytes(data)) == outcome(fast.decode_record, bytes(data))


@given(data=st.binary(max_size=300), bits=BITS, rest=RESTS)
def test_both_read_any_bytes_alike(data: bytes, bits: int, rest: int) -> None:
    number = int.from_bytes(data[:4], "little") % (1 << bits)
    headed = number.to_bytes(4, "little") + data[4:]
    assert outcome(plain.decode_record, data) == outcome(fast.decode_record, data)
    assert outcome(plain.find, headed, number, rest) == outcome(fast.find, headed, number, rest)
    assert outcome(plain.decode_bucket, headed, number, bits) == outcome(fast.decode_bucket, headed, number, bits)


def test_a_flip_in_the_directory_never_gives_another_numbers_record_as_this_ones() -> None:
    """The low bits in the directory and the high bits in the record are compared: both have to be wrong at once."""
    records = {0x10001: one(id=1), 0x10002: one(id=2), 0x20001: one(id=3)}
    data = encode_bucket(9, records.items())
    for place in range(4, len(data)):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[place] ^= 1 << bit
            for module in (plain, fast):
                got = outcome(module.find, bytes(flipped), 9, 0x30004)
                assert got is None or isinstance(got, str)


@pytest.mark.parametrize("bits", [13, 20, 28])
def test_a_bucket_that_is_too_large_is_refused(bits: int) -> None:
    many = Record(None, False, tuple(Membership(1, 1, 2, 20, 20, 2**60 + 1, 2**63) for _ in range(200)))
    room = 1 << KEY_BITS - bits
    with pytest.raises(TooLarge):
        encode_bucket(0, [(rest, many) for rest in range(min(20, room))])
