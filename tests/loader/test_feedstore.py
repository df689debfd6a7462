"""Feeds that are fetched first: over HTTP one, from S3 one or several, of which only what is pending."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import loader.load
from loader.errors import BadFeed, SourceUnreachable, StorageError
from loader.objects import Objects
from loader.progress import Progress
from loader.publish import sweep
from loader.report import LoadReport
from loader.settings import Settings
from register.feed import MANIFEST
from tests.loader import feeds
from tests.loader.histories import History
from tests.loader.stores import HttpFolder


@pytest.fixture(autouse=True)
def no_reader(monkeypatch: pytest.MonkeyPatch, small_parts: None) -> None:
    monkeypatch.setattr(loader.load, "ask_reader", lambda *_: None)
    monkeypatch.setattr(loader.objects, "_retry", lambda: {"max_retries": 0})
    monkeypatch.setattr(loader.fetch, "TRIES", 1)


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    return feeds.write(tmp_path / "feed", feeds.tables())


@pytest.fixture
def server(feed: Path) -> Iterator[HttpFolder]:
    server = HttpFolder(feed.parent)
    yield server
    server.stop()


def take(data: Path, place: str) -> LoadReport:
    settings = Settings(data_dir=data, keep_generations=9, processes=1)
    return loader.load.load(place, settings, Progress(show=False))


def put(place: str, folder: Path, below: str = "") -> None:
    objects = Objects(place, Settings())
    for path in folder.iterdir():
        objects.put(f"{below}{path.name}", path.read_bytes())


def left(data: Path) -> list[str]:
    return [path.name for path in (data / "staging").rglob("*") if path.is_file()]


def test_one_over_http(data: Path, server: HttpFolder, feed: Path) -> None:
    report = take(data, f"{server.place}/feed")
    assert (report.outcome, report.serial, report.feed) == ("published", 7, "by hand")
    sizes = {entry["name"]: entry["bytes"] for entry in feeds.manifest_of(feed)["files"]}
    assert report.fetched_bytes == sum(sizes.values())
    assert {name: server.bytes[name] for name in sizes} == sizes
    again = take(data, f"{server.place}/feed")
    assert (again.outcome, again.fetched_bytes, left(data)) == ("nothing new", 0, [])
    assert {name: server.bytes[name] for name in sizes} == sizes  # only the manifest was asked for
    assert report.counts == take_folder(data.with_name("other"), feed).counts


def take_folder(data: Path, feed: Path) -> LoadReport:
    return loader.load.load(feed, Settings(data_dir=data, processes=1), Progress(show=False))


def test_one_in_s3(data: Path, s3: str, feed: Path) -> None:
    with pytest.raises(SourceUnreachable, match=r"no feed here: manifest\.json is missing"):
        take(data, s3)
    put(s3, feed)
    assert take(data, s3).outcome == "published"
    assert take(data, s3).outcome == "nothing new"


def test_of_several_only_what_is_pending_is_fetched(
    data: Path, s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history, fetched, part = History(1, persons=40), set[str](), Objects.part

    async def note(self: Objects, key: str, start: int, end: int) -> memoryview:
        fetched.add(key.split("/")[0])
        return await part(self, key, start, end)

    monkeypatch.setattr(Objects, "part", note)
    for sequence in (1, 2, 3):
        name = f"{sequence}-feed"
        write = history.write_full if sequence < 3 else lambda at, number: history.write_day(at, number, 5)
        put(s3, write(tmp_path / name, sequence), f"{name}/")
    put(s3, tmp_path / "1-feed", "a prefix of something else/deeper/")
    report = take(data, s3)
    assert (report.serial, report.outcome) == (3, "published")
    assert fetched == {"2-feed", "3-feed"}  # the newest full one, and what continues from it
    fetched.clear()
    assert (take(data, s3).outcome, fetched) == ("nothing new", set())
    put(s3, history.write_day(tmp_path / "4-feed", 4, 5), "4-feed/")
    assert (take(data, s3).serial, fetched, left(data)) == (4, {"4-feed"}, [])


def test_a_feed_with_a_name_that_is_none_is_refused(data: Path, s3: str, feed: Path) -> None:
    put(s3, feed, "a feed/")
    with pytest.raises(BadFeed, match="a name that is not allowed"):
        take(data, s3)


def test_a_feed_that_is_there_no_longer_is_not_taken(data: Path, s3: str, feed: Path, tmp_path: Path) -> None:
    feeds.write_manifest(feed, sequence=9, content_digest=feeds.digest_of(feeds.tables()))
    put(s3, feed, "one/")
    Objects(s3, Settings()).put("one/persons.ndjson", b"")
    with pytest.raises(SourceUnreachable):
        take(data, s3)
    assert MANIFEST in left(data)
    Objects(s3, Settings()).remove("one", "one/manifest.json")
    put(s3, feeds.write(tmp_path / "other", feeds.tables(), sequence=8), "two/")
    assert take(data, s3).serial == 8


def test_a_broken_transfer_goes_on_and_nothing_is_loaded_before_it_is_whole(
    data: Path, server: HttpFolder, feed: Path
) -> None:
    runs = 0
    while not (data / "CURRENT").exists():
        server.breaks_after = 4
        try:
            take(data, f"{server.place}/feed")
        except SourceUnreachable:
            runs += 1
            assert runs < 20
            assert list((data / "gen").iterdir()) == []
            sweep(data)
    sizes = {entry["name"]: entry["bytes"] for entry in feeds.manifest_of(feed)["files"]}
    assert runs > 0
    assert {name: server.bytes[name] for name in sizes} == sizes


@pytest.mark.parametrize("wrong", ["missing", "other octets", "longer"])
def test_what_is_not_in_the_manifest_is_not_taken(data: Path, server: HttpFolder, feed: Path, wrong: str) -> None:
    file = next(feed.glob("persons*"))
    good = file.read_bytes()
    if wrong == "missing":
        file.unlink()
    else:
        file.write_bytes(good.replace(b"1990", b"1991") if wrong == "other octets" else good * 1000)
    if wrong == "longer":  # never more than the manifest says is fetched
        assert take(data, f"{server.place}/feed").outcome == "published"
        assert server.bytes[file.name] == len(good)
        return
    with pytest.raises(BadFeed, match=r"persons.*(is not there|sha256 differs)"):
        take(data, f"{server.place}/feed")
    file.write_bytes(good)
    assert take(data, f"{server.place}/feed").outcome == "published"


def test_a_feed_that_is_refused_is_not_fetched_again(data: Path, server: HttpFolder, feed: Path) -> None:
    manifest = feeds.manifest_of(feed)
    (feed / MANIFEST).write_text(json.dumps(manifest | {"content_digest": "0" * 32}))
    for _ in range(2):
        with pytest.raises(BadFeed, match="content_digest"):
            take(data, f"{server.place}/feed")
    assert server.bytes["persons.ndjson"] == (feed / "persons.ndjson").stat().st_size
    shutil.copytree(feed, feed.with_name("feed2"))
    (feed / MANIFEST).write_text(json.dumps(manifest))
    assert take(data, f"{server.place}/feed").outcome == "published"
    assert left(data) == []


def test_the_signature_is_fetched_too(data: Path, server: HttpFolder, feed: Path, tmp_path: Path) -> None:
    private = Ed25519PrivateKey.generate()
    key = tmp_path / "key.pem"
    key.write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    settings = Settings(data_dir=data, processes=1, feed_public_key=key)
    (feed / f"{MANIFEST}.sig").write_bytes(private.sign((feed / MANIFEST).read_bytes()))
    (feed / "persons.ndjson").write_bytes(b"")  # what is not signed is not looked at
    for signature, fault in ((b"x" * 64, "not a signature"), (None, "missing")):
        if signature is None:
            (feed / f"{MANIFEST}.sig").unlink()
        else:
            (feed / f"{MANIFEST}.sig").write_bytes(signature)
        with pytest.raises(BadFeed, match=fault):
            loader.load.load(f"{server.place}/feed", settings, Progress(show=False))
    assert server.bytes["codes.ndjson"] == 0
    (feed / f"{MANIFEST}.sig").write_bytes(private.sign((feed / MANIFEST).read_bytes()))
    with pytest.raises(SourceUnreachable, match=r"persons\.ndjson"):
        loader.load.load(f"{server.place}/feed", settings, Progress(show=False))


def test_more_than_there_is_room_for(data: Path, server: HttpFolder, feed: Path) -> None:
    manifest = feeds.manifest_of(feed)
    manifest["files"][0]["bytes"] = 1 << 60
    (feed / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(StorageError, match="are needed"):
        take(data, f"{server.place}/feed")
