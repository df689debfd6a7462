"""The register as dicts and lists: slow, obvious, of nobody else's making. What the service must answer, at any time.

Reads a full feed's NDJSON with json, and imports nothing of ours. Times in and out are naive datetimes, Norwegian
wall-clock; `nin` is what was asked, as text. Members that the design pins are given exactly; of shapes that are the
project's own, only the facts.
"""

import json
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

Row = dict[str, Any]
MUNICIPALITY = 3402
WEIGHTS_1 = [3, 7, 6, 1, 8, 9, 4, 5, 2, 1, 0]
WEIGHTS_2 = [5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]
NOTHING: Row = {
    "herId": None,
    "gp": None,
    "sharedWith": [],
    "substitutes": [],
    "contract": None,
    "office": None,
    "membership": None,
}


def valid(nin: str) -> bool:
    """Eleven ASCII digits; the first control residue 0 to 3, the second 0."""
    if len(nin) != 11 or any(digit not in "0123456789" for digit in nin):
        return False
    first = sum(int(digit) * weight for digit, weight in zip(nin, WEIGHTS_1, strict=True)) % 11
    second = sum(int(digit) * weight for digit, weight in zip(nin, WEIGHTS_2, strict=True)) % 11
    return first <= 3 and second == 0


def time(text: str | None) -> datetime:
    """A time of the feed; an open end is later than every other."""
    return datetime(9999, 12, 31) if text is None else datetime.fromisoformat(text)


def covers(row: Row, at: datetime) -> bool:
    """Half-open."""
    return time(row["from"]) <= at < time(row["to"])


def latest_first(cycles: list[Row]) -> list[Row]:
    """By latest from, then highest id."""
    return sorted(cycles, key=lambda cycle: (time(cycle["from"]), cycle["id"]), reverse=True)


class Register:
    """One full feed."""

    def __init__(self, feed: Path) -> None:
        self.tables: dict[str, list[Row]] = defaultdict(list)
        self.manifest: Row = json.loads((feed / "manifest.json").read_text())
        for entry in self.manifest["files"]:
            lines = (feed / entry["name"]).read_text().split("\n")
            self.tables[entry["table"]] += [json.loads(line) for line in lines if line]
        self.persons = {row["nin"]: row for row in self.tables["persons"]}
        self.doctors = {row["hprNumber"]: row for row in self.tables["doctors"]}
        self.contracts = {row["id"]: row for row in self.tables["contracts"]}
        self.offices = {row["organizationNumber"]: row for row in self.tables["offices"]}
        self.changes = {row["oldNin"]: row["newNin"] for row in self.tables["nin_changes"]}
        self.municipalities = {row["value"]: row["text"] for row in self.tables["codes"] if row["oid"] == MUNICIPALITY}
        self.memberships: dict[str, list[Row]] = defaultdict(list)
        for row in self.tables["memberships"]:
            self.memberships[self.newest(row["nin"])].append(row)
        self.cycles: dict[int, list[Row]] = defaultdict(list)
        for row in self.tables["doctor_cycles"]:
            self.cycles[row["contractId"]].append(row)

    # --- persons

    def newest(self, nin: str) -> str:
        """The person's number of today."""
        while nin in self.changes:
            nin = self.changes[nin]
        return nin

    def known(self, nin: str) -> bool:
        """Whether the register has seen the number, or what it became."""
        return self.newest(nin) in self.persons

    def protected(self, nin: str) -> bool:
        """Whether the person has a protected address."""
        return self.persons[self.newest(nin)].get("protection") is not None

    def batch_result(self, nin: str, at: datetime, *, withhold: bool = False) -> Row:
        """One result of a batch."""
        if not valid(nin):
            return {"nin": nin, "status": "invalid"}
        if not self.known(nin):
            return {"nin": nin, "status": "unknown"}
        return {"nin": self.newest(nin), **self.lookup(nin, at, withhold=withhold)}

    def lookup(self, nin: str, at: datetime, *, withhold: bool = False) -> Row:
        """The answer for a known person."""
        if withhold and self.protected(nin):
            return {"status": "withheld", **NOTHING}
        membership = self.membership(nin, at)
        if membership is None:
            return {"status": "none", **NOTHING}
        contract = self.contracts[membership["contractId"]]
        gps, sharing, substitutes = (self.current(contract, kind, at) for kind in ("LPFL", "LPDL", "LPVI"))
        gp = gps[0] if gps else None
        addressed = gp or (substitutes[0] if len(substitutes) == 1 else None)
        return {
            "status": "assigned" if gp else "vacant",
            "herId": addressed and addressed["herId"],
            "gp": gp and self.doctor(gp),
            "sharedWith": [self.doctor(cycle) for cycle in gps[1:] + sharing],
            "substitutes": [self.substitute(cycle) for cycle in substitutes],
            "contract": self.contract_head(contract),
            "office": self.office(contract["officeOrganizationNumber"]),
            "membership": {"from": membership["from"], "to": membership["to"], "beginCode": membership["beginCode"]},
        }

    def membership(self, nin: str, at: datetime) -> Row | None:
        """The membership that counts at a time: its period and its contract's both cover it."""
        for membership in self.memberships[self.newest(nin)]:
            if covers(membership, at) and covers(self.contracts[membership["contractId"]], at):
                return membership
        return None

    def current(self, contract: Row, relationship: str, at: datetime) -> list[Row]:
        """The doctor cycles of a kind on a contract at a time, latest from first, then highest id."""
        found = [row for row in self.cycles[contract["id"]] if row["relationship"] == relationship and covers(row, at)]
        return latest_first(found)

    def doctor(self, cycle: Row) -> Row:
        """A GP or sharing doctor as shown."""
        names = {name: self.doctors[cycle["hprNumber"]][name] for name in ("firstName", "middleName", "lastName")}
        return {
            "hprNumber": cycle["hprNumber"],
            "herId": cycle["herId"],
            **names,
            "from": cycle["from"],
            "to": cycle["to"],
        }

    def substitute(self, cycle: Row) -> Row:
        """A substitute as shown."""
        return {**self.doctor(cycle), "substituteForHprNumber": cycle["substituteForHprNumber"]}

    def contract_head(self, contract: Row) -> Row:
        """A contract as an answer about a person shows it."""
        return {
            "id": contract["id"],
            "name": contract["name"],
            "status": contract["status"],
            "municipality": self.municipality(contract["municipality"]),
        }

    def municipality(self, code: str | None) -> Row | None:
        """Code and name."""
        if code is None:
            return None
        return {"code": code, "name": self.municipalities.get(code)}

    def office(self, number: int) -> Row:
        """An office as shown."""
        office = self.offices[number]
        return {
            "organizationNumber": number,
            "herId": office["herId"],
            "name": office["name"] if office["displayName"] is None else office["displayName"],
            "addresses": [self.address(address) for address in office["physicalAddresses"]],
            "electronicAddresses": [
                {"type": address["type"], "address": address["address"]} for address in office["electronicAddresses"]
            ],
        }

    def address(self, address: Row) -> Row:
        """An address as shown."""
        plain = {name: address[name] for name in ("type", "streetAddress", "postbox", "postalCode", "city", "country")}
        return {**plain, "municipality": self.municipality(address["municipality"])}

    def confirm(self, nin: str, hpr_number: int, at: datetime) -> bool:
        """Whether the doctor is the person's GP or shares the list."""
        membership = self.membership(nin, at)
        if membership is None:
            return False
        contract = self.contracts[membership["contractId"]]
        current = self.current(contract, "LPFL", at) + self.current(contract, "LPDL", at)
        return hpr_number in {cycle["hprNumber"] for cycle in current}

    def history(self, nin: str) -> list[Row]:
        """Every membership, newest first: period, codes, contract, and who was there in its time."""
        memberships = sorted(self.memberships[self.newest(nin)], key=lambda row: time(row["from"]), reverse=True)
        return [
            {
                **{name: row[name] for name in ("from", "to", "beginCode", "endCode")},
                "contract": self.contract_head(self.contracts[row["contractId"]]),
                "doctors": {
                    (cycle["hprNumber"], cycle["relationship"], cycle["from"], cycle["to"])
                    for cycle in self.cycles[row["contractId"]]
                    if time(cycle["from"]) < time(row["to"]) and time(row["from"]) < time(cycle["to"])
                },
            }
            for row in memberships
        ]

    # --- contracts, doctors, offices, HER-IDs

    def patients(self, contract_id: int, at: datetime, *, withhold: bool = False) -> tuple[list[Row], int]:
        """(the patient list by national id, how many were left out)."""
        rows = []
        withheld = 0
        for nin, memberships in self.memberships.items():
            for row in memberships:
                on_list = (
                    row["contractId"] == contract_id and covers(row, at) and covers(self.contracts[contract_id], at)
                )
                if on_list and withhold and self.protected(nin):
                    withheld += 1
                elif on_list:
                    rows.append({"nin": nin, "from": row["from"], "to": row["to"], "beginCode": row["beginCode"]})
        return sorted(rows, key=lambda row: str(row["nin"])), withheld

    def contract_cycles(self, contract_id: int, at: datetime | None) -> set[int]:
        """The ids of a contract's doctor cycles, those at a time or all."""
        return {row["id"] for row in self.cycles[contract_id] if at is None or covers(row, at)}

    def office_contracts(self, number: int, at: datetime | None) -> set[int]:
        """The ids of an office's contracts, those in force at a time or all."""
        return {
            row["id"]
            for row in self.tables["contracts"]
            if row["officeOrganizationNumber"] == number and (at is None or covers(row, at))
        }

    def gp_contracts(self, hpr_number: int, at: datetime | None) -> set[tuple[int, str]]:
        """(contract id, relationship) of a doctor's cycles, those that count at a time or all."""
        return {
            (row["contractId"], row["relationship"])
            for row in self.tables["doctor_cycles"]
            if row["hprNumber"] == hpr_number
            and (at is None or (covers(row, at) and covers(self.contracts[row["contractId"]], at)))
        }

    def her(self, her_id: int, at: datetime | None = None) -> set[tuple[str, int]]:
        """(kind, whose number) of the things that have a HER-ID, ever or at a time: hpr, organisation or contract."""
        things = [
            *(("gp", row["hprNumber"], row) for row in self.tables["doctor_cycles"]),
            *(("office", row["organizationNumber"], row) for row in self.tables["offices"]),
            *(("service", row["id"], row) for row in self.tables["contracts"]),
        ]
        return {
            (kind, number) for kind, number, row in things if row["herId"] == her_id and (at is None or covers(row, at))
        }
