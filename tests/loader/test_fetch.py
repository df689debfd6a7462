"""Transfers that break off, go on, are damaged or hostile; how many there are at a time; signatures."""

import hashlib
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

import loader.fetch
from loader.errors import BadGeneration, ConfigurationError, SourceUnreachable, StorageError
from loader.fetch import Wanted, fetch, parking
from loader.objects import Objects
from loader.progress import Progress
from loader.publish import prepare, sweep
from loader.settings import Settings
from lookup.manifest import read_manifest
from tests.loader.nodes import Node, builder, node, read_here
from tests.loader.stores import PART_BYTES, HttpFolder

ROOT = Path(__file__).resolve().parents[2]
__all__ = ["builder", "node", "read_here"]
pytestmark = pytest.mark.usefixtures("read_here", "small_parts")


@pytest.fixture
def place(builder: Node, tmp_path: Path) -> Path:
    """A store with one generation."""
    builder.build(5)
    builder.push(str(tmp_path / "store"))
    return tmp_path / "store"


@pytest.fixture
def server(place: Path) -> Iterator[HttpFolder]:
    server = HttpFolder(place)
    yield server
    server.stop()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What breaks off stays broken off."""
    monkeypatch.setattr(loader.objects, "_retry", lambda: {"max_retries": 0})
    monkeypatch.setattr(loader.fetch, "TRIES", 1)


def sizes(node: Node, server: HttpFolder) -> dict[str, int]:
    (folder,) = (server.folder / "gen").iterdir()
    return {entry.name: entry.bytes for entry in read_manifest(folder)[0].files}


@pytest.mark.usefixtures("impatient")
def test_a_broken_transfer_goes_on_where_it_broke_off(node: Node, server: HttpFolder) -> None:
    runs = 0
    while node.current is None:
        server.breaks_after = 5
        try:
            node.pull(server.place)
        except SourceUnreachable:
            runs += 1
            assert runs < 20
            sweep(node.data)  # as each other loader does
    assert runs > 3
    whole = sizes(node, server)
    assert {name: server.bytes[name] for name in whole} == whole  # no part went out twice
    assert node.parked() == {}


def test_stopped_by_a_signal(node: Node, server: HttpFolder) -> None:
    server.stuck_after = 3
    pull = subprocess.Popen(
        [sys.executable, "-m", "loader", "pull", "--from", server.place, "--data-dir", str(node.data)], cwd=ROOT
    )
    assert server.is_stuck.wait(60)
    pull.send_signal(signal.SIGTERM)
    assert pull.wait(60) == 143  # though the server does not answer
    server.stuck_after = None
    assert (node.current, node.reports()[-1]["message"]) == (None, "stopped by a signal")
    assert {path.name for path in (node.data / "staging").iterdir()} == {"fetching"}
    assert node.pull(server.place).outcome == "published"


def test_parts_that_break_off_are_asked_for_again(
    node: Node, server: HttpFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader.fetch, "BETWEEN_SECONDS", 0)
    server.breaks_after, server.breaks = 5, 2
    assert node.pull(server.place).outcome == "published"
    assert server.breaks == 0
    whole = sizes(node, server)
    assert {name: server.bytes[name] for name in whole} == whole


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("damage", ["other octets", "too long"])
def test_what_is_damaged_here_is_fetched_again(node: Node, server: HttpFolder, damage: str) -> None:
    server.breaks_after = 5
    with pytest.raises(SourceUnreachable):
        node.pull(server.place)
    (begun,) = (node.data / "staging" / "fetching").rglob("index.mdb")
    size = begun.stat().st_size
    assert 0 < size < sizes(node, server)["index.mdb"]
    begun.write_bytes(b"x" * (size if damage == "other octets" else 1_000_000))
    server.breaks_after = None
    assert node.pull(server.place).outcome == "published"
    assert server.bytes["people.mdb"] == sizes(node, server)["people.mdb"]


@pytest.mark.usefixtures("impatient")
def test_what_has_come_outlives_an_older_list_and_nothing_that_is_in_service(
    builder: Node, node: Node, server: HttpFolder
) -> None:
    first = node.pull(server.place).generation
    second = builder.build(6)
    builder.push(str(server.folder))
    server.breaks_after = 5
    with pytest.raises(SourceUnreachable):
        node.pull(server.place)
    server.breaks_after = None
    newest = server.folder / "newest.json"
    newer = newest.read_text()
    newest.write_text(json.dumps({"format": "1.0", "newest": [first]}))
    there = node.parked()
    assert "index.mdb" in there
    assert (node.pull(server.place).outcome, node.parked()) == ("nothing new", there)
    newest.write_text(newer)
    assert node.pull(server.place).generation == second
    for left in (second, str(first), "feed-0123456789abcdef"):  # by one that was killed just before it was done
        (node.data / "staging" / "fetching" / left).mkdir(parents=True)
        assert node.pull(server.place).outcome == "nothing new"
        assert list((node.data / "staging").iterdir()) == []


def test_what_is_damaged_there_is_refused(node: Node, place: Path) -> None:
    (file,) = place.rglob("people.mdb")
    file.write_bytes(bytes(file.stat().st_size))
    with pytest.raises(BadGeneration, match=r"people\.mdb is not what the manifest says"):
        node.pull(str(place))
    assert (node.current, list((node.data / "gen").iterdir())) == (None, [])
    file.write_bytes(b"short")
    with pytest.raises(SourceUnreachable, match=r"people\.mdb: shorter than it should be"):
        node.pull(str(place))
    file.unlink()
    with pytest.raises(SourceUnreachable, match=r"people\.mdb is not there"):
        node.pull(str(place))
    assert node.current is None


def test_what_does_not_verify_is_not_fetched_again(
    node: Node, server: HttpFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise BadGeneration("the serving reader refused the candidate")

    monkeypatch.setattr(loader.pull, "ask_reader", refuse)
    for _ in range(2):
        with pytest.raises(BadGeneration, match="refused the candidate"):
            node.pull(server.place)
    assert {name: server.bytes[name] for name in sizes(node, server)} == sizes(node, server)
    assert (node.current, node.reports()[-1]["fetched_bytes"]) == (None, 0)


def test_the_reader_that_serves_is_asked_in_a_process_of_its_own(
    node: Node, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    (folder,) = (place / "gen").iterdir()
    hostile(folder, bits=20)  # every sha256 is right
    with pytest.raises(BadGeneration, match="the serving reader refused the candidate"):
        node.pull(str(place))


def test_no_room_is_found_out_before_anything_is_fetched(node: Node, place: Path) -> None:
    (folder,) = (place / "gen").iterdir()
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][0]["bytes"] = 1 << 60
    hostile(folder, files=manifest["files"])
    with pytest.raises(StorageError, match="are needed"):
        node.pull(str(place))


def test_when_there_is_no_room_nothing_is_kept(node: Node, server: HttpFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(loader.fetch, "_is_right", full)
    with pytest.raises(StorageError, match="No space left"):
        node.pull(server.place)
    assert list((node.data / "staging").iterdir()) == []


def hostile(folder: Path, **members: Any) -> None:
    """Change a manifest in the store, and its folder's name and the list with it."""
    manifest = json.loads((folder / "manifest.json").read_text()) | members
    raw = json.dumps(manifest).encode()
    (folder / "manifest.json").write_bytes(raw)
    name = f"{folder.name.split('-')[0]}-{hashlib.sha256(raw).hexdigest()[:8]}"
    folder.rename(folder.with_name(name))
    (folder.parent.parent / "newest.json").write_text(json.dumps({"format": "1.0", "newest": [name]}))


@pytest.mark.parametrize(
    "members",
    [
        {"files": "../outside"},
        {"files": "/etc/outside"},
        {"files": "manifest.json"},
        {"files": "twice"},
        {"counts": {}},
        {"built_at": "yesterday"},
        {"reader": 99},
        {"serial": 6},
    ],
    ids=str,
)
def test_a_manifest_that_is_not_what_it_should_be_is_refused(node: Node, place: Path, members: dict[str, Any]) -> None:
    (folder,) = (place / "gen").iterdir()
    if "files" in members:
        files = json.loads((folder / "manifest.json").read_text())["files"]
        extra = files[0] if members["files"] == "twice" else files[0] | {"name": members["files"], "kind": "other"}
        members = {"files": [*files, extra]}
    hostile(folder, **members)
    with pytest.raises(BadGeneration, match=r"manifest\.json|needs reader"):
        node.pull(str(place))
    assert {path.name for path in (node.data / "staging").rglob("*") if path.is_file()} == {"manifest.json"}


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"format": "2.0", "newest": []}', b'{"format": "1.0", "newest": ["../../etc"]}']
)
def test_a_list_that_is_none_is_refused(node: Node, place: Path, content: bytes) -> None:
    (place / "newest.json").write_bytes(content)
    with pytest.raises(BadGeneration, match=r"newest\.json"):
        node.pull(str(place))


def test_an_object_that_is_too_large_is_not_read(node: Node, place: Path) -> None:
    (place / "newest.json").write_bytes(b" " * (1 << 20) + b"{}")
    with pytest.raises(SourceUnreachable, match="larger than"):
        node.pull(str(place))


def test_fifty_nodes_have_two_transfers_each_at_the_most(server: HttpFolder, tmp_path: Path) -> None:
    server.held = threading.Event()
    (folder,) = (server.folder / "gen").iterdir()
    manifest, _ = read_manifest(folder)

    def one(number: int) -> int:
        data = tmp_path / f"data-{number}"
        prepare(data, data / "run")
        objects = Objects(f"{server.place}/node/{number}", Settings(data_dir=data))
        at = parking(data, folder.name)
        files = [
            Wanted(f"gen/{folder.name}/{entry.name}", at / entry.name, entry.bytes, entry.sha256)
            for entry in manifest.files
        ]
        return fetch(objects, files, data, Progress(show=False))

    with ThreadPoolExecutor(50) as pool:
        fetched = list(pool.map(one, range(50)))
    assert fetched == [sum(entry.bytes for entry in manifest.files)] * 50
    assert len(manifest.files) > 2
    assert max(entry.bytes for entry in manifest.files) > 10 * PART_BYTES
    assert (len(server.at_once), max(server.at_once.values())) == (50, 2)


class TestSignature:
    """Asked for when, and only when, a public key is configured; put when there is a private one."""

    @pytest.fixture
    def keys(self, tmp_path: Path) -> tuple[Path, Path]:
        private = Ed25519PrivateKey.generate()
        (tmp_path / "private.pem").write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        (tmp_path / "public.pem").write_bytes(
            private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
        return tmp_path / "private.pem", tmp_path / "public.pem"

    def test_required_and_there(self, builder: Node, tmp_path: Path, place: Path, keys: tuple[Path, Path]) -> None:
        careful = Node(tmp_path / "careful", generation_public_key=keys[1])
        with pytest.raises(BadGeneration, match=r"manifest\.json\.sig: missing"):
            careful.pull(str(place))
        builder.settings = Settings(data_dir=builder.data, generation_signing_key=keys[0])
        assert [builder.push(str(place)).outcome for _ in range(2)] == ["pushed", "nothing new"]
        assert careful.pull(str(place)).outcome == "published"
        assert not list((careful.data / "gen").rglob("*.sig"))

    def test_of_something_else_or_somebody_else(self, tmp_path: Path, place: Path, keys: tuple[Path, Path]) -> None:
        careful = Node(tmp_path / "careful", generation_public_key=keys[1])
        (folder,) = (place / "gen").iterdir()
        raw = (folder / "manifest.json").read_bytes()
        for wrong in (Ed25519PrivateKey.generate().sign(raw), b"", bytes(64)):
            (folder / "manifest.json.sig").write_bytes(wrong)
            with pytest.raises(BadGeneration, match="not a signature of its"):
                careful.pull(str(place))
        assert (careful.current, careful.parked()) == (None, {})

    def test_it_is_put_before_the_manifest(self, tmp_path: Path, keys: tuple[Path, Path]) -> None:
        signing = Node(tmp_path / "signing", generation_signing_key=keys[0])
        signing.build(5)
        put, order = Objects.put, []

        def note(self: Objects, key: str, *rest: Any, **options: Any) -> None:
            order.append(Path(key).name)
            put(self, key, *rest, **options)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Objects, "put", note)
            signing.push(str(tmp_path / "fresh"))
        assert order[-3:] == ["manifest.json.sig", "manifest.json", "newest.json"]

    def test_keys_that_are_none(self, tmp_path: Path, place: Path, keys: tuple[Path, Path]) -> None:
        for setting, wrong in (("generation_signing_key", keys[1]), ("generation_public_key", keys[0])):
            other = Node(tmp_path / setting, **{setting: wrong})
            other.build(5)
            with pytest.raises(ConfigurationError, match=setting):
                other.push(str(place)) if "signing" in setting else other.pull(str(place))
