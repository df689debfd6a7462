"""The made-up population from day to day: an increment is what differs, no more and no less."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.norway.blocks import place_on_its_day
from bench.norway.memberships import Memberships
from bench.population import generate
from register.feed import EVENTS, format_digest, lines_digest
from register.model import TABLES
from tests.bench.population_feed import KEYS, Read, files, shape


class State:
    """The state a chain of feeds gives, as lines by key; written apart from the loader."""

    def __init__(self, read: Read) -> None:
        self.tables: dict[str, dict[tuple[Any, ...], str]] = {t: {} for t in TABLES}
        for table, records in read.tables.items():
            for record in records:
                self.put(table, record)

    def put(self, table: str, record: dict[str, Any]) -> None:
        self.tables[table][tuple(record[m] for m in KEYS[table])] = json.dumps(record)

    def apply(self, event: str, body: dict[str, Any]) -> None:
        table, what = EVENTS[event]
        key = tuple(body[m] for m in KEYS[table])
        there = key in self.tables[table]
        if event.endswith("Created"):
            assert not there, event
        elif event != "PatientNinChanged" and not (event == "PatientOnContractCanceled" and not there):
            assert there, event
        if what == "delete" or (event == "PatientOnContractCanceled" and body["to"] == body["from"]):
            assert there
            del self.tables[table][key]
            return
        if what == "change-nin":
            self.rename(body["oldNin"], body["newNin"])
        self.put(table, body)

    def rename(self, old: str, new: str) -> None:
        person = json.loads(self.tables["persons"].pop((old,)))
        self.put("persons", {**person, "nin": new})
        for line in list(self.tables["memberships"].values()):
            if old in line:
                self.put("memberships", {**json.loads(line), "nin": new})

    def digest(self) -> str:
        total = 0
        for table, lines in self.tables.items():
            data = b"".join(
                json.dumps(json.loads(line), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
                for line in lines.values()
            )
            total += lines_digest(table, data)
        return format_digest(total)


@pytest.mark.parametrize(("persons", "seed", "days"), [(1_000, 1, 45), (3_000, 2, 12)])
def test_increments_lead_to_the_full_feed(tmp_path: Path, persons: int, seed: int, days: int) -> None:
    generate(shape(persons, seed), tmp_path / "chain", days=days)
    folders = sorted((tmp_path / "chain").iterdir())
    base = Read.at(folders[0])
    state = State(base)
    known = base.manifest
    seen: Counter[str] = Counter()
    for number, folder in enumerate(folders[1:], 2):
        read = Read.at(folder)
        manifest = read.manifest
        assert folder.name == f"{number:06d}-incremental"
        assert (manifest["kind"], manifest["sequence"]) == ("incremental", number)
        assert (manifest["base_sequence"], manifest["base_digest"]) == (number - 1, known["content_digest"])
        for event in read.tables["events"]:
            seen[event["event"]] += 1
            seen["dropped"] += event["event"].endswith("Canceled") and event["body"].get("to") == event["body"]["from"]
            state.apply(event["event"], event["body"])
        if number % 5 == 0 or number == days + 1:
            assert state.digest() == manifest["content_digest"]
        known = manifest
    generate(shape(persons, seed), tmp_path / "full", sequence=days + 1)
    full = Read.at(tmp_path / "full")
    assert full.manifest["content_digest"] == known["content_digest"]
    assert full.manifest["as_of"] == known["as_of"]
    assert State(full).tables == state.tables
    if days > 40:
        rare = {
            "DoctorDeleted",
            "OfficeDeleted",
            "OfficeCreated",
            "PersonDeleted",
            "TeamCreated",
            "TeamDeleted",
            "CodeCreated",
        }
        assert {event for event in EVENTS if not seen[event]} <= rare
        assert seen["dropped"]


def test_chain_may_start_anywhere(tmp_path: Path) -> None:
    generate(shape(1_000), tmp_path / "all", days=9)
    generate(shape(1_000), tmp_path / "end", sequence=6, days=4)
    for name in ("000007-incremental", "000010-incremental"):
        assert files(tmp_path / "all" / name) == files(tmp_path / "end" / name)


def test_pieces_of_a_stay_that_come_on_one_day_have_ids_of_their_own() -> None:
    """Born on the last of a month, on a list that ends with it: two memberships, both new."""
    row, slot, day = np.array([[1, 5, 0], [1, 5, 8], [1, 6, 8], [2, 6, 8], [2, 6, 8], [2, 6, 9], [2, 6, 9]]).T
    none = np.zeros(len(row), np.int64)
    found = Memberships(row, slot, none, none, none, none, none, none, first_known=day, corrected=none)
    assert place_on_its_day(found).tolist() == [0, 0, 0, 0, 1, 0, 1]
