"""The table of the real register's types is what the interface description says, member by member."""

import hashlib
from pathlib import Path

import pytest

from lookup.soap.operations import EXPORT, READ
from register.flr_schema import ENTRY, SIMPLE, TYPES, Member
from tests.register.flr_contracts import (
    DESCRIPTION,
    EXPORT_DESCRIPTION,
    VARIABLE,
    described,
    header,
    members_of,
    xml_schema,
)

# Of the table as it was when it was held against the description: whoever changes it does that again, and notes it.
HELD = "1a2b2e1e676ea1f580a282e794bacd59ba107f4ffb5e0adb8c6f0df906c63f1e"


def digest() -> str:
    text = "\n".join(repr((one.name, one.namespace, *map(tuple, one.members))) for one in TYPES.values())
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_table_is_the_one_that_was_held_against_the_description() -> None:
    descriptions = [described(name) for name in (DESCRIPTION, EXPORT_DESCRIPTION)]
    if None not in descriptions:
        said: dict[str, list[Member]] = {}
        for description in filter(None, descriptions):
            said |= members_of(description)
        assert {name: list(one.members) for name, one in TYPES.items()} == {name: said[name] for name in TYPES}
    assert digest() == HELD


def test_every_type_that_a_document_or_an_operation_leads_to_is_there_and_no_other() -> None:
    operations = [operation for service in (READ, EXPORT) for operation in service.operations.values()]
    asked = [member.type for operation in operations for member in (*operation.parameters, operation.result)]
    reached, waiting = set(), [ENTRY, "GenericFault", *asked]
    while waiting:
        name = waiting.pop()
        if name not in reached and name not in SIMPLE:
            reached.add(name)
            waiting += [member.type for member in TYPES[name].members]
    assert reached == set(TYPES)


def test_a_list_is_told_from_what_has_members() -> None:
    assert TYPES["ArrayOfCode"].item == Member("Code", "Code", True, True, TYPES["ArrayOfCode"].namespace)
    lists = {name for name, one in TYPES.items() if one.item is not None}
    assert lists == {name for name in TYPES if name.startswith("ArrayOf")}


@pytest.mark.parametrize("folder", ["", "there is no such folder"])
def test_set_without_a_description_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: str) -> None:
    monkeypatch.setenv(VARIABLE, folder)
    with pytest.raises(FileNotFoundError, match=DESCRIPTION):
        xml_schema(tmp_path)


def test_the_report_says_what_was_held_against(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert "not set" in header()
    monkeypatch.setenv(VARIABLE, "contracts")
    assert header() == f"{VARIABLE}: contracts"
