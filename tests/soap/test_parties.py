"""Adresseregisteret's operations over the hamlet: what a HER-ID is, to a client that reads strictly."""

import subprocess
import sys
from datetime import datetime

import pytest
from lxml import etree
from zeep.exceptions import Fault

from lookup.soap.operations import PARTIES, SOAP11, SOAP12
from register.localtime import OSLO
from tests.soap import hamlet
from tests.soap.clients import MEDIA, request
from tests.soap.consumers import generic
from tests.soap.hamlet import EGIL, FRIDA, OFFICE_HER_ID
from tests.soap.hamlet_parties import NEVER, UPDATED, WOMAN, addresses, common, office, plain, without_time
from tests.soap.hamlet_served import HamletServed
from tests.soap.stub import XSI, Stub

SERVICE_HER_ID = hamlet.SERVICES[hamlet.ONE_SUBSTITUTE]
NO_PARTY = ("InvalidHerIdSupplied", "Kommunikasjonspart med oppgitt HER-id eksisterer ikke.")
NO_PERSON = ("InvalidHerIdSupplied", "Kommunikasjonspart med oppgitt HER-id er ikke en person.")
NO_ORGANIZATION = ("InvalidHerIdSupplied", "Kommunikasjonspart med oppgitt HER-id er ikke en organisasjon.")


@pytest.fixture(params=[SOAP11, SOAP12])
def parties(hamlet_served: HamletServed, request: pytest.FixtureRequest) -> Stub:
    return hamlet_served.stubs("ks", request.param)[1]


@pytest.mark.parametrize("operation", ["GetCommunicationPartyDetails", "GetOrganizationPersonDetails"])
def test_a_doctor_at_an_office(parties: Stub, operation: str) -> None:
    found = parties.ask(operation, herId=4001)
    assert type(found).__name__ == "OrganizationPerson"
    told = plain(found)
    (above,) = told.pop("Organizations")["Organization"]
    assert without_time(above) == office()
    name = f"Anne Mellom {hamlet.LAST_NAME}"
    nin = hamlet.DOCTOR_NINS[hamlet.ANNE]
    assert without_time(told) == common(
        4001,
        "Person",
        **addresses(inherited=True),
        DisplayName=name,
        Name=name,
        Person={
            "BirthDate": datetime(1970, 5, 6),
            "CitizenId": {"CitizenIdType": "SSN", "Id": nin, "Sex": WOMAN},
            "FirstName": "Anne",
            "HPRInformation": {
                "Authorizations": None,
                "HPRNo": "7001",
                "HPRNumber": 7001,
                "LastChanged": NEVER,
                "SpecialCompetences": None,
            },
            "LastChanged": NEVER,
            "LastName": hamlet.LAST_NAME,
            "MiddleName": "Mellom",
            "Sex": WOMAN,
        },
        Properties=None,
        Title=None,
    )


@pytest.mark.parametrize("operation", ["GetCommunicationPartyDetails", "GetOrganizationDetails"])
def test_an_office(parties: Stub, operation: str) -> None:
    found = parties.ask(operation, herId=OFFICE_HER_ID)
    assert type(found).__name__ == "Organization"
    told = plain(found)
    people, services = told["People"]["OrganizationPerson"], told["Services"]["Service"]
    assert without_time(told) == {**office(), "People": told["People"], "Services": told["Services"]}
    assert [one["HerId"] for one in people] == [4001, 4002, 4003, 4004, 4005]
    assert {one["Organizations"] for one in people} == {None}
    assert [one["HerId"] for one in services] == [
        hamlet.SERVICES[hamlet.ONE_SUBSTITUTE],
        hamlet.SERVICES[hamlet.NO_DOCTOR],
    ]


def test_a_doctor_on_two_lists_is_one_party(parties: Stub) -> None:
    alone = parties.ask("GetOrganizationPersonDetails", herId=4005)
    (listed,) = (
        one
        for one in parties.ask("GetOrganizationDetails", herId=OFFICE_HER_ID).People.OrganizationPerson
        if one.HerId == 4005
    )
    assert alone.Valid.From == listed.Valid.From == datetime.fromisoformat(hamlet.LATER)  # the latest of the two


def test_the_service_of_a_list_that_is_over(parties: Stub) -> None:
    told = parties.ask("GetCommunicationPartyDetails", herId=hamlet.SERVICES[hamlet.ENDED])
    assert (told.Active, told.Valid.To) == (False, datetime.fromisoformat(hamlet.UNTIL))


def test_the_service_of_a_list(parties: Stub) -> None:
    found = parties.ask("GetCommunicationPartyDetails", herId=SERVICE_HER_ID)
    assert type(found).__name__ == "Service"
    assert without_time(plain(found)) == common(
        SERVICE_HER_ID,
        "Service",
        **addresses(inherited=True),
        Code=None,
        CoverageAreas=None,
        Description=None,
        DisplayName=None,
        LocationDescription=None,
        Name="Fastlege, liste uten fast lege",
        Properties=None,
    )


def test_a_doctor_at_an_office_without_a_her_id(parties: Stub) -> None:
    told = plain(parties.ask("GetCommunicationPartyDetails", herId=4006))
    assert (told["ParentHerId"], told["ParentName"]) == (-1, "UTEN HER-ID")
    assert (told["ParentOrganizationNumber"], told["Organizations"]) == (hamlet.OFFICE_WITHOUT_HER_ID, None)


def test_an_office_without_a_parent(parties: Stub) -> None:
    told = plain(parties.ask("GetOrganizationDetails", herId=hamlet.ORPHAN_HER_ID))
    assert (told["ParentHerId"], told["ParentName"], told["ParentOrganizationNumber"]) == (-1, None, -1)
    assert (told["People"], told["Services"], told["DisplayName"]) == (None, None, None)
    assert told["LastChanged"] == UPDATED


@pytest.mark.parametrize(
    ("her_id", "kind", "hpr"), [(4001, "SSN", hamlet.ANNE), (4005, "DN", EGIL), (4006, "FHN", FRIDA)]
)
def test_the_kind_of_a_doctors_national_id(parties: Stub, her_id: int, kind: str, hpr: int) -> None:
    citizen = parties.ask("GetOrganizationPersonDetails", herId=her_id).Person.CitizenId
    assert (citizen.CitizenIdType, citizen.Id) == (kind, hamlet.DOCTOR_NINS[hpr])


def test_a_doctor_of_whom_less_is_known(parties: Stub) -> None:
    told = parties.ask("GetOrganizationPersonDetails", herId=4002)
    assert (told.Name, told.Person.MiddleName, told.Person.BirthDate) == (f"Berit {hamlet.LAST_NAME}", None, NEVER)


def test_a_doctor_who_has_left(parties: Stub) -> None:
    told = parties.ask("GetOrganizationPersonDetails", herId=hamlet.GONE_HER_ID)
    assert (told.Active, told.IsValidCommunicationParty) == (False, False)
    assert plain(told.Valid) == {"From": datetime(2015, 1, 1), "To": datetime(2016, 1, 1)}


def test_the_time_is_told_with_its_offset(parties: Stub) -> None:
    told = parties.ask("GetCommunicationPartyDetails", herId=4001)
    for time in (told.ServerTime, told.Organizations.Organization[0].ServerTime):
        assert time.utcoffset() == time.astimezone(OSLO).utcoffset()
        assert abs((datetime.now(OSLO) - time).total_seconds()) < 3600


@pytest.mark.parametrize(
    ("operation", "her_id", "told"),
    [
        ("GetCommunicationPartyDetails", 1, NO_PARTY),
        ("GetOrganizationPersonDetails", 1, NO_PARTY),
        ("GetOrganizationDetails", 1, NO_PARTY),
        ("GetOrganizationDetails", 0, NO_PARTY),
        ("GetOrganizationDetails", -(2**31), NO_PARTY),
        ("GetOrganizationPersonDetails", OFFICE_HER_ID, NO_PERSON),
        ("GetOrganizationPersonDetails", SERVICE_HER_ID, NO_PERSON),
        ("GetOrganizationDetails", 4001, NO_ORGANIZATION),
        ("GetOrganizationDetails", SERVICE_HER_ID, NO_ORGANIZATION),
    ],
)
def test_what_is_not_there(parties: Stub, operation: str, her_id: int, told: tuple[str, str]) -> None:
    with pytest.raises(Fault) as caught:
        parties.ask(operation, herId=her_id)
    assert generic(caught.value) == told
    assert caught.value.message == told[1]
    assert parties.transport.answer.status_code == 500


def test_a_question_without_a_her_id(hamlet_served: HamletServed) -> None:
    question = request(PARTIES, "GetCommunicationPartyDetails")
    status, _, body = hamlet_served.post("ks", "/v1/AR/Basic", question, MEDIA[SOAP11])
    assert (status, NO_PARTY[1] in body.decode()) == (500, True)


def test_what_is_none_is_nil_and_what_is_an_empty_list_is_empty(parties: Stub) -> None:
    for her_id, empty in (
        (hamlet.ORPHAN_HER_ID, ["FutureElectronicAddresses", "People", "Services"]),
        (4006, ["FutureElectronicAddresses", "Organizations", "Properties"]),
        (SERVICE_HER_ID, ["CoverageAreas", "FutureElectronicAddresses", "Properties"]),
    ):
        parties.ask("GetCommunicationPartyDetails", herId=her_id)
        (result,) = etree.fromstring(parties.transport.answer.content)[-1][0]
        without = [one for one in result if not len(one) and not one.text]
        assert sorted(etree.QName(one).localname for one in without if f"{XSI}nil" not in one.attrib) == empty
        assert all(one.get(f"{XSI}nil") == "true" for one in without if one.attrib)
    parties.ask("GetCommunicationPartyDetails", herId=4001)
    unknown = [one for one in etree.fromstring(parties.transport.answer.content).iter() if f"{XSI}nil" in one.attrib]
    assert {"Authorizations", "SpecialCompetences"} < {etree.QName(one).localname for one in unknown}


def test_ping(parties: Stub) -> None:
    assert parties.ask("Ping") == "OK"


def test_a_doctor_is_known_by_the_number_and_that_is_no_disclosure(parties: Stub, hamlet_served: HamletServed) -> None:
    parties.ask("GetCommunicationPartyDetails", herId=4001)
    command = [sys.executable, "-m", "lookup", "audit", "insight", "--json", "--data-dir"]
    done = subprocess.run(
        [*command, str(hamlet_served.folder / "data")],
        input=hamlet.DOCTOR_NINS[hamlet.ANNE] + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == ""
