"""A tiny full feed that is valid, written by hand as JSON objects, and writers that let everything be wrong.

Three contracts, two offices, three doctors, an outpost, a team, six persons, a chain of changed numbers, seven
memberships: every table, every coded member and every reference occurs. Lines are numbered from 1, so record i stands
in line i + 1.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard

from loader.build import Build, Built
from loader.errors import BadFeed
from loader.progress import Progress
from loader.read import open_feed
from loader.verify import verify_built
from register.feed import FORMAT, MANIFEST, canonical_line, format_digest, record_digest
from register.ids import control_digits
from register.localtime import to_micros
from register.model import TABLES

Tables = dict[str, list[Any]]  # table -> records: JSON objects, or bytes for a line that is to stand as it is


def number(serial: int) -> str:
    """A synthetic national id (month + 80), another one for every serial below 10,000."""
    for five in range(serial * 10, serial * 10 + 10):
        digits = control_digits(f"0181{five:05d}")
        if digits:
            return f"0181{five:05d}{digits}"
    raise AssertionError("no number in ten")


ANNE, BERIT, CARL, DAVID, EVA, FINN, OLDER, OLDEST, UNKNOWN = map(number, range(9))
NOW = to_micros(datetime(2026, 11, 24, 12))
AS_OF = "2026-11-24T03:00:00+01:00"
NO_DIGEST = "0" * 32
OFFICE, HISTORICAL, OUTPOST_TEXT = 123456785, -7, "Utekontor"
NAMES = ("Ødegård", "Nguyễn")


def tables() -> Tables:
    """A copy of the feed, to be changed at will."""
    copied: Tables = json.loads(json.dumps(_TABLES))
    return copied


def _address(**members: object) -> dict[str, object]:
    return {"type": "RES", "city": "OSLO", "postalCode": "0159", "municipality": "0301", "country": "NO", **members}


_SINCE, _UPDATED = {"from": "2015-01-01T00:00:00"}, {"updated": "2020-02-03T04:05:06.789"}
_PHONE = {"type": "E_TLF", "address": "22000000"}
_OFFICE = {**_SINCE, **_UPDATED, "physicalAddresses": [_address()], "electronicAddresses": [_PHONE]}
_CONTRACT = {
    **_SINCE,
    **_UPDATED,
    "municipality": "0301",
    "coopMunicipalities": ["4601"],
    "status": "FAAA",
    "maxPatients": 1000,
    "requiresMembership": "MEIN",
    "agreementDate": "2014-12-01T00:00:00",
}
_CYCLE = {**_SINCE, **_UPDATED}
_PERSON = {
    "firstName": "Kim",
    "lastName": NAMES[0],
    "dateOfBirth": "1990-01-01",
    "sex": "1",
    "status": [{"id": 1, "code": {"oid": 5510, "value": "1"}, "from": "1990-01-01T00:00:00"}],
    "physicalAddresses": [_address()],
}
_TABLES: Tables = {
    "codes": [
        {"oid": oid, "value": value, "text": text}
        for oid, value, text in (
            (3402, "0301", "Oslo"),
            (3402, "4601", "Bergen"),
            (3403, "030101", "Gamle Oslo"),
            (9043, "NO", "Norge"),
            (5510, "1", "Bosatt"),
            (3303, "no", "Norsk"),
            (9060, "LE", "Lege"),
            (9040, "FLK", "Fastlegekontor"),
        )
    ],
    "offices": [
        {
            "organizationNumber": OFFICE,
            "herId": 80001,
            "name": "Kontoret",
            "parentOrganizationNumber": 974767880,
            "municipality": "0301",
            "district": "030101",
            "sector": {"oid": 9040, "value": "FLK"},
            "industries": [{"oid": 9040, "value": "FLK"}],
            "properties": [{"oid": 9040, "value": "FLK"}],
            "teamId": 31,
            **_OFFICE,
        },
        {"organizationNumber": HISTORICAL, "name": "Det gamle", **_OFFICE, "to": "2019-01-01T00:00:00"},
    ],
    "doctors": [
        {
            "hprNumber": hpr,
            "nin": nin,
            "firstName": "Lege",
            "lastName": NAMES[1],
            "sex": "2",
            "languages": [{"oid": 3303, "value": "no"}],
        }
        for hpr, nin in ((7001, ANNE), (7002, BERIT), (7003, number(9)))
    ],
    "contracts": [
        {"id": 11, "herId": 90001, "officeOrganizationNumber": OFFICE, "teamId": 31, **_CONTRACT},
        {"id": 12, "officeOrganizationNumber": OFFICE, **_CONTRACT},
        {
            "id": 13,
            "officeOrganizationNumber": HISTORICAL,
            **_CONTRACT,
            "to": "2019-01-01T00:00:00",
            "endReason": "OHAV",
        },
    ],
    "doctor_cycles": [
        {"id": 21, "contractId": 11, "hprNumber": 7001, "herId": 4001, "relationship": "LPFL", **_CYCLE},
        {
            "id": 22,
            "contractId": 11,
            "hprNumber": 7002,
            "herId": 4002,
            "substituteForHprNumber": 7001,
            "relationship": "LPVI",
            **_CYCLE,
            "to": "2016-01-01T00:00:00",
        },
        {"id": 23, "contractId": 12, "hprNumber": 7003, "relationship": "LPDL", **_CYCLE},
        # the same doctor at the same office: one HER-ID on two contracts
        {"id": 24, "contractId": 12, "hprNumber": 7001, "herId": 4001, "relationship": "LPFL", **_CYCLE},
    ],
    "outposts": [
        {
            "id": 41,
            "contractId": 11,
            "description": OUTPOST_TEXT,
            "physicalAddresses": [_address()],
            "electronicAddresses": [_PHONE],
            **_CYCLE,
        }
    ],
    "teams": [
        {
            "id": 31,
            "organizationNumber": OFFICE,
            "leaderHprNumber": 7001,
            "people": [{"id": 1, "hprNumber": 7001, "role": "LE", **_SINCE}],
            "contracts": [{"id": 1, "contractId": 11, **_SINCE}],
        }
    ],
    "persons": [
        {"nin": ANNE, **_PERSON},
        {"nin": BERIT, **_PERSON, "protection": "fortrolig"},
        {"nin": CARL, **_PERSON, "lastName": NAMES[1]},
        {"nin": DAVID, **_PERSON},
        {"nin": EVA, **_PERSON, "dateOfDeath": "2021-05-06"},
        {"nin": FINN},  # has never been on a list
    ],
    "nin_changes": [
        {"oldNin": OLDEST, "newNin": OLDER, "changed": "2001-01-01T00:00:00"},
        {"oldNin": OLDER, "newNin": CARL, "changed": "2011-01-01T00:00:00"},
    ],
    "memberships": [
        {"id": 51, "nin": ANNE, "contractId": 11, "beginCode": "BGVA", **_CYCLE},
        {
            "id": 52,
            "nin": BERIT,
            "contractId": 13,
            "beginCode": "BGTI",
            "endCode": "OHAV",
            **_CYCLE,
            "to": "2019-01-01T00:00:00",
        },
        {"id": 53, "nin": BERIT, "contractId": 12, **_UPDATED, "from": "2019-01-01T00:00:00"},  # touches 52
        {"id": 54, "nin": CARL, "contractId": 11, **_CYCLE, "to": "2018-03-04T05:06:07"},
        {"id": 55, "nin": CARL, "contractId": 11, **_UPDATED, "from": "2018-03-04T05:06:08"},
        {"id": 56, "nin": DAVID, "contractId": 12, **_UPDATED, "from": "2099-01-01T00:00:00"},
        {"id": 57, "nin": EVA, "contractId": 12, **_CYCLE, "to": "2021-05-06T00:00:00", "endCode": "OHDO"},
    ],
}


def line_of(record: Any) -> bytes:
    """One line of a data file, without its end."""
    return record if isinstance(record, bytes) else json.dumps(record, ensure_ascii=False).encode()


def digest_of(feed: Tables) -> str:
    """The content digest, of the records that can be read."""
    total = 0
    for table, records in feed.items():
        for record in records:
            try:
                read = msgspec.json.decode(line_of(record), type=TABLES[table])
                total += record_digest(table, canonical_line(read))
            except (ValueError, msgspec.MsgspecError):
                continue
    return format_digest(total)


def write(folder: Path, feed: Tables, *, suffix: str = ".ndjson", pieces: int = 1, **members: object) -> Path:
    """Write a feed: `pieces` data files a table, then the manifest that fits, with `members` of it replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    for table, records in feed.items():
        for piece in range(pieces):
            data = b"".join(line_of(record) + b"\n" for record in records[piece::pieces])
            name = f"{table}-{piece}{suffix}" if pieces > 1 else f"{table}{suffix}"
            (folder / name).write_bytes(zstandard.compress(data) if suffix.endswith(".zst") else data)
    write_manifest(folder, **{"content_digest": digest_of(feed)} | members)
    return folder


def write_events(folder: Path, events: list[tuple[str, Any]], base_digest: str, after: Tables) -> Path:
    """Write an incremental feed, sequence 8, that leads from the state of a full one, sequence 7, to `after`."""
    folder.mkdir()
    lines = [line_of({"event": name, "body": body}) + b"\n" for name, body in events]
    (folder / "events.ndjson").write_bytes(b"".join(lines))
    said = {"kind": "incremental", "sequence": 8, "base_sequence": 7, "base_digest": base_digest}
    write_manifest(folder, content_digest=digest_of(after), **said)
    return folder


def write_manifest(folder: Path, **members: object) -> None:
    """(Re)write the manifest so that it fits the data files that are there."""
    manifest: dict[str, object] = {
        "format": FORMAT,
        "kind": "full",
        "sequence": 7,
        "base_sequence": None,
        "base_digest": None,
        "content_digest": NO_DIGEST,
        "as_of": AS_OF,
        "source": "by hand",
        "files": [entry(path) for path in sorted(folder.iterdir()) if path.name != MANIFEST],
    }
    (folder / MANIFEST).write_text(json.dumps(manifest | members))


def unpacked(path: Path) -> bytes:
    """The lines of a data file."""
    data = path.read_bytes()
    return zstandard.ZstdDecompressor().decompressobj().decompress(data) if path.suffix == ".zst" else data


def entry(path: Path) -> dict[str, object]:
    """What the manifest says of a data file."""
    data = path.read_bytes()
    lines = unpacked(path)
    return {
        "name": path.name,
        "table": re.split("[-.]", path.name)[0],
        "records": lines.count(b"\n"),
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def manifest_of(folder: Path) -> dict[str, Any]:
    """The manifest as it is."""
    read: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
    return read


def build(folder: Path, out: Path, *, processes: int = 0) -> Built:
    """Build the feed of `folder` into `out`, and hold the result against it."""
    out.mkdir(parents=True, exist_ok=True)
    feed = open_feed(folder)
    building = Build(feed, out, NOW, Progress(show=False), processes)
    built = building.run()
    verify_built(feed, out, built, Progress(show=False))
    return built


def faults_of(folder: Path, out: Path) -> tuple[str, ...]:
    """What the loader says is wrong with a feed, one line a fault: never with content of a record in it."""
    with pytest.raises(BadFeed) as caught:
        build(folder, out)
    error = caught.value
    faults = error.faults or (str(error),)
    assert faults[0] == str(error)
    assert_tells_nothing([*faults, str(error), repr(error), *map(str, error.args)])
    return faults


def assert_tells_nothing(texts: Iterable[str]) -> None:
    """No text holds a national id, or what could be one, or a name."""
    for text in texts:
        assert not re.search(r"[0-9]{11}", text)
        assert not any(name in text for name in NAMES)
