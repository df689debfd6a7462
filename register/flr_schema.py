"""The types of the real register's interface that its export consists of, declared once, as data.

For each type its members in the order they stand in on the wire, each with its type, whether it may be nil, whether
it occurs many times, and the namespace of its element. Whoever writes or reads the interface (register/flr_xml.py)
does so from this table; nothing here says what of it the register keeps (loader/flr_records.py). Leaves out the
types of operations: the export has none.

Source: the interface description (WSDL) of the real register; tests hold this table against it, member by member.
"""

from typing import NamedTuple

FLR = "http://schemas.nhn.no/reg/flr"
CORPORATE = "http://register.nhn.no/Corporate"
COMMON = "http://register.nhn.no/Common"
COMMON_EN = "http://schemas.nhn.no/reg/Common/en"
SYSTEM = "http://schemas.datacontract.org/2004/07/System"
INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"

# namespace -> the prefix that we write; readers go by the namespace
PREFIXES = {FLR: "", CORPORATE: "b", COMMON: "c", COMMON_EN: "p", SYSTEM: "s", INSTANCE: "i"}

# What an element without parts holds. DayOfWeek is text of seven values.
SIMPLE = ("string", "int", "long", "boolean", "dateTime", "double", "duration", "DayOfWeek")
DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


class Member(NamedTuple):
    """One member of a type: an element that occurs at most once, or, `many`, any number of times."""

    name: str
    type: str
    nillable: bool
    many: bool
    namespace: str


class Type(NamedTuple):
    """A type with parts. One whose only member is `many` is a list, and its value is that of a list."""

    name: str
    namespace: str
    members: tuple[Member, ...]

    @property
    def item(self) -> Member | None:
        """The member that a list consists of; None for a type that is no list."""
        return self.members[0] if len(self.members) == 1 and self.members[0].many else None


def _members(namespace: str, declared: str) -> tuple[Member, ...]:
    """The members of `name:type` words; a `?` behind the type says nillable, a `*` many."""
    out = []
    for word in declared.split():
        name, kind = word.split(":")
        out.append(Member(name, kind.rstrip("?*"), "?" in kind, "*" in kind, namespace))
    return tuple(out)


_BUSINESS = """
    Children:ArrayOfBusiness? DisplayName:string? ElectronicAddresses:ArrayOfElectronicAddress?
    GeographicalCoordinates:LatitudeLongitude? IndustryCodes:ArrayOfCode? IsGovernmentCompany:boolean?
    LastChanged:dateTime Municipality:Code? Name:string? OpeningHours:OpeningHours? OrganizationNumber:int
    ParentOrganizationName:string? ParentOrganizationNumber:int? PhysicalAddresses:ArrayOfPhysicalAddress?
    Properties:ArrayOfCode? ResponsiblePerson:string? SectorCode:Code? UpdatedOn:dateTime Valid:Period?
"""
_DECLARED = {
    FLR: {
        "ArrayOfGPContract": "GPContract:GPContract?*",
        "GPContract": """
            AgreementDate:dateTime CoopMunicipalities:ArrayOfCode? DoctorCycles:ArrayOfGPOnContractAssociation?
            EndReason:Code? GPOffice:GPOffice? GPOfficeOrganizationNumber:int Id:long IsFixedSalary:boolean
            MaxPatients:int Municipality:Code? Name:string? OutOfOfficeOffices:ArrayOfOutOfOfficeLocation?
            ParticipatesOnCommonList:boolean PatientList:ArrayOfPatientToGPContractAssociation?
            PatientsOnWaitingList:int PlacesAvailable:int? PrimaryHealthCareTeamId:long? RequiresMembership:Code?
            Status:Code? UpdatedOn:dateTime Valid:Period?
        """,
        "ArrayOfGPOnContractAssociation": "GPOnContractAssociation:GPOnContractAssociation?*",
        "GPOnContractAssociation": """
            GP:Person? GPContract:GPContract? GPContractId:long HprNumber:int Id:long Relationship:Code?
            SubstituteForHprNumber:int? UpdatedOn:dateTime Valid:Period? WorkingOnDays:ArrayOfDayOfWeek?
            WorkingPercentage:int?
        """,
        "ArrayOfOutOfOfficeLocation": "OutOfOfficeLocation:OutOfOfficeLocation?*",
        "OutOfOfficeLocation": """
            Description:string? ElectronicAddresses:ArrayOfElectronicAddress? GPContractId:long Id:long
            PhysicalAddresses:ArrayOfPhysicalAddress? UpdatedOn:dateTime Valid:Period?
        """,
        "ArrayOfPatientToGPContractAssociation": "PatientToGPContractAssociation:PatientToGPContractAssociation?*",
        "PatientToGPContractAssociation": """
            BeginCode:Code? DoctorCycles:ArrayOfGPOnContractAssociation? EndCode:Code? GPContract:GPContract?
            GPContractId:long GPHerId:int? Id:long Patient:Person? PatientNIN:string? Period:Period?
            UpdatedOn:dateTime
        """,
        "Person": """
            DateOfBirth:dateTime? DateOfDeath:dateTime? FirstName:string? LastName:string? MiddleName:string?
            NIN:string? PhysicalAddresses:ArrayOfPhysicalAddress? Sex:Code? Status:ArrayOfStatus?
        """,
        "GPOffice": "District:Code? IsGroupOffice:boolean PrimaryHealthCareTeamId:long?",  # behind those of Business
    },
    CORPORATE: {"Business": _BUSINESS, "ArrayOfBusiness": "Business:Business?*"},
    COMMON: {
        "Code": "Active:boolean CodeText:string? CodeValue:string? OID:int SimpleType:string?",
        "ArrayOfCode": "Code:Code?*",
        "PhysicalAddress": """
            City:string? Country:Code? Description:string? Inherited:boolean LastChanged:dateTime Municipality:Code?
            PostalCode:int Postbox:string? StreetAddress:string? Type:Code?
        """,
        "ArrayOfPhysicalAddress": "PhysicalAddress:PhysicalAddress?*",
        "ElectronicAddress": """
            Address:string? Inherited:boolean LastChanged:dateTime Type:Code? TypeCodeValue:string?
        """,
        "ArrayOfElectronicAddress": "ElectronicAddress:ElectronicAddress?*",
        "Status": "Changed:dateTime Code:Code? Created:dateTime Id:int Period:Period?",
        "ArrayOfStatus": "Status:Status?*",
        "LatitudeLongitude": "Latitude:double Longitude:double",
        "OpeningHours": "FreeText:string? OpenAt:ArrayOfTimePeriod?",
        "TimePeriod": "From:duration To:duration",
        "ArrayOfTimePeriod": "TimePeriod:TimePeriod*",
    },
    COMMON_EN: {"Period": "From:dateTime To:dateTime?"},
    SYSTEM: {"ArrayOfDayOfWeek": "DayOfWeek:DayOfWeek*"},
}

TYPES: dict[str, Type] = {
    name: Type(name, namespace, _members(namespace, declared))
    for namespace, types in _DECLARED.items()
    for name, declared in types.items()
}
TYPES["GPOffice"] = TYPES["GPOffice"]._replace(members=TYPES["Business"].members + TYPES["GPOffice"].members)

# An entry of the export: what its root element is called, and is.
ENTRY = "ArrayOfGPContract"
