"""Scanning canonical lines: what is recognised is packed as the specification packs it, all else is odd."""

import random
from datetime import date, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import loader._fast.lines
import loader._fast.pack
import loader._fast.scan
import loader.pack
import loader.scan
from bench.population import main as make_population
from loader.check import Faults, Row, known_codes
from loader.read import open_feed, read_table
from register import codes
from register.feed import canonical_line, canonical_lines, lines_digest
from register.model import CodeRef, Membership, Person, PersonStatus, PhysicalAddress
from tests.loader.feeds import number
from tests.loader.mutations import mutated_block

TWINS = pytest.mark.parametrize("twin", ["plain", "compiled"])
PACK: dict[str, ModuleType] = {"plain": loader.pack, "compiled": loader._fast.pack}
SCAN: dict[str, ModuleType] = {"plain": loader.scan, "compiled": loader._fast.scan}
KNOWN = {
    codes.SEX: {"1", "2"},
    codes.ADDRESS_TYPE: {"RES", "PST"},
    codes.MUNICIPALITY: {"0301", "Å", "", "1103 Stavanger og omegn"},
    codes.COUNTRY: {"NO"},
    codes.PERSON_STATUS: {"1", "7"},
    codes.PERSON_STATUS_OTHER: set(),
}
SLOTS = {11: 0, 12: 1, 10**15: 7, 2**53: 2**32 - 1}
BEGIN_CODES = {None: 0, "BGVA": 1, "BGFL": 200}
END_CODES = {None: 9, "OHID": 1, "OHDO": 255, "": 3}
PLACE = 3, 258, 70_000  # part bits, file, first line
READER = 2**32 - 1
FIRST, LAST = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999)
MUTATED_LINES = 20_000

TIMES = st.datetimes() | st.sampled_from([FIRST, LAST, datetime(2000, 2, 29), datetime(1970, 1, 1, 0, 0, 0, 1)])
TEXTS = st.text(st.characters(max_codepoint=0x2FF, min_codepoint=0x20, exclude_characters='"\\'), max_size=12)
STATUSES = st.builds(
    PersonStatus,
    id=st.integers(0, 2**31 - 1),
    code=st.builds(CodeRef, oid=st.just(codes.PERSON_STATUS), value=st.sampled_from(["1", "7"])),
    valid_from=st.datetimes(max_value=datetime(2020, 1, 1)),
    to=st.none() | st.datetimes(min_value=datetime(2020, 1, 2)),
    created=st.none() | TIMES,
    changed=st.none() | TIMES,
)
ADDRESSES = st.builds(
    PhysicalAddress,
    type=st.sampled_from(["RES", "PST"]),
    street_address=st.none() | TEXTS,
    postbox=st.none() | TEXTS,
    postal_code=st.none() | st.from_regex("[0-9]{4}", fullmatch=True),
    city=st.none() | TEXTS,
    municipality=st.sampled_from([None, *sorted(KNOWN[codes.MUNICIPALITY])]),
    country=st.sampled_from([None, "NO"]),
    description=st.none() | TEXTS,
    inherited=st.booleans(),
    last_changed=st.none() | TIMES,
)
PERSONS = st.builds(
    Person,
    nin=st.integers(0, 300).map(number),
    first_name=st.none() | TEXTS,
    middle_name=st.none() | TEXTS,
    last_name=st.none() | TEXTS,
    date_of_birth=st.none() | st.dates() | st.sampled_from([date.min, date.max, date(2000, 2, 29)]),
    date_of_death=st.none() | st.dates(),
    sex=st.sampled_from([None, "1", "2"]),
    protection=st.sampled_from([None, "fortrolig", "strengt-fortrolig"]),
    status=st.lists(STATUSES, max_size=3).map(tuple),
    physical_addresses=st.lists(ADDRESSES, max_size=3).map(tuple),
)
MEMBERSHIPS = st.builds(
    Membership,
    id=st.integers(1, 2**53) | st.integers(1, 9),
    nin=st.integers(0, 300).map(number),
    contract_id=st.sampled_from(sorted(SLOTS)),
    valid_from=st.datetimes(max_value=datetime(2020, 1, 1)),
    to=st.none() | st.datetimes(min_value=datetime(2020, 1, 1, 0, 0, 0, 1)),
    begin_code=st.sampled_from(list(BEGIN_CODES)),
    end_code=st.sampled_from(list(END_CODES)),
    updated=TIMES,
)
MEMBERSHIP = Membership(
    id=4711,
    nin=number(7),
    contract_id=12,
    valid_from=datetime(2020, 2, 29),
    to=datetime(2021, 12, 31, 23, 59, 59, 999_999),
    begin_code="BGVA",
    updated=datetime(2020, 3, 1, 4, 5, 6, 70),
)
PERSON = Person(
    nin=number(8),
    first_name="Åse",
    last_name="O'Neil\x7f",
    date_of_birth=date(1972, 2, 29),
    sex="2",
    protection="fortrolig",
    status=(
        PersonStatus(id=0, code=CodeRef(oid=codes.PERSON_STATUS, value="1"), valid_from=datetime(1972, 2, 29)),
        PersonStatus(
            id=2**31 - 1,
            code=CodeRef(oid=codes.PERSON_STATUS, value="7"),
            valid_from=datetime(1, 1, 1),
            to=datetime(1, 1, 1, 0, 0, 0, 1),
            created=datetime(2024, 6, 30, 1, 2, 3),
        ),
    ),
    physical_addresses=(
        PhysicalAddress(type="RES", street_address="Øvre vei 1", postal_code="0159", municipality="0301", country="NO"),
        PhysicalAddress(type="PST", postbox="", municipality="Å", inherited=True, last_changed=datetime(2020, 1, 1)),
    ),
)
LINES = {"memberships": canonical_line(MEMBERSHIP), "persons": canonical_line(PERSON)}


def without_end(line: bytes) -> bytes:
    return line.translate(None, b"\r\n")


def table_of(record: Membership | Person) -> str:
    return "persons" if isinstance(record, Person) else "memberships"


def scanned(twin: str, table: str, data: bytes, **others: Any) -> tuple[object, ...]:
    """(odd lines, rows, what stands beside them) of scanning `data`."""
    given = {"slots": SLOTS, "known": KNOWN, "begin_codes": BEGIN_CODES, "end_codes": END_CODES} | others
    bits, file, line = PLACE
    scanner = SCAN[twin].Scanner(*given.values(), bits)
    first, second = PACK[twin].Parts(1 << bits), PACK[twin].Parts(1 << bits)
    reader = (READER,) if table == "persons" else ()
    odd = getattr(scanner, table)(data, first, second, file, line, *reader)
    assert all(type(one) is loader.scan.Odd for one in odd)
    return odd, first.drain(), second.drain()


def packed(records: list[Any]) -> tuple[object, ...]:
    """What the packing of records comes to, with no line odd."""
    bits, file, line = PLACE
    first, second = loader.pack.Parts(1 << bits), loader.pack.Parts(1 << bits)
    if isinstance(records[0], Person):
        lines = canonical_lines(records)
        faults = loader.pack.pack_persons(records, lines, KNOWN, first, second, bits, file, line, READER)
    else:
        faults = loader.pack.pack_memberships(records, SLOTS, BEGIN_CODES, END_CODES, first, second, bits, file, line)
    assert faults == []
    return [], first.drain(), second.drain()


@TWINS
@given(records=st.lists(MEMBERSHIPS, min_size=1, max_size=6) | st.lists(PERSONS, min_size=1, max_size=4))
def test_canonical_lines_are_packed_as_their_records(twin: str, records: list[Membership | Person]) -> None:
    assert scanned(twin, table_of(records[0]), canonical_lines(records)) == packed(records)


@TWINS
@pytest.mark.parametrize("table", LINES)
def test_odd_lines_are_told_and_leave_nothing(twin: str, table: str) -> None:
    good = LINES[table]
    data = b"\n".join([b"", good, b"{}", good[:-1], good, b"\xff", b""])
    odd, rows, beside = scanned(twin, table, data)
    sizes = [0, len(good), 2, len(good) - 1, len(good), 1]
    starts = [sum(sizes[:i]) + i for i in range(len(sizes))]
    assert odd == [(i, starts[i], starts[i] + sizes[i]) for i in (0, 2, 3, 5)]
    _, alone, beside_alone = scanned("plain", table, b"\n" + good + b"\n\n\n" + good + b"\n")
    assert (rows, beside) == (alone, beside_alone)


@TWINS
def test_no_lines_and_a_line_without_end(twin: str) -> None:
    for table, line in LINES.items():
        assert scanned(twin, table, b"") == ([], (b"", [0] * 8), (b"", [0] * 8))
        for data in (line, line + b"\n" + line, b"{"):
            with pytest.raises(ValueError, match="the last line has no end"):
                scanned(twin, table, data)


def changes(table: str, *pairs: tuple[str, str]) -> list[Any]:
    return [
        pytest.param(table, old.encode(), new.encode(), id=f"{old}>{new}".replace("\0", "NUL")) for old, new in pairs
    ]


@TWINS
@pytest.mark.parametrize(
    ("table", "old", "new"),
    [
        *changes(
            "memberships",
            ("4711", "04711"),
            ("4711", "0"),
            ("4711", "-1"),
            ("4711", "-0"),
            ("4711", "4.7e3"),
            ("4711", "4711.0"),
            ("4711", "9007199254740993"),
            ("4711", "18446744073709551617"),
            ("4711", '"4711"'),
            (":12,", ":13,"),
            (number(7), number(7)[:-1] + "x"),
            (number(7), str(int(number(7)) + 1).zfill(11)),
            (number(7), number(7) + "0"),
            ('"BGVA"', '"BGVX"'),
            ('"BGVA"', '"OHID"'),
            ('"BGVA"', '"BGVA '),
            ('"BGVA"', '"BG\\u0056A"'),
            ("2020-02-29T", "2021-02-29T"),
            ("2020-02-29T", "2020-02-30T"),
            ("2020-02-29T", "2020-00-29T"),
            ("2020-02-29T", "2020-13-29T"),
            ("2020-02-29T", "1900-02-29T"),
            ("2020-02-29T", "2020-04-31T"),
            ("2020-02-29T", "2020-02-00T"),
            ("2020-02-29T", "0000-02-29T"),
            ("2020-02-29T", "2020-2-029T"),
            ("2020-02-29T", "2020-02-29 "),
            ("2020-02-29T", "2020-02-29t"),
            ("29T00:00:00", "29T24:00:00"),
            ("29T00:00:00", "29T00:60:00"),
            ("29T00:00:00", "29T00:00:60"),
            ("29T00:00:00", "29T00:00"),
            ("29T00:00:00", "29T00:00:00Z"),
            ("29T00:00:00", "29T00:00:00+01:00"),
            ("29T00:00:00", "29T00:00:00."),
            ("29T00:00:00", "29T00:00:00.000000"),
            ("29T00:00:00", "29T00:00:00.5"),
            ("29T00:00:00", "29T00:00:00.50000"),
            ("29T00:00:00", "29T00:00:00.0000005"),
            ("2021-12-31T23:59:59.999999", "2020-02-29T00:00:00"),
            ('"2021-12-31T23:59:59.999999"', "nul"),
            ('"2020-02-29T00:00:00"', "null"),
            ('"id":', '"id": '),
            ('"id":', '"ID":'),
            ('{"id"', ' {"id"'),
            ('70"}', '70"} '),
            ('70"}', '70"}\r'),
            ('70"}', '70"},'),
            ('70"}', '70"}}'),
            ('70"}', '70","more":1}'),
            (',"endCode":null', ""),
        ),
        *changes(
            "persons",
            (number(8), str(int(number(8)) + 1).zfill(11)),
            ("Åse", "A\u030ase"),
            ("Åse", "\u212bse"),
            ("Åse", "Nguyễn"),  # in form C, but not plain to see
            ("Åse", "ʼn\u0300"),
            ("Åse", "\\u00c5se"),
            ("Åse", 'Å\\"se'),
            ("Åse", "Å\tse"),
            ("Åse", "Å\0se"),
            ("Åse", "Å\x1fse"),
            ("1972-02-29", "1973-02-29"),
            ("1972-02-29", "72-02-29"),
            ("1972-02-29", "1972-02-29T00:00:00"),
            ('"sex":"2"', '"sex":"3"'),
            ('"sex":"2"', '"sex":2'),
            ('"fortrolig"', '"Fortrolig"'),
            ('"fortrolig"', '"fortrolig-strengt"'),
            ('"fortrolig"', '""'),
            ('"oid":5510,"value":"1"', '"oid":5510,"value":"2"'),
            ('"oid":5510,"value":"1"', '"oid":5511,"value":"1"'),
            ('"oid":5510,"value":"1"', '"oid":5512,"value":"1"'),
            ('"oid":5510,"value":"1"', '"oid":05510,"value":"1"'),
            ('{"id":0,', '{"id":-1,'),
            ('{"id":0,', '{"id":00,'),
            ("2147483647", "2147483648"),
            ("0001-01-01T00:00:00.000001", "0001-01-01T00:00:00"),
            ('"0159"', '"159"'),
            ('"0159"', '"01590"'),
            ('"0159"', '"O159"'),
            ('"RES"', '"REX"'),
            ('"RES"', "null"),
            ('"0301"', '"0302"'),
            ('"NO"', '"SE"'),
            ('"inherited":true', '"inherited":null'),
            ('"inherited":true', '"inherited":True'),
            ("},{", "}, {"),
            ("},{", "},,{"),
            ('"status":[', '"status":[,'),
            ('],"physical', ',],"physical'),
            ("}]}", "},]}"),
            ("}]}", "}}"),
            ("}]}", "}]"),
        ),
    ],
)
def test_what_is_odd(twin: str, table: str, old: bytes, new: bytes) -> None:
    line = LINES[table].replace(old, new, 1)
    assert line != LINES[table]
    nothing = (b"", [0] * 8)
    assert scanned(twin, table, line + b"\n") == ([(0, 0, len(line))], nothing, nothing)


@TWINS
@pytest.mark.parametrize(
    "wrong", [b"\xc1\x81", b"\xc0\x80", b"\xe6", b"\xc3", b"\xc3\x28", b"\xe0\x81\x81", b"\x80", b"\xff"]
)
def test_what_is_not_utf_8_is_odd(twin: str, wrong: bytes) -> None:
    for text in (b"se", b'se"'):
        line = LINES["persons"].replace("Å".encode() + text, wrong + text, 1)
        assert scanned(twin, "persons", line + b"\n")[0] == [(0, 0, len(line))]


@TWINS
def test_null_is_a_code_only_where_it_has_an_ordinal(twin: str) -> None:
    data = LINES["memberships"] + b"\n"
    odd = [(0, 0, len(data) - 1)]
    assert scanned(twin, "memberships", data)[0] == []
    assert scanned(twin, "memberships", data, end_codes={"OHID": 1, "": 2})[0] == odd
    assert scanned(twin, "memberships", data, slots={})[0] == odd


@pytest.mark.parametrize("table", LINES)
def test_the_twins_agree_on_lines_with_something_done_to_them(table: str, chance: random.Random) -> None:
    recognised = 0
    for _ in range(MUTATED_LINES // 500):
        data = mutated_block(LINES[table], chance, 500)
        plain = scanned("plain", table, data)
        assert scanned("compiled", table, data) == plain
        recognised += data.count(b"\n") - len(plain[0])
    assert MUTATED_LINES // 20 < recognised < MUTATED_LINES // 2


def test_the_lines_of_a_population_are_recognised(tmp_path: Path) -> None:
    assert make_population(["--persons", "3000", "--out", str(tmp_path), "--json"]) == 0
    feed = open_feed(tmp_path)
    rows = {"codes": [Row(*row) for row in read_table(feed, "codes")[0]]}
    contracts = [record for record, _, _ in read_table(feed, "contracts")[0]]
    others = {
        "slots": {contract.id: slot for slot, contract in enumerate(contracts)},
        "known": known_codes(rows, Faults(feed)),
        "begin_codes": {None: 0} | {value.value: 1 for value in codes.SYSTEMS[codes.BEGIN_REASON].values},
        "end_codes": {None: 0} | {value.value: 1 for value in codes.SYSTEMS[codes.END_REASON].values},
    }
    for table in LINES:
        data = (tmp_path / f"{table}.ndjson").read_bytes()
        plain = scanned("plain", table, data, **others)
        assert scanned("compiled", table, data, **others) == plain
        assert len(plain[0]) < data.count(b"\n") / 10


@given(
    st.text(st.sampled_from("contracts"), max_size=12), st.lists(st.binary(max_size=600).map(without_end), max_size=20)
)
def test_counting_and_digests_are_the_same_compiled(table: str, lines: list[bytes]) -> None:
    data = b"".join(line + b"\n" for line in lines)
    assert loader._fast.lines.count_lines(data) == len(lines)
    assert loader._fast.lines.lines_digest(table, data) == lines_digest(table, data)
