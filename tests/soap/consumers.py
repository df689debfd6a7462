"""The known consumers of the real registers, as programs that ask us: what they ask, and what they take for granted.

Each reads of the answers what the real one does, and as carelessly: what is nil where it must not be ends it with an
error, here as there. A GenericFault is what each of them takes for an answer; any other fault must reach its caller.
"""

from typing import Any, NamedTuple

from zeep.exceptions import Fault

from tests.soap.stub import COMMON, Stub

SEARCHED = "Results/GPDetails/Contracts/GPOnContractAssociation/GPContract"
ITEM = "PatientToGPContractAssociation"
ADDRESSES = "/ElectronicAddresses", "/PhysicalAddresses"


class Behandler(NamedTuple):
    """A doctor at an office, as NAV keeps one."""

    active: bool
    her_id: int
    nin: str
    hpr: str
    name: tuple[str | None, ...]


class Fastlege(NamedTuple):
    """A doctor of a patient, as NAV keeps one."""

    name: str
    nin: str
    her_id: int | None
    hpr: int
    relationship: tuple[str, str]
    office: tuple[str, str]
    phone: str
    edi: str
    postal: str
    visiting: str
    since: str
    percentage: int | None
    parent: int | None


def generic(fault: Fault) -> tuple[str, str] | None:
    """(ErrorCode, Message) of a fault that is a GenericFault."""
    detail = fault.detail
    told = None if detail is None else detail.find(f"{COMMON}GenericFault")
    return None if told is None else (told.findtext(f"{COMMON}ErrorCode"), told.findtext(f"{COMMON}Message"))


def listed(value: Any, name: str) -> list[Any]:
    """What is in a list, of which zeep makes None when it is empty."""
    return [] if value is None else getattr(value, name)


class Nav:
    """NAV's fastlegerest, CXF over SOAP 1.1: a GenericFault is "no GP", and kept for a day."""

    def __init__(self, flr: Stub, parties: Stub) -> None:
        self.flr, self.parties = flr, parties

    def gps(self, nin: str) -> list[Fastlege]:
        """The doctors of a patient."""
        try:
            details = self.flr.ask("GetPatientGPDetails", patientNin=nin)
        except Fault as fault:
            if generic(fault) is None:
                raise
            return []
        self.flr.given("DoctorCycles", *(f"GPContract/GPOffice{path}" for path in ("", *ADDRESSES)))
        office, parent = details.GPContract.GPOffice, self._parent(details.GPHerId)
        return [
            Fastlege(
                name=f"{cycle.GP.FirstName or ''} {cycle.GP.MiddleName or ''} {cycle.GP.LastName}",
                nin=cycle.GP.NIN,
                her_id=details.GPHerId,
                hpr=cycle.HprNumber,
                relationship=(cycle.Relationship.CodeValue, cycle.Relationship.CodeText),
                office=(office.Name, str(office.OrganizationNumber)),
                phone=_electronic(office, "E_TLF"),
                edi=_electronic(office, "E_EDI"),
                postal=_physical(office, "PST"),
                visiting=_physical(office, "RES"),
                since=f"{_local_day(details.Period.From)} {_local_day(cycle.Valid.From)}",
                percentage=cycle.WorkingPercentage,
                parent=parent,
            )
            for cycle in listed(details.DoctorCycles, "GPOnContractAssociation")
        ]

    def gp(self, nin: str) -> Fastlege | None:
        """The GP among them."""
        gps = [gp for gp in self.gps(nin) if gp.relationship[0] == "LPFL"]
        return max(gps, key=lambda gp: gp.since, default=None)

    def _parent(self, her_id: int | None) -> int | None:
        if her_id is None:
            return None
        try:
            parent: int = self.parties.ask("GetOrganizationPersonDetails", herId=her_id).ParentHerId
        except Fault as fault:
            if generic(fault) is None:
                raise
            return None
        return parent

    def colleagues(self, parent_her_id: int) -> list[Behandler]:
        """The doctors at an office."""
        try:
            office = self.parties.ask("GetOrganizationDetails", herId=parent_her_id)
        except Fault as fault:
            if generic(fault) is None:
                raise
            return []
        self.parties.given("People")
        return [
            Behandler(
                active=one.Active,
                her_id=one.HerId,
                nin=_text(one.Person.CitizenId.Id),
                hpr=_text(one.Person.HPRInformation.HPRNo),
                name=(one.Person.FirstName, one.Person.MiddleName, one.Person.LastName),
            )
            for one in listed(office.People, "OrganizationPerson")
        ]


def _text(value: Any) -> str:
    assert isinstance(value, str)
    return value


def _local_day(time: Any) -> str:
    assert time.tzinfo is None  # it binds a time to one without a zone
    return str(time.date())


def _electronic(office: Any, kind: str) -> str:
    found = [one.Address for one in office.ElectronicAddresses.ElectronicAddress if one.Type.CodeValue == kind]
    return _text(found[0]) if found else ""


def _physical(office: Any, kind: str) -> str:
    for one in office.PhysicalAddresses.PhysicalAddress:
        if one.Type is not None and one.Type.Active and one.Type.CodeValue == kind:
            return f"{one.Postbox or one.StreetAddress}, {one.PostalCode:04} {one.City}"
    return ""


class Party(NamedTuple):
    """A communication party, as KS keeps one."""

    kind: str
    her_id: int
    name: str
    parent: tuple[int, str] | None
    addresses: list[tuple[str, str | None, str]]
    more: Any


class Ks:
    """KS's clients, CXF over SOAP 1.2 with WS-Addressing."""

    def __init__(self, flr: Stub, parties: Stub) -> None:
        self.flr, self.parties = flr, parties

    def gp_her_id(self, nin: str) -> tuple[str, int | None]:
        """(the patient's number, HER-ID to write to). Raises zeep's Fault."""
        details = self.flr.ask("GetPatientGPDetails", patientNin=nin)
        return details.PatientNIN, details.GPHerId

    def party(self, her_id: int) -> Party:
        """Who has a HER-ID. Raises zeep's Fault."""
        found = self.parties.ask("GetCommunicationPartyDetails", herId=her_id)
        kind = type(found).__name__
        return Party(
            kind=kind,
            her_id=found.HerId,
            name=_text(found.Name),
            parent=None if found.ParentHerId == -1 else (found.ParentHerId, found.ParentName or ""),
            addresses=[
                (one.Type.CodeValue, one.StreetAddress or one.Postbox, f"{one.PostalCode:04} {one.City}")
                for one in found.PhysicalAddresses.PhysicalAddress
            ],
            more=self._more(kind, found),
        )

    def _more(self, kind: str, found: Any) -> Any:
        if kind == "Organization":
            return str(found.OrganizationNumber)
        if kind == "OrganizationPerson":
            return found.Person.FirstName, found.Person.MiddleName, found.Person.LastName
        assert kind == "Service"
        return None


Person = tuple[str, str, str | None, str]


class HelseIdNavTest:
    """navikt's helseid-nav-test, CXF over SOAP 1.1."""

    def __init__(self, flr: Stub, parties: Stub) -> None:
        self.flr, self.parties = flr, parties

    def gp(self, nin: str) -> tuple[int, Person]:
        """(the contract, its first doctor) of a patient. Raises zeep's Fault."""
        details = self.flr.ask("GetPatientGPDetails", patientNin=nin)
        self.flr.given("DoctorCycles")
        return details.GPContractId, next(
            _person(cycle.GP) for cycle in details.DoctorCycles.GPOnContractAssociation if cycle.GP is not None
        )

    def office(self, nin: str) -> tuple[str, str | None, int, str, int]:
        """The patient's office. Raises zeep's Fault."""
        contract = self.flr.ask("GetPatientGPDetails", patientNin=nin).GPContract
        first = contract.GPOffice.PhysicalAddresses.PhysicalAddress[0]
        number = contract.GPOfficeOrganizationNumber
        return contract.GPOffice.Name, first.StreetAddress, first.PostalCode, first.City, number

    def patients(self, contract_id: int) -> list[Person]:
        """A list's patients. Raises zeep's Fault."""
        found = self.flr.ask("GetGPPatientList", gpContractId=contract_id)
        self.flr.given("", *([f"{ITEM}/Patient"] if found else []))
        return [_person(one.Patient) for one in found or ()]

    def search(self, name: str) -> list[tuple[Person, list[int], list[Person]]]:
        """(doctor, lists, patients) of each doctor found. Raises zeep's Fault."""
        asked = self.flr.type("GPSearchParameters", FullText=name, Page=1, PageSize=10)
        found = self.flr.ask("SearchForGP", searchParameters=asked).Results
        self.flr.given("Results", *([SEARCHED] if found else []))
        return [
            (
                _person(doctor.GP),
                [one.GPContractId for one in doctor.Contracts.GPOnContractAssociation],
                [_person(p.Patient) for one in doctor.Contracts.GPOnContractAssociation for p in _on_list(one)],
            )
            for doctor in listed(found, "GPDetails")
        ]

    def confirm(self, nin: str, hpr: int) -> bool:
        """Whether a doctor is the patient's GP. Raises zeep's Fault."""
        confirmed = self.flr.ask("ConfirmGP", patientNin=nin, hprNumber=hpr)
        assert isinstance(confirmed, bool)
        return confirmed

    def name(self, her_id: int) -> str:
        """The name of who has a HER-ID. Raises zeep's Fault."""
        return _text(self.parties.ask("GetCommunicationPartyDetails", herId=her_id).Name)


def _on_list(cycle: Any) -> list[Any]:
    patients = cycle.GPContract.PatientList
    return [] if patients is None else patients.PatientToGPContractAssociation


def _person(person: Any) -> Person:
    return _text(person.NIN), _text(person.FirstName), person.MiddleName, _text(person.LastName)


class Epj:
    """NHN's own example of an EPJ: an office's lists, then what happens to them."""

    def __init__(self, flr: Stub) -> None:
        self.flr = flr
        self.lists: dict[int, list[str]] = {}

    def fetch(self, organization_number: int) -> list[str]:
        """Fetch the office's lists, and tell of them. Raises zeep's Fault."""
        contracts = self.flr.ask("GetGPContractsOnOffice", organizationNumber=organization_number)
        told = [f"{one.Id} {one.Municipality.CodeText} {_local_day(one.Valid.From)}" for one in contracts]
        for one in contracts:
            patients = self.flr.ask("GetGPPatientList", gpContractId=one.Id)
            self.flr.given("")
            self.lists[one.Id] = [patient.PatientNIN for patient in patients or ()]
        return told
