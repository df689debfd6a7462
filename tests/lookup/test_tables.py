"""The small tables and the persons' particulars of a generation, read back; and what they do with damaged ones."""

from pathlib import Path

import lmdb
import msgspec
import pytest

from lookup import people, tables
from lookup.generation import Generation
from lookup.people import Frames, People
from lookup.record import Damaged
from lookup.tables import Tables
from register import codes
from tests import tiny
from tests.lookup import village


@pytest.fixture(scope="module")
def read(opened: Generation) -> Tables:
    return opened.tables


def test_every_record_is_found_by_its_key(read: Tables) -> None:
    assert [read.contract(row.id) for row in village.CONTRACTS] == village.CONTRACTS
    assert [read.cycle(row.id) for row in village.CYCLES] == village.CYCLES
    assert [read.doctor(row.hpr_number) for row in village.DOCTORS] == village.DOCTORS
    assert [read.office(row.organization_number) for row in village.OFFICES] == village.OFFICES


def test_whether_a_table_holds_a_key(read: Tables) -> None:
    assert read.holds("contracts", tables.u64_key(village.SHARED))
    assert not read.holds("contracts", tables.u64_key(1))


def test_what_is_not_there_is_none_or_empty(read: Tables) -> None:
    assert [read.contract(1), read.cycle(99), read.doctor(1), read.office(5), read.team(1)] == [None] * 5
    assert read.cycles_of_contract(1) == read.outposts_of_contract(1) == read.cycles_of_doctor(1) == []
    assert read.contract_ids_of_office(5) == read.things_of_her_id(5) == []
    assert read.slot_of_contract(1) is None


def test_relations(read: Tables) -> None:
    assert [cycle.id for cycle in read.cycles_of_contract(village.SHARED)] == [1, 2, 3, 4]
    assert [cycle.id for cycle in read.cycles_of_doctor(village.ANNE)] == [3, 7, 9, 10]
    assert [outpost.id for outpost in read.outposts_of_contract(village.SHARED)] == [1, 2]
    assert read.contract_ids_of_office(village.OLD_OFFICE) == [village.CLOSED]
    assert read.things_of_her_id(4000050) == [(tables.KIND_CYCLE, 8), (tables.KIND_CYCLE, 10)]
    assert read.things_of_her_id(81234) == [(tables.KIND_OFFICE, village.OFFICE)]
    assert read.things_of_her_id(90002) == [(tables.KIND_CONTRACT, village.ONE_SUBSTITUTE)]
    for contract, slot in village.SLOTS.items():
        assert read.slot_of_contract(contract) == slot
        assert read.contract_id_of_slot(slot) == contract


def test_a_slot_that_no_contract_has_is_damage(read: Tables) -> None:
    with pytest.raises(Damaged):
        read.contract_id_of_slot(99)


@pytest.mark.parametrize("more", [-1, 1])
def test_the_contracts_of_all_slots(read: Tables, monkeypatch: pytest.MonkeyPatch, more: int) -> None:
    assert read.contract_ids() == sorted(village.SLOTS, key=lambda contract: village.SLOTS[contract])
    monkeypatch.setattr(read, "meta", msgspec.structs.replace(read.meta, slots=read.meta.slots + more))
    with pytest.raises(Damaged, match="a slot's contract is not there"):
        read.contract_ids()


def test_code_texts_are_the_feeds_then_those_of_closed_systems(read: Tables) -> None:
    assert read.code_text(codes.MUNICIPALITY, "0301") == "Oslo"
    assert read.code_text(codes.RELATIONSHIP, codes.GP) == "Fastlege"
    assert read.code_text(codes.MUNICIPALITY, "9999") is None


def test_meta(read: Tables) -> None:
    assert (read.begin_codes, read.end_codes) == (village.BEGIN_CODES, village.END_CODES)
    assert read.counts == village.COUNTS
    assert read.meta.window == village.WINDOW


def test_keys_sort_as_numbers() -> None:
    numbers = [-(2**63), -974767880, -7, 0, 7, 123456785, 2**63 - 1]
    assert sorted(numbers, key=tables.i64_key) == numbers
    assert [tables.u32_key(1), tables.u64_key(1)] == [b"\0\0\0\1", b"\0\0\0\0\0\0\0\1"]
    assert tables.code_key(3402, "0301") == b"\0\0\x0d\x4a0301"


@pytest.mark.parametrize("number", [-1, 2**32])
def test_keys_refuse_what_does_not_fit(number: int) -> None:
    with pytest.raises(OverflowError):
        tables.u32_key(number)


def test_relations_are_read_as_they_were_written() -> None:
    assert tables.decode_ids(tables.encode_ids([1, 2**64 - 1])) == [1, 2**64 - 1]
    things = [(tables.KIND_CYCLE, 9), (tables.KIND_OFFICE, -7)]
    assert tables.decode_things(tables.encode_things(things)) == things
    for decode, value in ((tables.decode_ids, b"1234567"), (tables.decode_things, b"12345678")):
        with pytest.raises(Damaged):
            decode(value)


def reopened(folder: Path, databases: dict[str, dict[bytes, bytes]], name: str = "index.mdb") -> lmdb.Environment:
    tiny.write_store(folder / name, databases)
    return lmdb.open(str(folder / name), subdir=False, readonly=True, lock=False, max_dbs=tables.MAX_DATABASES)


@pytest.mark.parametrize("missing", ["contracts", tables.HER_IDS, tables.META])
def test_an_index_without_a_database_is_damaged(tmp_path: Path, missing: str) -> None:
    databases = village._index_databases()
    del databases[missing]
    with pytest.raises(Damaged):
        Tables(reopened(tmp_path, databases))


def test_an_index_that_does_not_say_what_it_is_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(Damaged):
        Tables(reopened(tmp_path, village._index_databases() | {tables.META: {}}))


@pytest.mark.parametrize("line", [b"", b"{", b'{"id":100}', b'{"id":"01819002002"}'])
def test_a_record_that_is_not_of_its_type_is_damaged_and_not_quoted(tmp_path: Path, line: bytes) -> None:
    databases = village._index_databases()
    databases["contracts"][tables.u64_key(village.SHARED)] = line
    with pytest.raises(Damaged) as error:
        Tables(reopened(tmp_path, databases)).contract(village.SHARED)
    assert "0181" not in str(error.value)


def test_a_reference_that_leads_nowhere_is_damaged(tmp_path: Path) -> None:
    databases = village._index_databases()
    del databases["doctor_cycles"][tables.u64_key(2)]
    with pytest.raises(Damaged):
        Tables(reopened(tmp_path, databases)).cycles_of_contract(village.SHARED)


def test_every_person_is_found_and_nobody_else(opened: Generation) -> None:
    read = opened.people
    assert read is not None
    for nin, record in village.PERSONS.items():
        expected = village.person(nin) if record.alias_of is None else None
        assert read.person(int(nin)) == expected
    assert read.person(int(village.UNKNOWN)) is None
    assert b"".join(read.lines()).count(b"\n") == len(village.PERSONS) - 1


@pytest.mark.parametrize("dictionary", [b"", b"first name, last name, address " * 20])
def test_frames_pack_and_unpack(dictionary: bytes) -> None:
    frames = Frames(dictionary)
    assert frames.decode(frames.encode(b"line\n" * 1000)) == b"line\n" * 1000
    assert frames.decode(frames.encode(b"")) == b""


@pytest.mark.parametrize("frame", [b"", b"no frame at all", Frames(b"").encode(b"x" * 1000)[:-5]])
def test_a_damaged_frame_is_damaged(frame: bytes) -> None:
    with pytest.raises(Damaged):
        Frames(b"").decode(frame)


def test_a_frame_that_would_unpack_to_too_much_is_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = Frames(b"").encode(b"x" * 1000)
    monkeypatch.setattr(people, "MAX_BUCKET_BYTES", 999)
    with pytest.raises(Damaged):
        Frames(b"").decode(frame)


@pytest.mark.parametrize("change", [{people.PEOPLE: None}, {people.META: {}}, {people.META: {b"people": b"{}"}}])
def test_people_that_do_not_say_what_they_are_are_damaged(tmp_path: Path, change: dict) -> None:
    databases = {name: items for name, items in (village._people_databases() | change).items() if items is not None}
    with pytest.raises(Damaged):
        People(reopened(tmp_path, databases, "people.mdb"))


def test_a_person_that_is_not_of_its_type_is_damaged(tmp_path: Path) -> None:
    databases = village._people_databases()
    line = b'{"nin":"%b","x":1}\n' % village.LISTED.encode()
    databases[people.PEOPLE] = dict.fromkeys(databases[people.PEOPLE], Frames(b"").encode(line))
    with pytest.raises(Damaged) as error:
        People(reopened(tmp_path, databases, "people.mdb")).person(int(village.LISTED))
    assert village.LISTED not in str(error.value)
