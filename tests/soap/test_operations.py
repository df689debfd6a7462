"""The read operations over a small town, held against the oracle, and by every kind of patient in the hamlet."""

from datetime import datetime
from typing import Any

import pytest
from zeep.exceptions import Fault

from lookup.soap.operations import READ, SOAP11, SOAP12
from register.localtime import OSLO
from tests.oracle import Register, covers
from tests.soap import hamlet
from tests.soap.clients import Clients
from tests.soap.consumers import generic
from tests.soap.hamlet import ANNE, BERIT, CARL, EGIL, OFFICE
from tests.soap.hamlet_served import HamletServed
from tests.soap.stub import Stub

NO_GP = ("Feil", "ArgumentException: Personen er ikke tilknyttet fastlegekontrakt")
BEFORE_ALL, LONG_AGO = datetime(2010, 1, 1), datetime(2015, 6, 1)
LISTS_OF_THE_OFFICE = [one for one in hamlet.PATIENTS if one != hamlet.ELSEWHERE]


def bad(parameter: str) -> tuple[str, str]:
    return "Feil", f"ArgumentException: {parameter} er ugyldig"


@pytest.fixture(params=[SOAP11, SOAP12])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def nav(hamlet_served: HamletServed, version: str) -> Stub:
    return hamlet_served.stubs("nav", version)[0]


@pytest.fixture
def without_the_right(hamlet_served: HamletServed, version: str) -> Stub:
    return hamlet_served.stubs("nav-without-the-right", version)[0]


@pytest.fixture
def now() -> datetime:
    return datetime.now(OSLO).replace(tzinfo=None)


def told(stub: Stub, operation: str, **arguments: Any) -> tuple[str, str] | None:
    """The GenericFault of an operation, or None of another fault."""
    with pytest.raises(Fault) as caught:
        stub.ask(operation, **arguments)
    assert stub.transport.answer.status_code == 500
    return generic(caught.value)


def asked_at(*pairs: tuple[str | None, datetime | None]) -> dict[str, Any]:
    return {"NinWithTimestamp": [{"NIN": nin, "AtTime": at} for nin, at in pairs]}


def hpr_numbers(cycles: Any) -> list[int]:
    return [] if cycles is None else [one.HprNumber for one in cycles.GPOnContractAssociation]


class TestPatients:
    def test_some_at_once_in_order(self, nav: Stub) -> None:
        numbers = [hamlet.ON_SHARED, hamlet.OLD_NUMBER, hamlet.ON_NO_DOCTOR, hamlet.ON_SHARED]
        found = nav.ask("GetPatientsGPDetails", patientNins={"string": numbers})
        assert [(one.PatientNIN, one.GPHerId, hpr_numbers(one.DoctorCycles)) for one in found] == [
            (hamlet.ON_SHARED, 4002, [BERIT, CARL]),
            (hamlet.RENUMBERED, 4001, [ANNE]),
            (hamlet.ON_NO_DOCTOR, None, []),
            (hamlet.ON_SHARED, 4002, [BERIT, CARL]),
        ]

    @pytest.mark.parametrize("other", [hamlet.NOBODY, hamlet.UNKNOWN])
    def test_one_without_a_gp_is_a_fault_for_all(self, nav: Stub, other: str) -> None:
        numbers = {"string": [hamlet.ON_SHARED, other]}
        assert told(nav, "GetPatientsGPDetails", patientNins=numbers) == NO_GP

    @pytest.mark.parametrize("other", [hamlet.INVALID, ""])
    def test_one_that_is_no_number_is_a_fault_for_all(self, nav: Stub, other: str) -> None:
        assert told(nav, "GetPatientsGPDetails", patientNins={"string": [hamlet.ON_SHARED, other]}) == bad(
            "patientNins"
        )
        arguments = {"patientNins": asked_at((hamlet.ON_SHARED, LONG_AGO), (other, LONG_AGO))}
        assert told(nav, "GetPatientsGPDetailsAtTime", **arguments) == bad("patientNins")

    def test_none_are_none(self, nav: Stub) -> None:
        assert nav.ask("GetPatientsGPDetails", patientNins={"string": []}) in (None, [])
        assert nav.ask("GetPatientsGPDetailsAtTime", patientNins=None) in (None, [])

    def test_more_than_may_be_asked_for(self, nav: Stub) -> None:
        numbers = {"string": [hamlet.ON_SHARED] * 1001}
        fault = told(nav, "GetPatientsGPDetails", patientNins=numbers)
        assert fault == ("Feil", "ArgumentException: patientNins kan ha høyst 1000 verdier")

    def test_each_at_a_time_of_its_own(self, nav: Stub) -> None:
        asked = asked_at(
            (hamlet.ON_ONE_SUBSTITUTE, LONG_AGO),  # before the substitute came
            (hamlet.NOBODY, LONG_AGO),
            (hamlet.ON_ONE_SUBSTITUTE, datetime(2020, 1, 1)),
            (hamlet.ON_ALONE, BEFORE_ALL),
            (hamlet.UNKNOWN, LONG_AGO),
        )
        found = nav.ask("GetPatientsGPDetailsAtTime", patientNins=asked)
        assert [(one.PatientNIN, one.GPHerId) for one in found] == [
            (hamlet.ON_ONE_SUBSTITUTE, None),
            (hamlet.ON_ONE_SUBSTITUTE, 4005),
        ]

    @pytest.mark.parametrize("of_whom", [hamlet.PROTECTED, hamlet.ON_ALONE])
    def test_who_is_protected_is_withheld_from_whoever_has_not_the_right(
        self, nav: Stub, without_the_right: Stub, of_whom: str
    ) -> None:
        asked: list[tuple[str, dict[str, Any]]] = [
            ("GetPatientGPDetails", {"patientNin": of_whom}),
            ("GetPatientsGPDetails", {"patientNins": {"string": [of_whom]}}),
            ("GetPatientsGPDetailsAtTime", {"patientNins": asked_at((of_whom, LONG_AGO))}),
            ("GetPatientGPHistory", {"patientNin": of_whom, "includePatientData": False}),
            ("ConfirmGP", {"patientNin": of_whom, "hprNumber": ANNE}),
        ]
        for operation, arguments in asked:
            assert nav.ask(operation, **arguments)
            if of_whom == hamlet.PROTECTED:
                assert told(without_the_right, operation, **arguments) is None
            else:
                assert without_the_right.ask(operation, **arguments)

    def test_history(self, nav: Stub) -> None:
        (one,) = nav.ask("GetPatientGPHistory", patientNin=hamlet.OLD_NUMBER, includePatientData=False)
        assert (one.PatientNIN, one.Patient.NIN, one.GPHerId) == (hamlet.RENUMBERED, None, 4001)
        # with the one who has left, who was there in the membership's time
        assert hpr_numbers(one.DoctorCycles) == [ANNE, hamlet.FRIDA]
        assert (one.GPContractId, one.GPContract.GPOffice.OrganizationNumber) == (hamlet.ALONE, OFFICE)

    def test_history_with_particulars(self, nav: Stub) -> None:
        (one,) = nav.ask("GetPatientGPHistory", patientNin=hamlet.ON_SHARED, includePatientData=True)
        assert (one.Patient.FirstName, one.Patient.NIN) == ("Kim", hamlet.ON_SHARED)
        assert [address.StreetAddress for address in one.Patient.PhysicalAddresses.PhysicalAddress] == ["Lillegata 2"]
        (one,) = nav.ask("GetPatientGPHistory", patientNin=hamlet.PROTECTED, includePatientData=True)
        assert (one.Patient.FirstName, one.Patient.PhysicalAddresses) == ("Kim", None)

    @pytest.mark.parametrize(
        ("nin", "fault"), [(hamlet.NOBODY, NO_GP), (hamlet.UNKNOWN, NO_GP), ("1", bad("patientNin"))]
    )
    def test_history_of_nobody(self, nav: Stub, nin: str, fault: tuple[str, str]) -> None:
        assert told(nav, "GetPatientGPHistory", patientNin=nin, includePatientData=False) == fault

    def test_confirm(self, nav: Stub) -> None:
        def confirmed(nin: str, hpr: int, at: datetime | None = None) -> Any:
            return nav.ask("ConfirmGP", patientNin=nin, hprNumber=hpr, atTime=at)

        assert confirmed(hamlet.ON_SHARED, BERIT) is True
        assert confirmed(hamlet.ON_SHARED, CARL) is True  # shares the list
        assert confirmed(hamlet.ON_COVERED, EGIL) is False  # substitutes
        assert confirmed(hamlet.ON_SHARED, BERIT, BEFORE_ALL) is False
        assert confirmed(hamlet.NOBODY, BERIT) is False
        assert confirmed(hamlet.UNKNOWN, BERIT) is False
        assert told(nav, "ConfirmGP", patientNin="1", hprNumber=BERIT) == bad("patientNin")
        for hpr in (0, -1):
            assert told(nav, "ConfirmGP", patientNin=hamlet.ON_SHARED, hprNumber=hpr) == bad("hprNumber")


class TestContracts:
    def test_one(self, nav: Stub) -> None:
        found = nav.ask("GetGPContract", gpContractId=hamlet.ALONE)
        assert (found.Id, found.MaxPatients) == (hamlet.ALONE, 1000)
        assert found.PatientList.PatientToGPContractAssociation == []  # what zeep makes of nil
        assert found.GPOffice.DisplayName == "Storgata legekontor"
        assert hpr_numbers(found.DoctorCycles) == [ANNE, hamlet.FRIDA]  # all there have been

    @pytest.mark.parametrize("number", [999_999, 2**62])
    def test_one_that_is_not_there(self, nav: Stub, number: int) -> None:
        unknown = ("Feil", "ArgumentException: Fastlegekontrakten finnes ikke")
        assert told(nav, "GetGPContract", gpContractId=number) == unknown
        assert told(nav, "GetGPPatientList", gpContractId=number) == unknown

    @pytest.mark.parametrize("number", [0, -1])
    def test_one_that_cannot_be(self, nav: Stub, number: int) -> None:
        assert told(nav, "GetGPContract", gpContractId=number) == bad("gpContractId")

    def test_those_of_an_office(self, nav: Stub, now: datetime) -> None:
        def ids(at: datetime | None) -> list[int]:
            return [one.Id for one in nav.ask("GetGPContractsOnOffice", organizationNumber=OFFICE, atTime=at)]

        assert ids(None) == LISTS_OF_THE_OFFICE
        assert ids(now) == [one for one in LISTS_OF_THE_OFFICE if one != hamlet.ENDED]
        none = ("Feil", "ArgumentException: Ingen fastlegekontrakter er knyttet til organisasjonsnummeret")
        assert told(nav, "GetGPContractsOnOffice", organizationNumber=OFFICE, atTime=BEFORE_ALL) == none
        assert told(nav, "GetGPContractsOnOffice", organizationNumber=hamlet.ORPHAN) == none
        assert told(nav, "GetGPContractsOnOffice", organizationNumber=0) == bad("organizationNumber")

    def test_a_doctors(self, nav: Stub, now: datetime) -> None:
        def found(at: datetime | None) -> list[tuple[int, int]]:
            details = nav.ask("GetGPWithAssociatedGPContracts", hprNumber=hamlet.FRIDA, atTime=at)
            assert (details.GP.NIN, details.HprNumber) == (hamlet.DOCTOR_NINS[hamlet.FRIDA], hamlet.FRIDA)
            cycles = [] if details.Contracts is None else details.Contracts.GPOnContractAssociation
            assert all(one.GPContract.GPOffice.PhysicalAddresses for one in cycles)
            return [(one.GPContractId, one.GPContract.Id) for one in cycles]

        assert found(now) == [(hamlet.ELSEWHERE, hamlet.ELSEWHERE)]
        assert found(None) == [(hamlet.ELSEWHERE, hamlet.ELSEWHERE), (hamlet.ALONE, hamlet.ALONE)]
        assert found(BEFORE_ALL) == []
        unknown = ("Feil", "ArgumentException: HPR-nummeret tilhører ingen fastlege")
        assert told(nav, "GetGPWithAssociatedGPContracts", hprNumber=1) == unknown
        assert told(nav, "GetGPWithAssociatedGPContracts", hprNumber=0) == bad("hprNumber")

    def test_no_team(self, nav: Stub) -> None:
        unknown = ("Feil", "ArgumentException: Primærhelseteamet finnes ikke")
        assert told(nav, "GetPrimaryHealthCareTeam", id=1) == unknown


class TestLists:
    def test_who_is_protected_is_left_out_for_whoever_has_not_the_right(
        self, hamlet_served: HamletServed, version: str
    ) -> None:
        def listed(name: str) -> list[str]:
            found = hamlet_served.stubs(name, version)[0].ask("GetGPPatientList", gpContractId=hamlet.ALONE)
            return [one.PatientNIN for one in found or ()]

        by_number = hamlet.PATIENTS[hamlet.ALONE]
        assert listed("epj") == by_number
        assert listed("epj-without-the-right") == [one for one in by_number if one != hamlet.PROTECTED]

    def test_only_those_of_ones_own_unit(self, nav: Stub, hamlet_served: HamletServed, version: str) -> None:
        epj = hamlet_served.stubs("epj", version)[0]
        for stub, contract in ((nav, hamlet.ALONE), (epj, hamlet.ELSEWHERE)):
            with pytest.raises(Fault) as caught:
                stub.ask("GetGPPatientList", gpContractId=contract)
            assert (generic(caught.value), stub.transport.answer.status_code) == (None, 403)
        assert epj.ask("GetGPPatientList", gpContractId=hamlet.ENDED) in (None, [])

    def test_a_doctors_list_for_nav(self, nav: Stub) -> None:
        arguments = {"doctorNin": hamlet.DOCTOR_NINS[BERIT], "doSubstituteSearch": False}
        for municipality in ("0301", "301"):
            found = nav.ask("GetGPContractForNav", municipalityNr=municipality, **arguments)
            assert found.Id == hamlet.SHARED
            (patient,) = found.PatientList.PatientToGPContractAssociation
            assert (patient.PatientNIN, patient.Patient.FirstName) == (hamlet.ON_SHARED, "Kim")
        for municipality in ("", "30", "03O1"):
            fault = told(nav, "GetGPContractForNav", municipalityNr=municipality, **arguments)
            assert fault == bad("municipalityNr")
        not_one = ("Feil", "ArgumentException: Legen har ingen eller flere enn én aktiv legeperiode i kommunen")
        assert told(nav, "GetGPContractForNav", municipalityNr="4601", **arguments) == not_one
        several = {"doctorNin": hamlet.DOCTOR_NINS[EGIL], "municipalityNr": "0301", "doSubstituteSearch": True}
        assert told(nav, "GetGPContractForNav", **several) == not_one
        nobody = {"doctorNin": hamlet.ON_ALONE, "municipalityNr": "0301", "doSubstituteSearch": False}
        assert told(nav, "GetGPContractForNav", **nobody) == not_one


class TestSearching:
    def search(
        self, nav: Stub, text: str | None, page: int = 1, size: int = 10, **members: Any
    ) -> tuple[list[int], int]:
        asked = nav.type("GPSearchParameters", FullText=text, Page=page, PageSize=size, **members)
        found = nav.ask("SearchForGP", searchParameters=asked)
        return [one.HprNumber for one in (found.Results.GPDetails if found.Results else ())], found.Total

    def test_words_of_names_and_offices(self, nav: Stub) -> None:
        assert self.search(nav, "anne") == ([ANNE], 1)
        assert self.search(nav, "ÆRL an") == ([ANNE], 1)
        assert self.search(nav, "mellom storgata") == ([ANNE], 1)
        assert self.search(nav, "anne berit") == ([], 0)
        assert self.search(nav, "aerlig") == ([], 0)  # æ is a letter of its own
        assert self.search(nav, "sønn") == (sorted(hamlet.NAMES), 6)
        assert self.search(nav, "uten her") == ([hamlet.FRIDA], 1)

    def test_pages(self, nav: Stub) -> None:
        everybody = sorted(hamlet.NAMES)
        assert self.search(nav, None, 1, 4) == (everybody[:4], 6)
        assert self.search(nav, "", 2, 4) == (everybody[4:], 6)
        assert self.search(nav, "", 3, 4) == ([], 6)
        for page, size in ((0, 10), (1, 0), (1, 1001), (100_001, 1), (-1, 10)):
            asked = nav.type("GPSearchParameters", FullText="", Page=page, PageSize=size)
            assert told(nav, "SearchForGP", searchParameters=asked) == bad("searchParameters")

    def test_municipality(self, nav: Stub) -> None:
        for code, number in (("0301", 6), ("301", 6), ("4601", 0)):
            assert self.search(nav, "", HasGPOfficeInMunicipality={"CodeValue": code, "OID": 3402})[1] == number

    def test_contracts(self, nav: Stub) -> None:
        def query(**members: Any) -> tuple[list[int], int]:
            asked = nav.type("GPContractQueryParameters", Page=1, PageSize=10, **members)
            found = nav.ask("QueryGPContracts", queryParameters=asked)
            return [one.Id for one in (found.Results.GPContract if found.Results else ())], found.Total

        current = [one for one in hamlet.PATIENTS if one != hamlet.ENDED]
        assert query() == (current, 7)
        assert query(HasPrimaryHealthCareTeam=False) == (current, 7)
        assert query(HasPrimaryHealthCareTeam=True) == ([], 0)
        assert query(Municipality={"CodeValue": "4601"}) == ([], 0)
        asked = nav.type("GPContractQueryParameters", Page=0, PageSize=10)
        assert told(nav, "QueryGPContracts", queryParameters=asked) == bad("queryParameters")

    def test_postal_codes(self, nav: Stub) -> None:
        current = [one for one in hamlet.PATIENTS if one != hamlet.ENDED]
        for digits, found in (("01", current), ("015", current), ("0159", current), ("0158", [])):
            assert (nav.ask("GetGPContractIdsOperatingInPostalCode", postNr=digits) or []) == found
        for digits in ("0", "01590", "", "0l", "٠١"):
            assert told(nav, "GetGPContractIdsOperatingInPostalCode", postNr=digits) == bad("postNr")


class TestTown:
    """By the oracle, of a feed with all that the synthetic Norway has."""

    def test_every_person(self, clients: Clients, register: Register, now: datetime, version: str) -> None:
        flr = clients(READ, version)
        listed = [nin for nin in register.persons if register.lookup(nin, now)["status"] in ("assigned", "vacant")]
        for start in range(0, len(listed), 100):
            some = listed[start : start + 100]
            for nin, one in zip(some, flr.GetPatientsGPDetails(patientNins={"string": some}), strict=True):
                self._held_against(register.lookup(nin, now), nin, one)

    def _held_against(self, expected: Any, nin: str, one: Any) -> None:
        assert (one.PatientNIN, one.GPHerId) == (nin, expected["herId"])
        assert one.GPContractId == expected["contract"]["id"]
        assert one.Period.From.isoformat() == expected["membership"]["from"]
        assert one.GPContract.GPOffice.OrganizationNumber == expected["office"]["organizationNumber"]
        doctors = [expected["gp"]] if expected["gp"] else []
        doctors += [*expected["sharedWith"], *expected["substitutes"]]
        assert hpr_numbers(one.DoctorCycles) == [doctor["hprNumber"] for doctor in doctors]

    def test_lists_and_offices(self, clients: Clients, register: Register, now: datetime) -> None:
        flr, own = clients(READ), clients(READ, own=True)
        for contract in list(register.contracts)[:4]:
            for at in (now, datetime(2022, 1, 1)):
                found = own.GetGPPatientListAtTime(gpContractId=contract, atTime=at) or []
                rows, _ = register.patients(contract, at)
                assert [(one.PatientNIN, one.Period.From.isoformat()) for one in found] == [
                    (row["nin"], row["from"]) for row in rows
                ]
        for number in list(register.offices)[:5]:
            if register.office_contracts(number, None):
                found = flr.GetGPContractsOnOffice(organizationNumber=number)
                assert {one.Id for one in found} == register.office_contracts(number, None)

    def test_everybody_is_found_by_name(self, clients: Clients, register: Register, now: datetime) -> None:
        flr = clients(READ)
        current = {row["hprNumber"] for row in register.tables["doctor_cycles"] if covers(row, now)}
        for hpr in sorted(current)[:20]:
            doctor = register.doctors[hpr]
            asked = {"FullText": f"{doctor['lastName']} {doctor['firstName']}", "Page": 1, "PageSize": 1000}
            found = flr.SearchForGP(searchParameters=asked).Results.GPDetails
            assert hpr in {one.HprNumber for one in found}

    def test_postal_codes_and_teams(self, clients: Clients, register: Register, now: datetime) -> None:
        flr = clients(READ)
        ids = flr.GetGPContractIdsOperatingInPostalCode(postNr="01") or []
        assert ids == sorted(
            row["id"]
            for row in register.tables["contracts"]
            if covers(row, now)
            and any(
                (one["postalCode"] or "").startswith("01") and one["type"] in ("RES", "RES_FLO")
                for one in register.offices[row["officeOrganizationNumber"]]["physicalAddresses"]
            )
        )
        for team in register.tables["teams"]:
            found = flr.GetPrimaryHealthCareTeam(id=team["id"])
            assert found.PrimaryHealthCareLeaderHprNumber == team["leaderHprNumber"]
            assert len(found.PrimaryHealthCarePeople.PrimaryHealthCarePerson) == len(team["people"])
