"""Every HER-ID of a crooked register as a communication party, at many times: valid, and what the oracle says it is."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from lookup import directory
from lookup.generation import Generation, open_generation
from lookup.soap import envelope, party_values
from lookup.soap.call import wording_of
from lookup.soap.operations import PARTIES, SOAP11
from lookup.soap.party_values import Sight
from register.flr_xml import Derived
from register.localtime import OSLO, to_micros
from tests import crooked
from tests.oracle import Register, covers
from tests.served import load
from tests.soap.clients import Schemas

TIMES = [
    datetime(1980, 1, 1),
    datetime(2026, 11, 23, 12),
    datetime(2015, 1, 1),
    datetime(2019, 6, 1),
    datetime(2027, 1, 1),
]
KINDS = {"Organization": "office", "OrganizationPerson": "gp", "Service": "service"}
DETAILS = PARTIES.operations["GetCommunicationPartyDetails"]
NS = f"{{{PARTIES.namespace}}}"


@pytest.fixture(scope="module")
def crooked_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crooked")
    crooked.write_feed(folder / "feed", seed=5)
    load(folder / "feed", folder / "data")
    return folder


def her_ids(register: Register) -> list[int]:
    rows = [row for table in ("doctor_cycles", "contracts", "offices") for row in register.tables[table]]
    return sorted({row["herId"] for row in rows if row["herId"] is not None})


def told(generation: Generation, her_id: int, at: datetime, schemas: Schemas) -> etree._Element:
    """The party as it is answered, which is valid."""
    moment = at.replace(tzinfo=OSLO)
    sight = Sight(generation.tables, wording_of(generation, PARTIES.writer), to_micros(at), moment)
    holder = directory.holder(generation.tables, her_id, to_micros(at))
    assert holder is not None
    answer = envelope.answer(PARTIES, SOAP11, DETAILS, None, Derived(*party_values.party(sight, holder)))
    return schemas.check(answer)[0]


def number(party: etree._Element, name: str) -> int | None:
    value = int(party.findtext(f"{NS}{name}"))
    return None if value == -1 else value


def test_each_her_id_is_what_the_oracle_says(crooked_folder: Path, validate: dict[str, Schemas]) -> None:
    register = Register(crooked_folder / "feed")
    generation = open_generation(next((crooked_folder / "data" / "gen").iterdir()))
    seen: set[tuple[str, bool]] = set()
    for her_id in her_ids(register):
        for at in TIMES:
            party = told(generation, her_id, at, validate[PARTIES.name])
            kind = KINDS[party.get("{http://www.w3.org/2001/XMLSchema-instance}type")]
            entry = directory.her(generation.tables, her_id, to_micros(at))
            assert entry is not None
            shown: Any = entry.body
            assert (shown.kind, shown.her_id) == (kind, number(party, "HerId")) == (kind, her_id)
            parent = shown.parent
            assert number(party, "ParentHerId") == (parent and parent.her_id)
            assert (party.findtext(f"{NS}Active") == "true") == shown.current == bool(register.her(her_id, at))
            seen.add((kind, shown.current))
            if kind == "office":
                people = [number(one, "HerId") for one in party.iterfind(f"{NS}People/{NS}OrganizationPerson")]
                assert people == people_at(register, shown.office.organization_number, at)
    assert seen == {(kind, current) for kind in KINDS.values() for current in (True, False)}


def people_at(register: Register, office: int, at: datetime) -> list[int]:
    """The HER-IDs of the doctors at an office."""
    cycles = [row for contract in register.office_contracts(office, at) for row in register.cycles[contract]]
    return sorted({row["herId"] for row in cycles if row["herId"] is not None and covers(row, at)})
