"""Every check of what a load has built, and of who sent it: where that alone is wrong, nothing is put in service.

And the list of what the loader promises to check, none of which is without a test.
"""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmdb
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from loader import drift
from loader import load as loading
from loader.build import Build, Built
from loader.content import NOT_WHAT_WAS_READ
from loader.drift import Limit
from loader.tolerance import build_tolerating
from lookup import key
from lookup.index import LENGTH_BITS, POINTERS_HEADER
from lookup.people import Frames
from lookup.soap_parts import TRAILER
from tests.loader import feeds
from tests.loader.feeds import CARL
from tests.loader.refusals import events, refused, sound
from tests.loader.test_every_check import FULL

# What the loader promises to check, in the words of the design; each name below begins with one of these.
INPUT = (
    "signature, digest, count, schema, code value, id, overlap, contract exists, office exists, doctor exists, "
    "person exists, team exists, her-id, alias chain, period, key, sequence"
).split(", ")
RESULT = (
    "structure, table count, content digest, shared parts, public list, sample, canary, separate reader, drift".split(
        ", "
    )
)


@pytest.mark.parametrize("kind", ["full", "incremental"])
def test_the_signature(in_service: Path, tmp_path: Path, kind: str) -> None:
    key = tmp_path / "key.pem"
    public = Ed25519PrivateKey.generate().public_key()
    key.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    feed = (
        feeds.write(tmp_path / "feed", feeds.tables(), sequence=8) if kind == "full" else events(tmp_path / "feed", [])
    )
    other = Ed25519PrivateKey.generate()
    (feed / "manifest.json.sig").write_bytes(other.sign((feed / "manifest.json").read_bytes()))
    (fault,) = refused(in_service, feed, feed_public_key=key)
    assert fault == "manifest.json.sig: not a signature of this manifest.json by the configured key"


def spoil(monkeypatch: pytest.MonkeyPatch, how: Callable[[Path, Built], Any]) -> None:
    """Let something happen to what a full load has built before it is looked at."""

    def built(build: Build, tolerate: int) -> Built:
        result = build_tolerating(build, tolerate)
        how(build.folder, result)
        return result

    monkeypatch.setattr(loading, "build_tolerating", built)


def page(folder: Path, _: Built) -> None:
    path = folder / "index.mdb"
    octets = bytearray(path.read_bytes())
    for at in range(2 * 4096 + 10, len(octets), 4096):
        octets[at : at + 6] = b"\xff" * 6
    path.write_bytes(octets)


def lost_record(folder: Path, _: Built) -> None:
    with lmdb.open(str(folder / "index.mdb"), subdir=False, lock=False, max_dbs=32, map_size=1 << 30) as env:
        handle = env.open_db(b"teams", create=False)
        with env.begin(write=True) as txn:
            cursor = txn.cursor(handle)
            assert cursor.first()
            cursor.delete()


def lost_row(_: Path, built: Built) -> None:
    built.assembled["memberships"] -= 1


def other_sample(_: Path, built: Built) -> None:
    built.sample[0] = msgspec.structs.replace(built.sample[0], contract_id=12)


def other_name(folder: Path, _: Built | None = None) -> None:
    """Another person's particulars than were read, in a file that is sound."""
    with lmdb.open(str(folder / "people.mdb"), subdir=False, lock=False, max_dbs=2, map_size=1 << 30) as env:
        handle = env.open_db(b"people", create=False)
        with env.begin(write=True) as txn:
            key, frame = next(
                (bytes(key), Frames(b"").decode(bytes(value)))
                for key, value in txn.cursor(handle)
                if feeds.FINN.encode() in Frames(b"").decode(bytes(value))
            )
            txn.put(
                key,
                Frames(b"").encode(frame.replace(b'"firstName":', b'"firstName":"Per","middleName":', 1)),
                db=handle,
            )


def other_membership(folder: Path, _: Built | None = None) -> None:
    """Another id in a membership than was read: one octet of a bucket, which no checksum covers."""
    path, at = folder / "index.mdb", bucket_of(folder, feeds.ANNE)
    octets = path.read_bytes()
    path.write_bytes(octets[: at - 1] + bytes([octets[at - 1] ^ 1]) + octets[at:])


def bucket_of(folder: Path, nin: str) -> int:
    """Where the bucket of a number ends in index.mdb."""
    pointers = (folder / "pointers.bin").read_bytes()
    bucket, _ = key.split(key.mix(int(nin)), key.MIN_BITS)
    (pointer,) = struct.unpack_from("<Q", pointers, POINTERS_HEADER + 8 * bucket)
    return int((pointer >> LENGTH_BITS) + (pointer & (1 << LENGTH_BITS) - 1))


def lost_part(folder: Path, _: Built | None = None) -> None:
    """A list of which nothing was rendered."""
    path = folder / "soap.bin"
    octets = bytearray(path.read_bytes())
    (table,) = struct.unpack_from("<Q", octets, len(octets) - TRAILER.size)
    octets[table : table + 8] = bytes(8)
    path.write_bytes(octets)


def parts_of_another(folder: Path, _: Built | None = None) -> None:
    path = folder / "soap.bin"
    path.write_bytes(path.read_bytes()[:-16] + bytes(16))


def short_part(folder: Path, _: Built | None = None) -> None:
    """One whose period ends before the window does."""
    path = folder / "soap.bin"
    octets = bytearray(path.read_bytes())
    (end,) = struct.unpack_from("<q", octets, 8 + 8 + 8)  # the first slot's first period
    struct.pack_into("<q", octets, 8 + 8 + 8, end - 1)
    path.write_bytes(octets)


def stray_pointer(folder: Path, _: Built | None = None) -> None:
    path = folder / "soap.bin"
    octets = bytearray(path.read_bytes())
    (table,) = struct.unpack_from("<Q", octets, len(octets) - TRAILER.size)
    struct.pack_into("<Q", octets, table, table << LENGTH_BITS | 40)
    path.write_bytes(octets)


def list_of_another(folder: Path, _: Built | None = None) -> None:
    path = folder / "contracts.bin"
    path.write_bytes(path.read_bytes()[:-16] + bytes(16))


def other_form(folder: Path, _: Built | None = None) -> None:
    """A list that says something else uncompressed."""
    path = folder / "contracts.bin"
    octets = path.read_bytes()
    path.write_bytes(octets.replace(b'"maxNumberOfPatients":', b'"maxNumberOfPatientz":', 1))


def no_list(folder: Path, _: Built | None = None) -> None:
    path = folder / "contracts.bin"
    path.write_bytes(path.read_bytes()[:-1])


PARTS_MISSING = "soap.bin: what is rendered is not what must be"
REFUSED = "the serving reader refused the candidate:"
RESULTS: dict[str, tuple[Callable[[Path, Built], Any], str]] = {
    "structure": (page, "index.mdb: "),
    "table count of a small table": (lost_record, "teams: 0 records were built, 1 were read"),
    "table count of memberships": (lost_row, "memberships: 6 records were built, 7 were read"),
    "content digest, of a person": (other_name, NOT_WHAT_WAS_READ),
    "content digest, of a membership": (other_membership, NOT_WHAT_WAS_READ),
    "shared parts, of a list": (lost_part, PARTS_MISSING),
    "shared parts, of a period": (short_part, PARTS_MISSING),
    "shared parts, of this generation": (parts_of_another, "soap.bin: it is of another generation"),
    "shared parts, within the file": (stray_pointer, "soap.bin: a pointer leads outside"),
    "public list, of this generation": (list_of_another, "contracts.bin: it is of another generation"),
    "public list, in all its forms": (other_form, "contracts.bin: it is not one list in all its forms"),
    "public list, whole": (no_list, "contracts.bin: a list of contracts of the wrong size"),
    "sample": (other_sample, f"{REFUSED} a membership of the sample is missing or differs"),
}


@pytest.mark.parametrize("name", RESULTS)
def test_the_result(in_service: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    how, told = RESULTS[name]
    spoil(monkeypatch, how)
    (fault,) = refused(in_service, feeds.write(tmp_path / "feed", feeds.tables(), sequence=8))
    assert fault.startswith(told)


@pytest.mark.parametrize("how", [other_name, other_membership])
def test_the_content_digest_of_an_incremental_load(
    in_service: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: Callable[[Path], Any]
) -> None:
    """What events touch is read again from the files."""
    monkeypatch.setattr(loading, "structure", how)
    happened = [
        ("PersonUpdated", {"nin": feeds.FINN, "firstName": "Kari"}),
        ("PersonUpdated", {**feeds.tables()["persons"][0], "firstName": "Anne"}),
    ]
    assert refused(in_service, events(tmp_path / "feed", happened)) == (NOT_WHAT_WAS_READ,)


def test_the_shared_parts_of_an_incremental_load(
    in_service: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "check_tables_stored", lambda folder, _: lost_part(folder))
    assert refused(in_service, sound(tmp_path, "incremental")) == (PARTS_MISSING,)


@pytest.mark.parametrize("kind", ["full", "incremental"])
def test_the_result_is_opened_by_the_reader_that_serves(
    in_service: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(loading, "READER", 99)
    (fault,) = refused(in_service, sound(tmp_path, kind))
    assert fault == f"{REFUSED} needs reader 99, this is reader 1: upgrade the servers first"


@pytest.mark.parametrize("kind", ["full", "incremental"])
def test_a_canary(in_service: Path, tmp_path: Path, kind: str) -> None:
    (tmp_path / "birds").write_text(json.dumps({"nin": CARL, "contractId": 12}))
    (tmp_path / "birds").chmod(0o600)
    faults = refused(in_service, sound(tmp_path, kind), canaries=tmp_path / "birds")
    assert faults == ("birds:1: another contract is answered than must be, or none",)


@pytest.mark.parametrize("kind", ["full", "incremental"])
def test_drift(in_service: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Each limit alone is in test_drift.py."""
    monkeypatch.setitem(drift.CHANGED, ("persons", "updated"), Limit(0, 0))
    first, accept = refused(in_service, sound(tmp_path, kind))
    assert first == "drift breaker: persons updated: 1 of 6 in service; 0 is the limit"
    assert accept == "--accept-drift REASON takes it"


def test_nothing_that_is_promised_is_without_a_test() -> None:
    named = [*FULL, *RESULTS, "signature", "canary", "separate reader", "drift"]
    assert [one for one in (*INPUT, *RESULT) if not any(name.startswith(one) for name in named)] == []
