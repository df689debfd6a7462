"""The FHIR face against the oracle, over HTTP, loader and service being real processes: who has which GP now."""

import http.client
import random
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest

from register.ids import kind
from tests.fhir.searchset import HER, HPR, OID, ORGANIZATION, Searchset, identifiers, outcome, searchset
from tests.oracle import Row, covers
from tests.served import INVALID, UNKNOWN, Served
from tests.service import Service

SYSTEMS = {"FNR": f"{OID}.4.1", "DNR": f"{OID}.4.2", "FHN": f"{OID}.4.3"}
HEAD = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/fhir+json"}


class FhirLine:
    """One connection, kept, for many searches."""

    def __init__(self, service: Service) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", service.address["port"], timeout=60)

    def ask(self, kind: str, **form: str) -> tuple[int, bytes]:
        body = urlencode({name.replace("__", ":"): value for name, value in form.items()})
        self.connection.request("POST", f"/fhir/R4/{kind}/_search", body, HEAD)
        answer = self.connection.getresponse()
        assert answer.getheader("content-type") == "application/fhir+json"
        return answer.status, answer.read()

    def find(self, kind: str, **form: str) -> Searchset:
        status, body = self.ask(kind, **form)
        assert status == 200, body
        return searchset(body)


@pytest.fixture
def fhir(served: Served) -> Iterator[FhirLine]:
    line = FhirLine(served.service)
    yield line
    line.connection.close()


def now() -> datetime:
    return datetime.now(ZoneInfo("Europe/Oslo")).replace(tzinfo=None)


def doctors(wanted: Row) -> list[tuple[str | None, str]]:
    """(HER-ID, HPR number) of those who are a person's GP, and share the list."""
    gps = ([wanted["gp"]] if wanted["gp"] else []) + wanted["sharedWith"]
    return [(one["herId"] and str(one["herId"]), str(one["hprNumber"])) for one in gps]


def check_person(served: Served, fhir: FhirLine, nin: str) -> str:
    """The answer about a person is the oracle's. What kind of answer that is."""
    register = served.register
    newest, wanted = register.newest(nin), register.lookup(nin, now())
    found = fhir.find("Patient", identifier=nin)
    (patient,) = found.matches
    assert identifiers(patient) == {SYSTEMS[kind(newest).name]: newest}
    if wanted["status"] == "none":
        assert "generalPractitioner" not in patient
        assert not found.included
        return "none"
    references = patient["generalPractitioner"]
    if wanted["status"] == "vacant":
        first = references.pop(0)
        assert (first["display"], first["type"]) == ("Liste uten fastlege", "Organization")
        contract = register.contracts[wanted["contract"]["id"]]
        addressed = contract["herId"] or wanted["office"]["herId"]
        if addressed:
            assert first["identifier"] == {"system": HER, "value": str(addressed)}
    told = []
    for reference in references:
        role = found.follow(reference)
        doctor = found.follow(role["practitioner"])
        told.append((identifiers(role).get(HER), identifiers(doctor)[HPR]))
    assert told == doctors(wanted)
    shown = Counter(one["resourceType"] for one in found.included if one["resourceType"] == "PractitionerRole")
    assert shown["PractitionerRole"] == len(told) + len(wanted["substitutes"])
    (office,) = [one for one in found.included if one["resourceType"] == "Organization" and "partOf" not in one]
    assert identifiers(office).get(HER) == (wanted["office"]["herId"] and str(wanted["office"]["herId"]))
    assert office["name"] == wanted["office"]["name"].strip()
    return str(wanted["status"])


def test_persons_of_every_kind(served: Served, fhir: FhirLine, chance: random.Random) -> None:
    some = chance.sample(sorted(served.register.persons), 400) + sorted(served.register.changes)[:60]
    kinds = Counter(check_person(served, fhir, nin) for nin in some)
    assert {*kinds} == {"assigned", "vacant", "none"}


def test_numbers_that_nobody_has(fhir: FhirLine) -> None:
    for nin in UNKNOWN:
        assert fhir.find("Patient", identifier=nin).total == 0
    for text in INVALID:
        status, body = fhir.ask("Patient", identifier=text)
        assert status == 400
        assert outcome(body)[1] in ("invalid-nin", "not-supported")


def test_doctors_and_offices(served: Served, fhir: FhirLine, chance: random.Random) -> None:
    register = served.register
    at = now()
    in_force: dict[int, list[Row]] = {
        number: [one for word in ("LPFL", "LPDL", "LPVI") for one in register.current(contract, word, at)]
        for number, contract in register.contracts.items()
        if covers(contract, at)
    }
    cycles = [cycle for some in in_force.values() for cycle in some]
    for hpr_number in chance.sample(sorted(register.doctors), min(60, len(register.doctors))):
        mine = [cycle for cycle in cycles if cycle["hprNumber"] == hpr_number]
        found = fhir.find("PractitionerRole", practitioner__identifier=f"{HPR}|{hpr_number}")
        assert Counter(identifiers(one).get(HER) for one in found.matches) == Counter(
            cycle["herId"] and str(cycle["herId"]) for cycle in mine
        )
        (doctor,) = fhir.find("Practitioner", identifier=str(hpr_number)).matches
        assert doctor["name"][0]["family"] == register.doctors[hpr_number]["lastName"]
    offices = sorted(number for number in register.offices if number > 0)
    for number in chance.sample(offices, min(20, len(offices))):
        found = fhir.find("PractitionerRole", organization__identifier=f"{ORGANIZATION}|{number}")
        held = [n for n in in_force if register.contracts[n]["officeOrganizationNumber"] == number]
        assert found.total == sum(len(in_force[n]) for n in held)
        (office,) = fhir.find("Organization", identifier=f"{ORGANIZATION}|{number}").matches
        assert identifiers(office)[ORGANIZATION] == str(number)
    over = [c for n in register.contracts.keys() - in_force.keys() for c in register.cycles[n] if c["herId"]]
    for cycle in chance.sample(over, min(20, len(over))):
        found = fhir.find("PractitionerRole", identifier=f"{HER}|{cycle['herId']}")
        assert found.total == sum(one["herId"] == cycle["herId"] for one in cycles)
    addressed = [cycle for cycle in cycles if cycle["herId"]]
    for cycle in chance.sample(addressed, min(60, len(addressed))):
        found = fhir.find("PractitionerRole", identifier=f"{HER}|{cycle['herId']}")
        assert {identifiers(found.follow(one["practitioner"]))[HPR] for one in found.matches} == {
            str(cycle["hprNumber"])
        }
        assert {identifiers(one)[HER] for one in found.matches} == {str(cycle["herId"])}
