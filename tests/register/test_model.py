"""The records: they show nothing, take nothing unknown, hold no zone, and have one order of members."""

from datetime import UTC, date, datetime

import msgspec
import pytest

from register.model import TABLES, LocalTime, Membership, Person, PhysicalAddress, Record

SECRET = "02013299997"
PERSON = Person(nin=SECRET, first_name="Kari", last_name="Lie", date_of_birth=date(1932, 1, 2))
MEMBERSHIP = Membership(
    id=7, nin=SECRET, contract_id=101, valid_from=datetime(2020, 1, 1), updated=datetime(2020, 1, 1, 12, 0, 0, 450_000)
)


def every_record() -> set[type[Record]]:
    found, waiting = set(), [Record]
    while waiting:
        kinds = waiting.pop().__subclasses__()
        found.update(kinds)
        waiting += kinds
    return found


def test_a_repr_shows_no_content() -> None:
    record = Person(nin=SECRET, first_name="Kari", physical_addresses=(PhysicalAddress(type="RES", city="Oslo"),))
    for shown in (repr(record), str(record), f"{record}", f"{[record]}", repr(record.physical_addresses)):
        assert "Kari" not in shown
        assert SECRET not in shown
        assert "Oslo" not in shown


def test_every_record_shows_its_name_only() -> None:
    assert len(every_record()) >= len(TABLES)
    for kind in every_record():
        assert kind.__repr__ is Record.__repr__
        assert kind.__str__ is object.__str__


def test_a_schema_error_shows_no_content() -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(f'{{"nin":"{SECRET}0"}}', type=Person)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("table", TABLES)
def test_an_unknown_member_is_refused(table: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.json.decode('{"surprise": 1}', type=TABLES[table])


@pytest.mark.parametrize("name", ["contract_id", "contractID", "valid_from", "validFrom"])
def test_members_have_their_names_on_the_wire_only(name: str) -> None:
    line = msgspec.json.encode(MEMBERSHIP).decode()
    old = "from" if "alid" in name else "contractId"
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(line.replace(f'"{old}"', f'"{name}"'), type=Membership)


@pytest.mark.parametrize("zone", ["Z", "+01:00", "+00:00"])
def test_a_time_with_a_zone_is_refused(zone: str) -> None:
    line = msgspec.json.encode(MEMBERSHIP).decode().replace('"2020-01-01T00:00:00"', f'"2020-01-01T00:00:00{zone}"')
    with pytest.raises(msgspec.ValidationError, match="timezone"):
        msgspec.json.decode(line, type=Membership)
    with pytest.raises(msgspec.ValidationError, match="timezone"):
        msgspec.convert(datetime(2020, 1, 1, tzinfo=UTC), LocalTime)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("id", "0"),
        ("id", "9007199254740993"),
        ("id", '"7"'),
        ("id", "7.5"),
        ("nin", '"0201329999"'),
        ("nin", "2013299997"),
        ("from", "1577836800"),
        ("from", '"2020-01-01"'),
        ("from", "null"),
        ("contractId", "null"),
    ],
)
def test_a_value_of_another_type_or_range_is_refused(member: str, value: str) -> None:
    members = msgspec.json.decode(msgspec.json.encode(MEMBERSHIP), type=dict[str, msgspec.Raw])
    members[member] = msgspec.Raw(value.encode())
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(members), type=Membership)


def test_members_stand_in_the_order_of_the_schema_and_nothing_is_left_out() -> None:
    assert msgspec.json.encode(MEMBERSHIP) == (
        b'{"id":7,"nin":"02013299997","contractId":101,"from":"2020-01-01T00:00:00","to":null,"beginCode":null,'
        b'"endCode":null,"updated":"2020-01-01T12:00:00.450000"}'
    )


@pytest.mark.parametrize("record", [PERSON, MEMBERSHIP])
def test_a_record_comes_back_as_it_was(record: Record) -> None:
    assert msgspec.json.decode(msgspec.json.encode(record), type=type(record)) == record


def test_a_record_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        PERSON.first_name = "Per"  # type: ignore[misc]
