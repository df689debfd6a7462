"""A follower of the change feed: keeps an export up to date by events alone. Shares no code with the register.

It may be one without the right to protected persons: it is then never told of them.
"""

import copy
from typing import Any

TABLES = {
    "Contract": "contracts",
    "GPOnContract": "doctor_cycles",
    "PatientOnContract": "memberships",
    "OutOfOfficeLocation": "outposts",
}
Kept = dict[str, dict[int, dict[str, Any]]]  # table -> id -> record as in JSON


class Follower:
    """What a client has: records by table and id. Every record that refers to another must find it there."""

    def __init__(self, export: Kept) -> None:
        self.kept = copy.deepcopy(export)

    def apply(self, event: str, body: dict[str, Any]) -> None:
        """Take one event."""
        if event == "PatientNinChanged":
            for membership in self.kept["memberships"].values():
                if membership["nin"] == body["oldNin"]:
                    membership["nin"] = body["newNin"]
            return
        start = next(name for name in TABLES if event.startswith(name))
        kept, action = self.kept[TABLES[start]], event.removeprefix(start)
        never = action == "Canceled" and body["from"] == body["to"]
        if action == "Deleted" or never:
            if start == "Contract":
                assert not self.on(body["id"]), event
            kept.pop(body["id"], None)
        else:
            assert action in ("Created", "Updated", "Canceled"), event
            if start != "Contract":
                assert body["contractId"] in self.kept["contracts"], event
            kept[body["id"]] = body

    def on(self, contract_id: int) -> list[Any]:
        """What refers to a contract."""
        tables = ("doctor_cycles", "memberships", "outposts")
        return [one for table in tables for one in self.kept[table].values() if one["contractId"] == contract_id]
