"""The hamlet's communication parties as a client has them: what is told of each, without the time of the answer."""

from datetime import datetime
from typing import Any

from zeep.helpers import serialize_object

from tests.soap import hamlet
from tests.soap.hamlet import OFFICE, OFFICE_HER_ID

NEVER = datetime(1, 1, 1)
UPDATED = datetime(2020, 2, 3, 4, 5, 6, 780_000)
OPEN = {"From": datetime(2015, 1, 1), "To": datetime(9999, 12, 31, 23, 59, 59, 997_000)}


def plain(value: Any) -> Any:
    """A party as dicts; zeep makes a value without content of a nil one with parts, and None of an empty list."""
    return _without_nil(serialize_object(value, dict))


def _without_nil(value: Any) -> Any:
    if isinstance(value, dict):
        members = {name: _without_nil(one) for name, one in value.items()}
        return members if any(one not in (None, []) for one in members.values()) else None
    return [_without_nil(one) for one in value] if isinstance(value, list) else value


def code(oid: int, value: str, text: str, name: str) -> dict[str, Any]:
    known = {"Active": True, "CodeText": text, "CodeValue": value, "LongDescription": None}
    return {**known, "OID": oid, "SimpleType": name}


OSLO_CODE = code(3402, "0301", "Oslo", "kommunenummer")
WOMAN = code(3101, "2", "Kvinne", "kjonn")
OFFICE_CODES = {"Code": [code(9040, "FLK", "Fastlegekontor", "helsevirksomhet_type")]}


def addresses(*, inherited: bool) -> dict[str, Any]:
    def physical(kind: str, text: str, **members: Any) -> dict[str, Any]:
        usual = {"City": "OSLO", "Country": code(9043, "NO", "Norge", "landkoder"), "Description": None}
        usual |= {
            "Inherited": inherited or kind == "PST",
            "LastChanged": datetime(2019, 1, 2, 3, 4, 5),
            "PostalCode": 159,
        }
        usual |= {"Postbox": None, "StreetAddress": None, "Type": code(3401, kind, text, "adressetype")}
        return usual | {"TypeCodeValue": kind} | members

    def electronic(kind: str, text: str, address: str, changed: datetime) -> dict[str, Any]:
        told = {"Address": address, "Inherited": inherited or kind == "E_EDI", "LastChanged": changed}
        told |= {"TypeCodeValue": kind}
        return told | {"Type": code(9044, kind, text, "type_adressekomponeneter")}

    edi = datetime(2018, 2, 14, 10, 25, 2, 450_000)
    return {
        "PhysicalAddresses": {
            "PhysicalAddress": [
                physical("PST", "Postadresse", Postbox="Postboks 12"),
                physical("RES", "Besøksadresse", StreetAddress="Storgata 1"),
            ]
        },
        "ElectronicAddresses": {
            "ElectronicAddress": [
                electronic("E_TLF", "Telefonnummer", "22000000", NEVER),
                electronic("E_EDI", "EDI (Standardisert elektronisk melding)", "kontoret@edi.example", edi),
            ]
        },
    }


def common(her_id: int, kind: str, **members: Any) -> dict[str, Any]:
    usual = {
        "Active": True,
        "CoverageAreaType": None,
        "FutureElectronicAddresses": None,
        "HerId": her_id,
        "IsValidCommunicationParty": True,
        "LastChanged": UPDATED,
        "Municipality": OSLO_CODE,
        "ParentBusinessType": None,
        "ParentHerId": OFFICE_HER_ID,
        "ParentName": "Storgata legekontor",
        "ParentOrganizationNumber": OFFICE,
        "Type": [kind],
        "Valid": OPEN,
    }
    return usual | members


def without_time(party: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in party.items() if name != "ServerTime"}


def office() -> dict[str, Any]:
    """The office, without whom it consists of."""
    return common(
        OFFICE_HER_ID,
        "Organization",
        **addresses(inherited=False),
        BusinessType=None,
        DisplayName="Storgata legekontor",
        IndustryCodes=OFFICE_CODES,
        LastChanged=datetime(2021, 2, 3, 4, 5, 6),
        Name="STORGATA LEGEKONTOR AS",
        OrganizationNumber=OFFICE,
        ParentHerId=-1,  # the municipality has none here
        ParentName="Kommunen",
        ParentOrganizationNumber=hamlet.PARENT,
        People=None,
        Properties=OFFICE_CODES,
        Services=None,
    )
