"""The types of Adresseregisteret's interface that its four operations here consist of (lookup/soap/operations.py).

As register/flr_schema.py, and apart from it: in the same namespace the two registers have different types of the same
name (a Code has one member more here, an address names no municipality, and a period never stays open). A party is an
organisation, a person in one, or a service: types that extend CommunicationParty, of which an answer names its own.

Source: the interface description (WSDL) of the real register; tests hold this table against it, member by member.
"""

from register.flr_schema import COMMON, INSTANCE, Enumeration, Table, declared_types

PARTY = "http://register.nhn.no/CommunicationParty"
HPR = "http://register.nhn.no/HPR"

# namespace -> the prefix that we write; readers go by the namespace
PREFIXES = {PARTY: "", COMMON: "c", HPR: "h", INSTANCE: "i"}

_DECLARED = {
    PARTY: {
        "CommunicationParty": """
            Active:boolean CoverageAreaType:Code? DisplayName:string? ElectronicAddresses:ArrayOfElectronicAddress?
            FutureElectronicAddresses:ArrayOfFutureElectronicAddress? HerId:int IsValidCommunicationParty:boolean
            LastChanged:dateTime Municipality:Code? Name:string? ParentBusinessType:Code? ParentHerId:int
            ParentName:string? ParentOrganizationNumber:int PhysicalAddresses:ArrayOfPhysicalAddress?
            ServerTime:dateTime Type:CommunicationPartyType Valid:Period?
        """,
        # these three stand behind the members of CommunicationParty
        "Organization": """
            BusinessType:Code? IndustryCodes:ArrayOfCode? OrganizationNumber:int People:ArrayOfOrganizationPerson?
            Properties:ArrayOfCode? Services:ArrayOfService?
        """,
        "OrganizationPerson": """
            Organizations:ArrayOfOrganization? Person:Person? Properties:ArrayOfCode? Title:string?
        """,
        "Service": """
            Code:Code? CoverageAreas:ArrayOfCoverageInfo? Description:string? LocationDescription:string?
            Properties:ArrayOfCode?
        """,
        "ArrayOfOrganization": "Organization:Organization?*",
        "ArrayOfOrganizationPerson": "OrganizationPerson:OrganizationPerson?*",
        "ArrayOfService": "Service:Service?*",
        "CoverageInfo": "DisplayName:string? HerId:int Name:string? OrganizationNumber:int",
        "ArrayOfCoverageInfo": "CoverageInfo:CoverageInfo?*",
    },
    COMMON: {
        "Code": """
            Active:boolean CodeText:string? CodeValue:string? LongDescription:string? OID:int SimpleType:string?
        """,
        "ArrayOfCode": "Code:Code?*",
        "ElectronicAddress": """
            Address:string? Inherited:boolean LastChanged:dateTime Type:Code? TypeCodeValue:string?
        """,
        "ArrayOfElectronicAddress": "ElectronicAddress:ElectronicAddress?*",
        "FutureElectronicAddress": "ValidFrom:dateTime",  # behind those of ElectronicAddress
        "ArrayOfFutureElectronicAddress": "FutureElectronicAddress:FutureElectronicAddress?*",
        "PhysicalAddress": """
            City:string? Country:Code? Description:string? Inherited:boolean LastChanged:dateTime PostalCode:int
            Postbox:string? StreetAddress:string? Type:Code? TypeCodeValue:string?
        """,
        "ArrayOfPhysicalAddress": "PhysicalAddress:PhysicalAddress?*",
        "Period": "From:dateTime To:dateTime",
        "CitizenId": "CitizenIdType:CitizenIdType Id:string? Sex:Code?",
        "GenericFault": "ErrorCode:string? Message:string?",
    },
    HPR: {
        "Person": """
            BirthDate:dateTime CitizenId:CitizenId? FirstName:string? HPRInformation:HPRInformation?
            LastChanged:dateTime LastName:string? MiddleName:string? Sex:Code?
        """,
        "HPRInformation": """
            Authorizations:ArrayOfAuthorization? HPRNo:string? HPRNumber:int LastChanged:dateTime
            SpecialCompetences:ArrayOfSpecialCompetence?
        """,
        "Authorization": """
            LastChanged:dateTime Profession:Code? Requisition:Requisition? Specialities:ArrayOfSpeciality? Type:Code?
            Valid:Period?
        """,
        "ArrayOfAuthorization": "Authorization:Authorization?*",
        "Requisition": "LastChanged:dateTime Type:Code? Valid:Period?",
        "Speciality": "LastChanged:dateTime Type:Code? Valid:Period?",
        "ArrayOfSpeciality": "Speciality:Speciality?*",
        "SpecialCompetence": "Type:Code? Valid:Period?",
        "ArrayOfSpecialCompetence": "SpecialCompetence:SpecialCompetence?*",
    },
}
_EXTENDED = {
    **dict.fromkeys(("Organization", "OrganizationPerson", "Service"), "CommunicationParty"),
    "FutureElectronicAddress": "ElectronicAddress",
}
TYPES = declared_types(_DECLARED, _EXTENDED)
ENUMERATIONS = {
    one.name: one
    for one in (
        Enumeration(
            "CommunicationPartyType", PARTY, ("None", "Person", "Organization", "Service", "All"), is_list=True
        ),
        Enumeration("CitizenIdType", COMMON, ("SSN", "DN", "HN", "FHN", "Invalid")),
    )
}
TABLE = Table(TYPES, ENUMERATIONS, PREFIXES)
