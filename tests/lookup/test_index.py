"""The index over hand-made blocks of memory: one behaviour on both twins, and they agree, on good blocks and bad."""

import struct
from collections.abc import Callable
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lookup._fast.index
import lookup.index
from lookup import key
from lookup.index import MAGIC, Found, Fragment, Index, encode_buckets, encode_fragments
from lookup.record import FOREVER, Damaged, Membership, Record, encode_bucket
from tests.lookup.records import NINS, RECORDS, TIMES, outcome

ANNA, BERIT, OLD, NOBODY, HIDDEN = 2013299997, 41814061033, 41810021827, 70019950032, 30108299920
SLOTS = 4
BIT_COUNT = 13
BERITS = Record(None, False, (Membership(1, 500, FOREVER, 1, 0, 500, 3), Membership(3, 100, 400, 1, 2, 400, 2)))
PERSONS = {
    ANNA: Record(None, False, (Membership(3, 100, 200, 1, 1, 200, 1),)),
    BERIT: BERITS,
    OLD: Record(alias_of=BERIT),
    NOBODY: Record(),
    HIDDEN: Record(None, True, (Membership(3, -(2**63), FOREVER, 0, 0, 0, 4),)),
}
FRAGMENTS = [Fragment(0, 250, (7, 8), b'{"one":'), Fragment(250, 300, (), b""), Fragment(300, 900, (7,), b'{"three":')]


class Blocks:
    """`pointers.bin` and a stand-in for `index.mdb`, written value by value from the documented layout."""

    def __init__(self, bits: int = BIT_COUNT, slots: int = SLOTS) -> None:
        self.bits, self.slots = bits, slots
        self.entries = [0] * ((1 << bits) + 2 * slots)
        self.data = bytearray(b"not to be read: ")

    def put(self, entry: int, value: bytes) -> None:
        self.entries[entry] = len(self.data) << 24 | len(value)
        self.data += value

    def put_persons(self, persons: dict[int, Record]) -> None:
        buckets: dict[int, list[tuple[int, Record]]] = {}
        for nin, record in persons.items():
            bucket, rest = key.split(key.mix(nin), self.bits)
            buckets.setdefault(bucket, []).append((rest, record))
        for bucket, records in buckets.items():
            self.put(bucket, encode_bucket(bucket, records))

    def put_fragments(self, slot: int, fragments: list[Fragment]) -> None:
        self.put((1 << self.bits) + slot, encode_fragments(slot, fragments))

    def put_patients(self, slot: int, persons: dict[int, Record]) -> None:
        on_list = [nin for nin, record in persons.items() if any(m.slot == slot for m in record.memberships)]
        buckets = {key.split(key.mix(nin), self.bits)[0] for nin in on_list}
        self.put((1 << self.bits) + self.slots + slot, encode_buckets(slot, sorted(buckets)))

    def pointers(self, **changed: int) -> bytes:
        head = {"bits": self.bits, "slots": self.slots, "size": len(self.data), "zero": 0} | changed
        return struct.pack("<8sIIQQ", MAGIC, *head.values()) + struct.pack(f"<{len(self.entries)}Q", *self.entries)

    def open(self, twin: ModuleType, wrap: Callable[[bytes], bytes] = bytes) -> Index:
        return twin.Index(wrap(self.pointers()), wrap(bytes(self.data)))


def hand_made() -> Blocks:
    blocks = Blocks()
    blocks.put_persons(PERSONS)
    blocks.put_fragments(3, FRAGMENTS)
    for slot in (1, 3):
        blocks.put_patients(slot, PERSONS)
    return blocks


@pytest.mark.parametrize("twin", [lookup.index, lookup._fast.index], ids=["plain", "compiled"])
class TestIndex:
    def test_it_says_its_size(self, twin: ModuleType) -> None:
        index = hand_made().open(twin)
        assert (index.bits, index.slots) == (BIT_COUNT, SLOTS)

    def test_a_record_is_that_of_exactly_this_number(self, twin: ModuleType) -> None:
        index = hand_made().open(twin)
        for nin, record in PERSONS.items():
            assert index.record(nin) == record

    @given(nin=NINS)
    def test_any_other_number_is_unknown(self, twin: ModuleType, nin: int) -> None:
        index = _hand_made(twin)
        if nin not in PERSONS:
            assert index.record(nin) is None
            assert index.person(nin) is None
            assert index.find(nin, 150) is None

    @pytest.mark.parametrize("nin", [-1, 10**11, 2**37 - 1, 2**37 + ANNA, 2**63, 2**64, 2**64 + ANNA, -(2**64)])
    def test_what_is_no_number_is_unknown(self, twin: ModuleType, nin: int) -> None:
        index = hand_made().open(twin)
        assert index.record(nin) is None
        assert index.person(nin) is None
        assert index.find(nin, 150) is None

    def test_a_number_one_digit_off_is_unknown(self, twin: ModuleType) -> None:
        index = hand_made().open(twin)
        for place in range(11):
            for digit in range(1, 10):
                assert index.find((ANNA + digit * 10**place) % 10**11, 150) is None

    def test_an_old_number_leads_to_the_newest(self, twin: ModuleType) -> None:
        index = hand_made().open(twin)
        assert index.person(OLD) == index.person(BERIT) == (BERIT, BERITS)
        assert index.find(OLD, 600) == Found(BERIT, False, BERITS.memberships[0])
        assert index.record(OLD) == Record(alias_of=BERIT)

    @pytest.mark.parametrize(
        ("at", "which"),
        [(-(2**63), None), (99, None), (100, 1), (399, 1), (400, None), (499, None), (500, 0), (2**63 - 2, 0)],
    )
    def test_a_period_is_half_open(self, twin: ModuleType, at: int, which: int | None) -> None:
        membership = None if which is None else BERITS.memberships[which]
        assert hand_made().open(twin).find(BERIT, at) == Found(BERIT, False, membership)

    def test_a_person_without_membership_is_known(self, twin: ModuleType) -> None:
        assert hand_made().open(twin).find(NOBODY, 0) == Found(NOBODY, False, None)

    def test_protection_is_told(self, twin: ModuleType) -> None:
        index = hand_made().open(twin)
        assert index.find(HIDDEN, -(2**63)) == Found(HIDDEN, True, PERSONS[HIDDEN].memberships[0])
        assert index.find(HIDDEN, -(2**63)).protected is True
        assert index.find(ANNA, 0).protected is False

    def test_a_bucket_has_its_persons(self, twin: ModuleType) -> None:
        index = hand_made().open(twin)
        found = [person for bucket in range(1 << BIT_COUNT) for person in index.bucket(bucket)]
        assert dict(found) == PERSONS
        assert len(found) == len(PERSONS)

    @pytest.mark.parametrize("at", [-(2**63), 99, 100, 199, 200, 399, 400, 500])
    def test_the_members_of_a_contract_at_a_time(self, twin: ModuleType, at: int) -> None:
        index = hand_made().open(twin)
        for slot in (0, 1, 3):
            wanted = {
                (nin, record.protected, m)
                for nin, record in PERSONS.items()
                for m in record.memberships
                if m.slot == slot and m.valid_from <= at < m.to
            }
            members = list(index.members(slot, at))
            assert set(members) == wanted
            assert len(members) == len(wanted)
            buckets = [key.split(key.mix(nin), BIT_COUNT)[0] for nin, _, _ in members]
            assert buckets == sorted(buckets)

    @pytest.mark.parametrize(
        ("at", "which"), [(-1, None), (0, 0), (249, 0), (250, 1), (299, 1), (300, 2), (899, 2), (900, None)]
    )
    def test_the_fragment_at_a_time(self, twin: ModuleType, at: int, which: int | None) -> None:
        index = hand_made().open(twin)
        assert index.fragment(3, at) == (None if which is None else FRAGMENTS[which])
        assert index.fragment(2, at) is None

    @pytest.mark.parametrize("slot", [-1, SLOTS, 2**31, 2**32 + 3, 2**64])
    def test_a_slot_out_of_range_is_damage(self, twin: ModuleType, slot: int) -> None:
        index = hand_made().open(twin)
        for ask in (
            index.member_buckets,
            lambda slot: index.fragment(slot, 0),
            lambda slot: list(index.members(slot, 0)),
        ):
            with pytest.raises(Damaged):
                ask(slot)

    @pytest.mark.parametrize("bucket", [-1, 1 << BIT_COUNT, (1 << BIT_COUNT) + 3, 2**40])
    def test_there_is_no_bucket_out_of_range(self, twin: ModuleType, bucket: int) -> None:
        with pytest.raises(IndexError):
            hand_made().open(twin).bucket(bucket)

    @pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview])
    def test_any_buffer_will_do(self, twin: ModuleType, wrap: Callable[[bytes], bytes]) -> None:
        assert hand_made().open(twin, wrap).record(ANNA) == PERSONS[ANNA]

    def test_the_blocks_live_as_long_as_the_index(self, twin: ModuleType) -> None:
        blocks = hand_made()
        data = bytearray(blocks.data)
        index = twin.Index(blocks.pointers(), data)
        with pytest.raises(BufferError):
            data.append(0)
        assert index.record(ANNA) == PERSONS[ANNA]
        del index
        data.append(0)

    @pytest.mark.parametrize(
        "changed",
        [
            {"bits": 12},
            {"bits": 29},
            {"bits": 14},
            {"slots": SLOTS + 1},
            {"slots": 2**32 - 1},
            {"size": 0},
            {"zero": 1},
        ],
    )
    def test_a_pointer_table_that_does_not_fit_is_damage(self, twin: ModuleType, changed: dict[str, int]) -> None:
        blocks = hand_made()
        with pytest.raises(Damaged):
            twin.Index(blocks.pointers(**changed), bytes(blocks.data))

    def test_a_pointer_table_cut_anywhere_is_damage(self, twin: ModuleType) -> None:
        blocks = hand_made()
        pointers, data = blocks.pointers(), bytes(blocks.data)
        for size in (*range(40), len(pointers) - 8, len(pointers) - 1):
            with pytest.raises(Damaged):
                twin.Index(pointers[:size], data)
        for other in (pointers + b"\0", b"X" + pointers[1:]):
            with pytest.raises(Damaged):
                twin.Index(other, data)
        for other in (b"", data[:-1], data + b"\0"):
            with pytest.raises(Damaged):
                twin.Index(pointers, other)

    @pytest.mark.parametrize(
        ("offset", "length"), [(2**40 - 1, 2**24 - 1), (2**40 - 1, 0), (0, 2**24 - 1), (16, 0), (16, 1), (17, 30)]
    )
    def test_a_pointer_that_leads_astray_is_damage(self, twin: ModuleType, offset: int, length: int) -> None:
        blocks = hand_made()
        blocks.entries = [offset << 24 | length] * len(blocks.entries)
        index = blocks.open(twin)
        asked = [index.record, index.person, index.bucket, lambda nin: index.find(nin, 0)]
        for ask in asked:
            with pytest.raises(Damaged):
                ask(ANNA if ask != index.bucket else 0)
        for ask in (index.member_buckets, lambda slot: index.fragment(slot, 0)):
            with pytest.raises(Damaged):
                ask(3)

    def test_a_value_under_another_slot_is_damage(self, twin: ModuleType) -> None:
        blocks = hand_made()
        first = 1 << BIT_COUNT
        blocks.entries[first + 2] = blocks.entries[first + 3]
        blocks.entries[first + SLOTS + 2] = blocks.entries[first + SLOTS + 3]
        index = blocks.open(twin)
        for ask in (index.member_buckets, lambda slot: index.fragment(slot, 0)):
            with pytest.raises(Damaged):
                ask(2)

    @pytest.mark.parametrize("newest", [NOBODY + 1, OLD, 2**37, 2**40 - 1, 10**11])
    def test_an_alias_that_leads_nowhere_is_damage(self, twin: ModuleType, newest: int) -> None:
        blocks = Blocks()
        blocks.put_persons({ANNA: Record(alias_of=newest), OLD: Record(alias_of=ANNA)})
        index = blocks.open(twin)
        for ask in (index.person, lambda nin: index.find(nin, 0)):
            with pytest.raises(Damaged):
                ask(ANNA)

    def test_damage_shows_no_number(self, twin: ModuleType) -> None:
        blocks = Blocks()
        blocks.put_persons({ANNA: Record(alias_of=OLD)})
        with pytest.raises(Damaged) as caught:
            blocks.open(twin).find(ANNA, 0)
        assert not any(character.isdigit() for character in str(caught.value))

    @given(persons=st.dictionaries(NINS, RECORDS.filter(lambda record: record.alias_of is None), max_size=20), at=TIMES)
    @settings(max_examples=40)
    def test_any_persons_are_found_as_they_are(self, twin: ModuleType, persons: dict[int, Record], at: int) -> None:
        blocks = Blocks()
        blocks.put_persons(persons)
        index = blocks.open(twin)
        for nin, record in persons.items():
            assert index.record(nin) == record
            covering = [m for m in record.memberships if m.valid_from <= at < m.to]
            assert index.find(nin, at) == Found(nin, record.protected, covering[0] if covering else None)


_opened: dict[str, Index] = {}


def _hand_made(twin: ModuleType) -> Index:
    """The hand-made index, opened once for all examples of a property."""
    if twin.__name__ not in _opened:
        _opened[twin.__name__] = hand_made().open(twin)
    return _opened[twin.__name__]


@given(data=st.data(), at=TIMES)
@settings(max_examples=300)
def test_both_read_damaged_blocks_alike(data: st.DataObject, at: int) -> None:
    blocks = hand_made()
    for _ in range(data.draw(st.integers(1, 3))):
        blocks.data[data.draw(st.integers(16, len(blocks.data) - 1))] ^= data.draw(st.integers(1, 255))
    used = [i for i, entry in enumerate(blocks.entries) if entry]
    if data.draw(st.booleans()):
        blocks.entries[data.draw(st.sampled_from(used))] ^= 1 << data.draw(st.integers(0, 63))
    plain, fast = blocks.open(lookup.index), blocks.open(lookup._fast.index)
    for nin in PERSONS:
        assert outcome(plain.record, nin) == outcome(fast.record, nin)
        assert outcome(plain.person, nin) == outcome(fast.person, nin)
        assert outcome(plain.find, nin, at) == outcome(fast.find, nin, at)
    for slot in range(SLOTS):
        assert outcome(plain.members, slot, at) == outcome(fast.members, slot, at)
        assert outcome(plain.fragment, slot, 150) == outcome(fast.fragment, slot, 150)
    for bucket in used[:8]:
        if bucket < 1 << BIT_COUNT:
            assert outcome(plain.bucket, bucket) == outcome(fast.bucket, bucket)
