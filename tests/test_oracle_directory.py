"""Lists, contracts, offices, doctors and HER-IDs of the service against the oracle, over HTTP."""

import random
from collections import Counter
from datetime import datetime
from itertools import product

import pytest

from tests.moments import AROUND, meant
from tests.served import Served
from tests.test_oracle import OSLO

NOON = datetime(2026, 11, 23, 12)


def test_patient_lists(served: Served, chance: random.Random) -> None:
    register = served.register
    for contract_id, contract in register.contracts.items():
        end = datetime.fromisoformat(contract["to"] or contract["from"])
        for at in (datetime(2026, 11, 23, 12), end + chance.choice(AROUND)):
            status, _, answer = served.get(f"/v1/contracts/{contract_id}/patients?at={meant(at).isoformat()}")
            wanted, _ = register.patients(contract_id, meant(at))
            got = [{name: row[name] for name in ("nin", "from", "to", "beginCode")} for row in answer["patients"]]
            assert (status, got) == (200, wanted)
            assert (answer["count"], answer["withheld"]) == (len(wanted), 0)
    assert served.get("/v1/contracts/999999999999/patients")[0] == 404


def test_patient_lists_with_particulars(served: Served) -> None:
    register = served.register
    for contract_id in register.contracts:
        _, _, answer = served.get(
            f"/v1/contracts/{contract_id}/patients?at=2026-11-23T12:00:00&includePatientData=true"
        )
        for row in answer["patients"]:
            person, shown = register.persons[row["nin"]], row["person"]
            for name in ("firstName", "middleName", "lastName", "dateOfBirth", "dateOfDeath", "sex"):
                assert shown[name] == person[name]
            addresses = [] if person["protection"] is not None else person["physicalAddresses"]
            assert shown["addresses"] == [register.address(address) for address in addresses]


def test_contracts(served: Served) -> None:
    register, at = served.register, datetime(2026, 11, 23, 12)
    for contract_id, contract in register.contracts.items():
        for query, when in (("", None), (f"?at={at.isoformat()}", at)):
            status, headers, answer = served.get(f"/v1/contracts/{contract_id}{query}")
            assert (status, headers["flr-generation"]) == (200, "1")
            assert {cycle["id"] for cycle in answer["doctorCycles"]} == register.contract_cycles(contract_id, when)
            assert answer["office"] == register.office(contract["officeOrganizationNumber"])
            assert {name: answer[name] for name in ("id", "name", "status", "municipality")} == register.contract_head(
                contract
            )
            same = ("from", "to", "maxPatients", "placesAvailable", "agreementDate", "herId")
            assert {name: answer[name] for name in same} == {name: contract[name] for name in same}
    assert served.get("/v1/contracts/999999999999")[2]["type"] == "urn:flr:problem:unknown-contract"


def test_offices(served: Served) -> None:
    register, at = served.register, datetime(2026, 11, 23, 12)
    for number in register.offices:
        for query, when in (("", None), (f"?at={at.isoformat()}", at)):
            status, _, answer = served.get(f"/v1/offices/{number}/contracts{query}")
            assert (status, answer["office"]) == (200, register.office(number))
            assert {row["id"] for row in answer["contracts"]} == register.office_contracts(number, when)
    assert served.get("/v1/offices/123456785/contracts")[2]["type"] == "urn:flr:problem:unknown-office"


def test_gps(served: Served) -> None:
    register, at = served.register, datetime(2026, 11, 23, 12)
    for number, doctor in register.doctors.items():
        for query, when in (("", None), (f"?at={at.isoformat()}", at)):
            status, _, answer = served.get(f"/v1/gps/{number}{query}")
            assert (status, answer["hprNumber"]) == (200, number)
            for name in ("firstName", "middleName", "lastName"):
                assert answer[name] == doctor[name]
            got = {(row["contract"]["id"], row["relationship"]) for row in answer["contracts"]}
            assert got == register.gp_contracts(number, when)
    assert served.get("/v1/gps/999999999")[2]["type"] == "urn:flr:problem:unknown-gp"


def test_her_ids(served: Served) -> None:
    register = served.register
    tables = ("doctor_cycles", "offices", "contracts")
    kinds = Counter()
    her_ids = {row["herId"] for table in tables for row in register.tables[table]} - {None}
    for her_id, now in product(her_ids, (False, True)):
        at = datetime.now(OSLO).replace(tzinfo=None) if now else datetime(2026, 11, 23, 12)
        status, _, answer = served.get(f"/v1/her/{her_id}" if now else f"/v1/her/{her_id}?at={at.isoformat()}")
        assert (status, answer["herId"]) == (200, her_id)
        numbers = {"office": answer["office"]["organizationNumber"]}
        numbers |= {"gp": answer["gp"]["hprNumber"]} if answer["kind"] == "gp" else {}
        numbers |= {"service": answer["contracts"][0]["id"]} if answer["kind"] == "service" else {}
        assert (answer["kind"], numbers[answer["kind"]]) in (register.her(her_id, at) or register.her(her_id))
        assert answer["office"] == register.office(numbers["office"])
        kinds[answer["kind"]] += 1
    assert kinds["gp"] >= 10
    assert kinds["office"] >= 3
    assert served.get("/v1/her/2147483647")[2]["type"] == "urn:flr:problem:unknown-her-id"


def test_the_compiled_path_has_answered(served: Served, request: pytest.FixtureRequest) -> None:
    handed_over = served.service.metric("flr_handovers_total")
    before = served.service.metric("flr_connections_total")
    for her_id in range(20):
        served.get(f"/v1/her/{her_id + 1}")
    assert served.service.metric("flr_connections_total") == before + 21
    # Each look at the metrics is handed over, the questions about HER-IDs are not.
    more = 1 if "hot" in request.node.callspec.id else 0
    assert served.service.metric("flr_handovers_total") == handed_over + 3 * more
