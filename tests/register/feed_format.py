"""The tables of docs/feed-format.md, made from register.model: `python -m tests.register.feed_format` writes them anew.

A member's type comes from the model; what its values mean is noted here.
"""

import types
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import msgspec

from register.model import TABLES, Record

DOC = Path(__file__).resolve().parents[2] / "docs" / "feed-format.md"
BEGIN, END = "<!-- tables: begin -->\n", "<!-- tables: end -->\n"
ID = "decided by the master, kept for ever"
CODE_3402 = "code system 3402"
NOTES = {
    "Code.oid": "number of an open code system",
    "Code.text": "shown to people",
    "PhysicalAddress.type": "code system 3401",
    "PhysicalAddress.municipality": CODE_3402,
    "PhysicalAddress.country": "code system 9043",
    "ElectronicAddress.type": "code system 9044",
    "PersonStatus.code": "code system 5510 or 5511",
    "OpenPeriod.fromMinute": "from Monday 00:00",
    "OpenPeriod.toMinute": "from Monday 00:00",
    "Office.organizationNumber": "nine digits, modulo 11; negative for a historical office",
    "Office.herId": "where to send messages to the office",
    "Office.displayName": "shown instead of `name`",
    "Office.municipality": CODE_3402,
    "Office.district": "code system 3403",
    "Office.industries": "code system 9040",
    "Office.properties": "code system 9040",
    "Office.sector": "code system 9040",
    "Office.teamId": "in `teams`",
    "Doctor.nin": "every doctor is also a person",
    "Doctor.sex": "code system 3101",
    "Doctor.languages": "code system 3303 or 3301",
    "Contract.id": ID,
    "Contract.name": "of a common list",
    "Contract.herId": 'of the service "liste uten fast lege"',
    "Contract.officeOrganizationNumber": "in `offices`",
    "Contract.municipality": CODE_3402,
    "Contract.coopMunicipalities": CODE_3402,
    "Contract.status": "code system 7751",
    "Contract.maxPatients": "the list ceiling; may be exceeded",
    "Contract.placesAvailable": "the master's own count",
    "Contract.patientsOnWaitingList": "the master's own count",
    "Contract.requiresMembership": "code system 7755",
    "Contract.endReason": "code system 7753",
    "Contract.teamId": "in `teams`",
    "DoctorCycle.id": ID,
    "DoctorCycle.contractId": "in `contracts`",
    "DoctorCycle.hprNumber": "in `doctors`",
    "DoctorCycle.herId": "where to send messages to this doctor at this office",
    "DoctorCycle.substituteForHprNumber": "in `doctors`",
    "DoctorCycle.relationship": "code system 7750: LPFL, LPDL or LPVI",
    "Outpost.id": ID,
    "Outpost.contractId": "in `contracts`",
    "TeamPerson.role": "code system 9060",
    "TeamContract.contractId": "in `contracts`",
    "Person.nin": "the newest number",
    "Person.sex": "code system 3101",
    "Person.protection": "home address and municipality are never shown",
    "NinChange.oldNin": "once; never a chain that leads back to itself",
    "Membership.id": ID,
    "Membership.nin": "in `persons`",
    "Membership.contractId": "in `contracts`",
    "Membership.beginCode": "code system 7754",
    "Membership.endCode": "code system 7753",
}


def type_name(kind: Any, meta: msgspec.Meta | None = None) -> str:
    """What a member may hold, in words."""
    if hasattr(kind, "__metadata__"):
        return type_name(kind.__origin__, kind.__metadata__[0])
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return " or ".join(type_name(argument) for argument in arguments if argument is not type(None)) + " or null"
    if origin is tuple:
        return f"list of {type_name(arguments[0])}"
    if origin is Literal:
        return " or ".join(f'"{argument}"' for argument in arguments)
    if isinstance(kind, type) and issubclass(kind, Record):
        return kind.__name__
    names = {str: "string", bool: "boolean", float: "number", date: "date", datetime: "time", int: "integer"}
    return names[kind] + (limits(meta) if meta else "")


def limits(meta: msgspec.Meta) -> str:
    """The limits of a member, in words."""
    if meta.ge is not None or meta.le is not None:
        return f" {meta.ge}..{meta.le}"
    if meta.pattern is not None:
        return f" `{meta.pattern}`"
    return f" of {meta.min_length}" if meta.min_length is not None else ""


def members(kind: type[Record]) -> list[str]:
    """The lines of a record's table."""
    lines = ["| member | type | absent | |", "|---|---|---|---|"]
    for member in msgspec.structs.fields(kind):
        absent = "refused" if member.required else msgspec.json.encode(member.default).decode()
        note = NOTES.get(f"{kind.__name__}.{member.encode_name}", "")
        lines.append(f"| `{member.encode_name}` | {type_name(member.type)} | {absent} | {note} |")
    return lines


def parts(kind: type[Record]) -> list[type[Record]]:
    """The records that stand inside a record."""
    found: list[type[Record]] = []

    def look(inside: Any) -> None:
        if isinstance(inside, type) and issubclass(inside, Record) and inside not in found:
            found.append(inside)
            found.extend(part for part in parts(inside) if part not in found)
        for argument in get_args(inside):
            look(argument)

    for member in msgspec.structs.fields(kind):
        look(member.type)
    return found


def rendered() -> str:
    """The part of the document that the model decides."""
    sections = [[f"### Table `{table}` ({kind.__name__})", "", *members(kind)] for table, kind in TABLES.items()]
    inside = dict.fromkeys(part for kind in TABLES.values() for part in parts(kind))
    sections += [[f"### {part.__name__}, inside other records", "", *members(part)] for part in inside]
    return "\n".join("\n".join([*section, ""]) for section in sections)


def split_doc() -> tuple[str, str, str]:
    """(before, tables, after) of the document."""
    before, rest = DOC.read_text().split(BEGIN)
    tables, after = rest.split(END)
    return before, tables, after


if __name__ == "__main__":
    before, _, after = split_doc()
    DOC.write_text(before + BEGIN + rendered() + END + after)
