"""Reads a feed of the made-up population back, without the loader."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import zstandard

from bench.norway.days import Calendar
from bench.norway.persons import Shape

START = date(2026, 11, 23)
KEYS = {
    "codes": ("oid", "value"),
    "offices": ("organizationNumber",),
    "doctors": ("hprNumber",),
    "contracts": ("id",),
    "doctor_cycles": ("id",),
    "outposts": ("id",),
    "teams": ("id",),
    "persons": ("nin",),
    "nin_changes": ("oldNin",),
    "memberships": ("id",),
}


def shape(persons: int, seed: int = 1) -> Shape:
    return Shape(seed, persons, Calendar(START))


@dataclass
class Read:
    """A full feed read back: each table as parsed lines, and the manifest."""

    folder: Path
    manifest: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    as_of: str = ""

    @classmethod
    def at(cls, folder: Path) -> "Read":
        read = cls(folder, json.loads((folder / "manifest.json").read_text()))
        for entry in read.manifest["files"]:
            read.tables[entry["table"]] = [json.loads(line) for line in content(folder, entry["name"]).splitlines()]
        read.as_of = read.manifest["as_of"][:19]
        return read

    def current(self, table: str) -> list[dict[str, Any]]:
        return [r for r in self.tables[table] if r["from"] <= self.as_of and (r["to"] is None or self.as_of < r["to"])]


def content(folder: Path, name: str) -> bytes:
    data = (folder / name).read_bytes()
    return zstandard.ZstdDecompressor().stream_reader(data).read() if name.endswith(".zst") else data


def files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
