"""The writer, both twins: the same octets for the same records, each of them exactly what the specification says."""

import hashlib
import itertools
from collections.abc import Callable
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lookup._fast.ledger
import lookup.audit.ledger
from lookup._fast.blake2b import blake2b_number
from lookup.audit.record import (
    HEAD_BYTES,
    MAX_SUBJECTS,
    READ,
    SEAL,
    WHO,
    Head,
    Malformed,
    Record,
    decode,
    decode_head,
    encode,
    encode_head,
    hash_of,
    size_of,
)

KEY = bytes(range(32))
TWINS = [lookup.audit.ledger, lookup._fast.ledger]
both = pytest.mark.parametrize("twin", TWINS, ids=["plain", "compiled"])
NINS = st.integers(-1, 10**11 - 1)
SUBJECTS = st.lists(st.tuples(NINS, st.integers(0, 255), st.integers(0, 3)), max_size=5)
READS = st.tuples(
    st.integers(0, 2**62),
    st.integers(0, 3),
    st.integers(0, 255),
    st.integers(0, 255),
    st.integers(0, 2**64 - 1),
    st.none() | st.binary(max_size=128),
    SUBJECTS,
)


def fresh(size: int = 1 << 16, first: int = 1) -> bytearray:
    """A segment's octets with nothing in it."""
    segment = bytearray(size)
    segment[:HEAD_BYTES] = encode_head(Head(1, first, 5, size, "w0", b"s" * 16, b"c" * 32))
    return segment


def records(segment: bytes | bytearray) -> list[Record]:
    _, end, _ = decode_head(bytes(segment[:HEAD_BYTES]))
    at, found = HEAD_BYTES, []
    while at < end:
        record, at = decode(bytes(segment), at, end)
        found.append(record)
    assert at == end
    assert not any(segment[end:])
    return found


def never() -> bool:
    return False


def writer(twin: ModuleType, segment: bytearray, on_full: Callable[[], bool] = never):  # type: ignore[no-untyped-def]
    ledger = twin.Ledger(KEY, 7, on_full)
    ledger.use(memoryview(segment), 1, -1)
    return ledger


def test_the_twins_agree_on_the_layout() -> None:
    assert lookup._fast.ledger.LAYOUT == lookup.audit.ledger.LAYOUT


@given(number=st.integers(0, 2**64 - 1), key=st.binary(min_size=1, max_size=64), size=st.integers(1, 64))
def test_a_number_is_hashed_as_hashlib_would(number: int, key: bytes, size: int) -> None:
    expected = hashlib.blake2b(number.to_bytes(8, "little"), key=key, digest_size=size).digest()
    assert blake2b_number(number, key=key, digest_size=size) == expected


@given(reads=st.lists(READS, max_size=6))
def test_both_write_what_the_specification_says(reads: list[tuple[object, ...]]) -> None:
    written = []
    for twin in TWINS:
        segment = fresh()
        ledger = writer(twin, segment)
        for number in range(1, 4):
            assert ledger.who(b'{"client":"c%d"}' % number) == number
        for read in reads:
            assert ledger.record(*read) is True
        assert ledger.append(SEAL, 9, 1, 0, b"x" * 80) is True
        written.append(bytes(segment))
    assert written[0] == written[1]
    found = records(written[0])
    assert [r.sequence for r in found] == list(range(1, len(found) + 1))
    assert [r for r in found if r.kind == READ and r.sequence < 0] == []
    told = [r for r in found if r.kind == READ]
    assert [(r.time_ns, r.who, r.operation, r.outcome, r.serial, r.text or None) for r in told] == [
        (t, w, o, c, s, e or None) for t, w, o, c, s, e, _ in reads
    ]
    assert [[(s.hash, s.outcome, s.flags, s.key_version) for s in r.subjects] for r in told] == [
        [(hash_of(nin, KEY), outcome, flags, 7) for nin, outcome, flags in read[6]]  # type: ignore[attr-defined]
        for read in reads
    ]


@given(read=READS, fewer=st.integers(0, 5), after=st.binary(max_size=40))
def test_both_take_fewer_subjects_than_were_announced_and_never_more(
    read: tuple[object, ...], fewer: int, after: bytes
) -> None:
    written = []
    exact = fresh()
    subjects: list[tuple[int, int, int]] = read[6]  # type: ignore[assignment]
    for twin in TWINS:
        segment = fresh()
        ledger = writer(twin, segment)
        arguments = (read[0], 0, *read[2:])
        assert ledger.record(*arguments, announced=len(subjects) + fewer) is True
        if subjects:
            assert ledger.record(*arguments, announced=len(subjects) - 1) is False
        assert ledger.record(1, 0, 0, 0, 1, after, []) is True
        assert len(records(segment)) == 2
        written.append(bytes(segment))
    plain = writer(TWINS[0], exact)
    assert plain.record(*arguments) is True
    assert plain.record(1, 0, 0, 0, 1, after, []) is True
    assert written[0] == written[1] == bytes(exact)


@both
class TestLedger:
    def test_tells_who_before_the_first_record_of_a_segment_and_once(self, twin: ModuleType) -> None:
        segments = [fresh(1024), fresh(1024)]
        ledger = twin.Ledger(KEY, 1, lambda: (ledger.use(memoryview(segments[1]), ledger.sequence, -1), True)[1])
        ledger.use(memoryview(segments[0]), 1, -1)
        number = ledger.who(b'{"client":"clinic"}')
        while ledger.record(1, number, 0, 0, 1, b"", [(1, 0, 0)]) and not any(segments[1][HEAD_BYTES:]):
            pass
        for segment in segments:
            found = records(segment)
            assert (found[0].kind, found[0].who, found[0].text) == (WHO, number, b'{"client":"clinic"}')
            assert {r.kind for r in found[1:]} == {READ}
        assert records(segments[1])[0].sequence == records(segments[0])[-1].sequence + 1

    def test_says_no_when_it_is_full_and_changes_nothing(self, twin: ModuleType) -> None:
        segment = fresh(1024)
        ledger = writer(twin, segment)
        while ledger.record(1, 0, 0, 0, 1, b"", [(1, 0, 0)]):
            pass
        before = bytes(segment)
        assert ledger.record(1, 0, 0, 0, 1, b"", [(1, 0, 0)]) is False
        assert bytes(segment) == before
        assert ledger.room < size_of(0, 1)
        assert ledger.append(SEAL, 9, 1, 0, b"x" * 80) is True
        assert records(segment)[-1].kind == SEAL
        assert ledger.append(SEAL, 9, 1, 0, b"x" * 80) is False

    @pytest.mark.parametrize(
        ("who", "event", "subjects"), [(1, b"", 0), (0, b"e" * 129, 0), (0, b"", MAX_SUBJECTS + 1)]
    )
    def test_says_no_to_what_no_record_can_hold(self, twin: ModuleType, who: int, event: bytes, subjects: int) -> None:
        segment = fresh()
        before = bytes(segment)
        assert writer(twin, segment).record(1, who, 0, 0, 1, event, [(1, 0, 0)] * subjects) is False
        assert bytes(segment) == before

    def test_a_thousand_subjects_are_one_record(self, twin: ModuleType) -> None:
        segment = fresh()
        assert writer(twin, segment).record(1, 0, 1, 9, 1, b"", [(n, 0, n == 500) for n in range(1000)])
        (record,) = records(segment)
        assert [s.hash for s in record.subjects] == [hash_of(n, KEY) for n in range(1000)]
        assert record.flags == 1

    def test_callers_begin_anew_when_there_are_too_many(self, twin: ModuleType) -> None:
        segment = fresh()
        ledger = writer(twin, segment)
        numbers = [ledger.who(b"%d" % i) for i in range(twin.LAYOUT[10])]
        assert ledger.epoch == 0
        assert ledger.who(b"0") == numbers[0]
        assert ledger.who(b"one more") == numbers[-1] + 1
        assert ledger.epoch == 1
        assert ledger.record(1, numbers[0], 0, 0, 1, b"", []) is False
        assert ledger.record(1, numbers[-1] + 1, 0, 0, 1, b"", []) is True
        assert records(segment)[0].text == b"one more"

    def test_records_nothing_without_a_segment_or_after_a_failure(self, twin: ModuleType) -> None:
        segment = fresh()
        ledger = writer(twin, segment)
        ledger.fail()
        assert ledger.record(1, 0, 0, 0, 1, b"", []) is False
        assert ledger.append(SEAL, 9, 1, 0, b"x") is False
        ledger.use(memoryview(fresh()), 1, -1)
        assert ledger.record(1, 0, 0, 0, 1, b"", []) is True
        ledger.leave()
        assert ledger.record(1, 0, 0, 0, 1, b"", []) is False
        assert records(segment) == []

    def test_does_not_go_on_when_the_disk_does_not_take_it(self, twin: ModuleType) -> None:
        ledger = writer(twin, fresh())
        ledger.durable = True  # and there is no file behind the segment
        assert ledger.record(1, 0, 0, 0, 1, b"", []) is False
        assert ledger.failed


def test_any_other_octet_is_refused() -> None:
    head = encode_head(Head(3, 9, 5, 4096, "w0", b"s" * 16, b"c" * 32))
    data = head + encode(Record(READ, 9, 1, text=b"abc", subjects=()), head[-32:])
    record, after = decode(data, HEAD_BYTES, len(data))
    assert (record.text, after) == (b"abc", len(data))
    for at, bit in itertools.product(range(HEAD_BYTES, len(data)), range(8)):
        changed = bytearray(data)
        changed[at] ^= 1 << bit
        with pytest.raises(Malformed):
            decode(bytes(changed), HEAD_BYTES, len(data))
