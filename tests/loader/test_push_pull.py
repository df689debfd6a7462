"""A generation's way from the node that builds it to those that pull it: what is put when, taken when, and refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import loader.push
from loader.errors import BadFeed, BadGeneration, LoaderError, OutOfOrder, SourceUnreachable
from loader.lock import LoaderLock
from loader.moves import accept, rollback
from loader.objects import Objects, Taken
from loader.settings import Settings
from lookup.manifest import digest8_of, read_manifest, verify_files
from tests import tiny
from tests.loader.nodes import Node, builder, node, read_here
from tests.loader.stores import HttpFolder

__all__ = ["builder", "node", "read_here"]

PUT_IN_ORDER = ["index.mdb", "pointers.bin", "people.mdb", "manifest.json", "newest.json"]
LATER = "2026-11-24T05:00:00+01:00"


@pytest.fixture
def place(tmp_path: Path) -> str:
    return str(tmp_path / "store")


@pytest.fixture(params=["folder", "s3"])
def anywhere(request: pytest.FixtureRequest, place: str) -> str:
    """A store of either kind."""
    return place if request.param == "folder" else str(request.getfixturevalue("s3"))


def test_what_is_built_here_is_in_service_there(builder: Node, node: Node, anywhere: str) -> None:
    name = builder.build(5)
    pushed = builder.push(anywhere)
    assert (pushed.outcome, pushed.generation) == ("pushed", name)
    assert pushed.pushed_bytes == sum(entry.bytes for entry in read_manifest(builder.data / "gen" / name)[0].files)
    pulled = node.pull(anywhere)
    assert (pulled.outcome, pulled.generation, pulled.serial, pulled.adoption) == (
        "published",
        name,
        5,
        "no worker alive",
    )
    assert pulled.fetched_bytes == pushed.pushed_bytes
    assert node.current == name
    for file in (builder.data / "gen" / name).iterdir():
        there = node.data / "gen" / name / file.name
        assert there.read_bytes() == file.read_bytes()
        assert there.stat().st_mode & 0o777 == 0o440
    assert list((node.data / "staging").iterdir()) == []
    assert [(report["verb"], report["outcome"]) for report in node.reports()] == [("pull", "published")]
    assert [(report["verb"], report["outcome"]) for report in builder.reports()] == [("push", "pushed")]


@pytest.mark.usefixtures("read_here")
def test_replays_are_nothing_new(builder: Node, node: Node, anywhere: str) -> None:
    builder.build(5)
    builder.push(anywhere)
    node.pull(anywhere)
    again, back = builder.push(anywhere), node.pull(anywhere)
    assert (again.outcome, again.pushed_bytes, back.outcome, back.fetched_bytes) == ("nothing new", 0, "nothing new", 0)
    assert (len(builder.reports()), len(node.reports())) == (1, 1)


@pytest.mark.usefixtures("read_here")
def test_over_http(builder: Node, node: Node, place: str) -> None:
    name = builder.build(5)
    builder.push(place)
    server = HttpFolder(Path(place))
    try:
        assert node.pull(server.place).generation == name
        assert node.pull(f"{server.place}/").outcome == "nothing new"
        with pytest.raises(SourceUnreachable, match=r"no generations here: newest\.json is missing"):
            node.pull(f"{server.place}/elsewhere")
    finally:
        server.stop()
    with pytest.raises(SourceUnreachable, match="error sending request"):
        node.pull(server.place)
    assert node.current == name


@pytest.mark.usefixtures("read_here")
def test_a_push_broken_off_anywhere_shows_the_old_generation_or_the_new_one(
    builder: Node, node: Node, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = builder.build(5)
    builder.push(place)
    new = builder.build(6)
    put, order = Objects.put, list[str]()

    def count(self: Objects, key: str, content: Any, **options: Any) -> None:
        if len(order) == allowed:
            raise SourceUnreachable("broken off")
        put(self, key, content, **options)
        order.append(key.removeprefix(f"gen/{new}/"))

    monkeypatch.setattr(Objects, "put", count)
    for allowed in range(len(PUT_IN_ORDER)):
        with pytest.raises(SourceUnreachable):
            builder.push(place)
        assert order == PUT_IN_ORDER[:allowed]
        node.pull(place)
        assert node.current == old
        order.clear()
        shutil.rmtree(Path(place) / "gen" / new, ignore_errors=True)
    allowed += 1
    builder.push(place)
    assert order == PUT_IN_ORDER
    assert node.pull(place).generation == new


def test_a_push_that_was_broken_off_is_finished_without_putting_files_again(
    builder: Node, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder.build(5)
    with monkeypatch.context() as broken:
        broken.setattr(loader.push, "put_on_offer", _fail)
        with pytest.raises(SourceUnreachable):
            builder.push(place)
    assert builder.reports()[-1]["exit_code"] == 69
    finished = builder.push(place)
    assert (finished.outcome, finished.pushed_bytes) == ("pushed", 0)


def _fail(*_: object) -> None:
    raise SourceUnreachable("broken off")


def test_a_push_that_was_stopped_says_so(builder: Node, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise SystemExit(143)

    builder.build(5)
    monkeypatch.setattr(loader.push, "put_on_offer", stop)
    with pytest.raises(SystemExit):
        builder.push(place)
    (report,) = builder.reports()
    assert (report["outcome"], report["message"], report["exit_code"]) == ("failed", "stopped by a signal", 143)


def test_a_manifest_is_never_overwritten(builder: Node, anywhere: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = builder.build(5)
    objects = Objects(anywhere, builder.settings, make=True)
    objects.put(f"gen/{name}/manifest.json", b"{}")
    with pytest.raises(BadGeneration, match="not overwritten"):
        builder.push(anywhere)
    monkeypatch.setattr(loader.push, "_is_there", _absent_once(loader.push._is_there))  # somebody was faster
    with pytest.raises(BadGeneration, match="not overwritten"):
        builder.push(anywhere)
    assert objects.read(f"gen/{name}/manifest.json", 100) == b"{}"


def test_a_store_without_conditions_is_asked_first(s3: str) -> None:
    objects = Objects(s3, Settings(conditional_put=False))
    objects.put("one", b"1", new=True)
    with pytest.raises(Taken):
        objects.put("one", b"2", new=True)
    assert objects.read("one", 1) == b"1"


def _absent_once(real):  # type: ignore[no-untyped-def]
    answers = iter([False])
    return lambda *arguments: next(answers, None) is None and real(*arguments)


def test_damage_does_not_spread(builder: Node, place: str) -> None:
    folder = builder.data / "gen" / builder.build(5)
    (folder / "people.mdb").write_bytes(b"x" * (folder / "people.mdb").stat().st_size)
    with pytest.raises(BadGeneration, match=r"people\.mdb is not what the manifest says"):
        builder.push(place)
    (folder / "people.mdb").unlink()
    with pytest.raises(BadGeneration, match=r"people\.mdb is not on this node"):
        builder.push(place)
    assert [path for path in Path(place).rglob("*") if path.is_file()] == []


def test_what_a_killed_push_has_left_is_swept(builder: Node, place: str) -> None:
    name = builder.build(5)
    left = [Path(place) / "newest.json#1", Path(place) / "gen" / name / "index.mdb#12"]
    ours = Path(place) / "gen" / name / "notes # 1.txt"
    ours.parent.mkdir(parents=True)
    for path in [*left, ours]:
        path.touch()
    builder.push(place)
    assert [path for path in left if path.exists()] == []
    assert ours.exists()


def test_files_in_a_folder_are_closed_to_others(builder: Node, place: str) -> None:
    builder.build(5)
    builder.push(place)
    assert [path for path in Path(place).rglob("*") if path.stat().st_mode & 0o007] == []


def test_only_the_newest_are_left_in_the_store(builder: Node, anywhere: str) -> None:
    builder.settings = Settings(data_dir=builder.data, keep_pushed=2)
    names = []
    for serial in (5, 6, 7):
        names.append(builder.build(serial))
        report = builder.push(anywhere)
    objects = Objects(anywhere, builder.settings)
    assert json.loads(objects.read("newest.json", 1000)) == {
        "format": "1.0",
        "newest": [names[2], names[1]],
        "withdrawn": [],
    }
    assert (report.removed, objects.names("gen/")) == ([names[0]], names[1:])


class TestRollback:
    """Bad data: taken back at the builder, at a node, at both."""

    @pytest.fixture(autouse=True)
    def two(self, builder: Node, node: Node, place: str, read_here: None) -> list[str]:
        self.names = []
        for serial in (5, 6):
            self.names.append(builder.build(serial))
            builder.push(place)
            node.pull(place)
        return self.names

    def test_a_node_does_not_take_what_it_refuses_until_it_is_accepted(
        self, builder: Node, node: Node, place: str
    ) -> None:
        rollback(node.settings, None, "a drill")
        assert node.pull(place).outcome == "nothing new"
        assert node.current == self.names[0]
        accept(node.settings, "6")
        back = node.pull(place)
        assert (back.outcome, back.fetched_bytes, node.current) == ("published", 0, self.names[1])
        rollback(node.settings, None, "a drill")
        newer = builder.build(7)
        builder.push(place)
        assert (node.pull(place).generation, node.current) == (newer, newer)

    def test_what_the_builder_refuses_is_on_offer_no_longer(
        self, builder: Node, node: Node, tmp_path: Path, place: str
    ) -> None:
        rollback(builder.settings, None, "a drill")
        report = builder.push(place)
        assert (report.outcome, report.withdrawn, report.generation) == ("pushed", [self.names[1]], self.names[0])
        fresh = Node(tmp_path / "fresh")
        assert fresh.pull(place).generation == self.names[0]
        with pytest.raises(BadGeneration, match=f"{self.names[1]}, which is in service, was withdrawn"):
            node.pull(place)
        assert builder.push(place).outcome == "nothing new"
        newer = builder.build(7)
        builder.push(place)
        assert node.pull(place).generation == newer

    def test_an_older_list_is_nothing_new(self, node: Node, place: str) -> None:
        (Path(place) / "newest.json").write_text(json.dumps({"format": "1.0", "newest": self.names[:1]}))
        assert node.pull(place).outcome == "nothing new"
        assert node.current == self.names[1]

    def test_a_builder_that_is_behind_does_not_push(self, builder: Node, place: str) -> None:
        builder.build(4)
        with pytest.raises(OutOfOrder, match="already, 4-"):
            builder.push(place)

    def test_nothing_is_pushed_that_is_refused(self, builder: Node, place: str) -> None:
        rollback(builder.settings, None, "a drill")
        (builder.data / "CURRENT").write_text(f"{self.names[1]}\n")
        with pytest.raises(BadGeneration, match="is refused"):
            builder.push(place)


@pytest.mark.usefixtures("read_here")
def test_of_one_serial_the_one_built_last_is_taken(builder: Node, node: Node, place: str) -> None:
    builder.build(5)
    builder.push(place)
    first = node.pull(place).generation
    again = builder.build(5, built_at=LATER)
    builder.push(place)
    assert again != first
    assert node.pull(place).generation == again
    offer = Path(place) / "newest.json"
    offer.write_text(offer.read_text().replace(str(first), "x").replace(again, str(first)).replace("x", again))
    assert (node.pull(place).outcome, node.current) == ("nothing new", again)


@pytest.mark.usefixtures("read_here")
def test_damage_in_service_is_mended(builder: Node, node: Node, place: str) -> None:
    name = builder.build(5)
    builder.push(place)
    node.pull(place)
    damaged = node.data / "gen" / name / "pointers.bin"
    damaged.unlink()
    damaged.write_bytes(b"")
    assert node.pull(place).outcome == "published"
    verify_files(node.data / "gen" / name)


@pytest.mark.usefixtures("read_here")
def test_what_is_there_and_sound_is_not_fetched(builder: Node, node: Node, place: str) -> None:
    name = builder.build(5)
    builder.push(place)
    node.pull(place)
    (node.data / "CURRENT").unlink()
    report = node.pull(place)
    assert (report.outcome, report.fetched_bytes, node.current) == ("published", 0, name)


@pytest.mark.usefixtures("read_here")
class TestDrift:
    """The breaker is asked before anything is fetched."""

    @pytest.fixture(autouse=True)
    def drifted(self, builder: Node, node: Node, place: str) -> None:
        builder.build(5)
        builder.push(place)
        node.pull(place)
        folder = tiny.generation(builder.data, 6)
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["counts"]["persons"] = 1_000_000
        (folder / "manifest.json").write_text(json.dumps(manifest))
        self.name = folder.rename(folder.with_name(f"6-{digest8_of(folder)}")).name
        (builder.data / "CURRENT").write_text(f"{self.name}\n")
        builder.push(place)

    def test_it_trips_and_is_overruled(self, node: Node, tmp_path: Path, place: str) -> None:
        before = node.current
        with pytest.raises(BadFeed, match="drift breaker: persons"):
            node.pull(place)
        assert (node.current, set(node.parked())) == (before, {"manifest.json"})
        assert node.reports()[-1]["exit_code"] == 65

        report = node.pull(place, accept_drift="a new county")
        assert (report.generation, len(report.drift), report.accept_drift) == (self.name, 1, "a new county")

        assert Node(tmp_path / "first").pull(place).drift == []  # which has nothing to be held against


def test_nobody_waits_for_another_loader(builder: Node, node: Node, place: str) -> None:
    builder.build(5)
    with LoaderLock(builder.data, 1800):
        builder.push(place)  # has a lock of its own: loads go on beside it
    with LoaderLock(builder.data, 1800, "push.lock"), pytest.raises(LoaderError, match="another loader") as held:
        builder.push(place)
    assert held.value.exit_code == 75
    with LoaderLock(node.data, 1800), pytest.raises(LoaderError, match="another loader") as held:
        node.pull(place)
    assert held.value.exit_code == 75
