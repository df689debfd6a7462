"""Verifying what was built: damage, loss and difference are found, in the files and through the serving reader."""

import json
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import lmdb
import msgspec
import pytest

from loader import reader
from loader.errors import BadFeed, BadGeneration
from loader.load import load
from loader.progress import Progress
from loader.read import open_feed
from loader.reader import ask_reader
from loader.settings import Settings
from loader.verify import deep, structure, verify_built
from lookup import key
from lookup.generation import Generation, open_generation
from lookup.manifest import GENERATIONS
from lookup.record import decode_bucket, encode_bucket
from lookup.tables import u32_key
from register.feed import canonical_line
from register.model import Membership
from tests.loader import feeds
from tests.loader.feeds import ANNE, UNKNOWN

QUIET = Progress(show=False)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a generation that was loaded from the tiny feed."""
    folder = tmp_path_factory.mktemp("verify")
    report = load(feeds.write(folder / "feed", feeds.tables()), Settings(data_dir=folder / "data"), QUIET)
    assert report.generation is not None
    return folder / "data" / GENERATIONS / report.generation


@pytest.fixture
def generation(sealed: Path) -> Generation:
    return open_generation(sealed)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """What Build leaves, still to be written to."""
    feeds.build(feeds.write(tmp_path / "feed", feeds.tables()), tmp_path / "out")
    return tmp_path / "out"


def sample() -> list[Membership]:
    return [msgspec.convert(record, Membership) for record in feeds.tables()["memberships"]]


def remove(path: Path, database: str) -> bytes:
    """Remove the first value of a database, and return it."""
    with lmdb.open(str(path), subdir=False, lock=False, max_dbs=32, map_size=1 << 30) as env:
        handle = env.open_db(database.encode(), create=False)
        with env.begin(write=True) as txn:
            cursor = txn.cursor(handle)
            assert cursor.first()
            value = bytes(cursor.value())
            cursor.delete()
    return value


class TestStructure:
    def test_sound_files(self, out: Path) -> None:
        structure(out)

    def test_without_people(self, out: Path) -> None:
        (out / "people.mdb").unlink()
        structure(out)

    @pytest.mark.parametrize("name", ["index.mdb", "people.mdb"])
    def test_a_damaged_page(self, out: Path, name: str) -> None:
        path = out / name
        data = bytearray(path.read_bytes())
        for at in range(2 * 4096 + 10, len(data), 4096):  # in every page's own flags and bounds
            data[at : at + 6] = b"\xff" * 6
        path.write_bytes(data)
        with pytest.raises(BadGeneration, match=name.replace(".", r"\.")):
            structure(out)

    @pytest.mark.parametrize("name", ["index.mdb", "people.mdb"])
    def test_a_file_cut_short(self, out: Path, name: str) -> None:
        path = out / name
        path.write_bytes(path.read_bytes()[: 3 * 4096])
        with pytest.raises(BadGeneration, match=name.replace(".", r"\.")):
            structure(out)


class TestCounts:
    @pytest.mark.parametrize(
        "table", ["codes", "offices", "doctors", "contracts", "doctor_cycles", "outposts", "teams", "nin_changes"]
    )
    def test_a_record_that_is_missing(self, tmp_path: Path, out: Path, table: str) -> None:
        built = feeds.build(tmp_path / "feed", tmp_path / "again")
        remove(out / "index.mdb", table)
        read = len(feeds.tables()[table])
        with pytest.raises(BadGeneration, match=f"{table}: {read - 1} records were built, {read} were read"):
            verify_built(open_feed(tmp_path / "feed"), out, built, QUIET)

    @pytest.mark.parametrize("table", ["persons", "memberships"])
    @pytest.mark.parametrize("by", [-1, 1])
    def test_rows_that_were_lost_or_gained(self, tmp_path: Path, out: Path, table: str, by: int) -> None:
        built = feeds.build(tmp_path / "feed", tmp_path / "again")
        built.assembled[table] += by
        read = len(feeds.tables()[table])
        with pytest.raises(BadGeneration, match=f"{table}: {read + by} records were built, {read} were read"):
            verify_built(open_feed(tmp_path / "feed"), out, built, QUIET)

    def test_a_changed_number_that_leads_to_another(self, tmp_path: Path, out: Path) -> None:
        built = feeds.build(tmp_path / "feed", tmp_path / "again")
        old, _, file, line = built.aliases[0]
        built.aliases[0] = (old, built.aliases[1][0], file, line)  # to an old number instead of the newest
        with pytest.raises(BadFeed) as caught:
            verify_built(open_feed(tmp_path / "feed"), out, built, QUIET)
        fault = "a changed number whose newest number is not a person in the feed"
        assert caught.value.faults == (f"nin_changes.ndjson:1: {fault}",)


class TestReader:
    """The serving reader, in a process of its own."""

    def test_knows_every_membership(self, sealed: Path) -> None:
        ask_reader(sealed, sample())

    @pytest.mark.parametrize(
        "change",
        [
            {"nin": feeds.BERIT},
            {"id": 99},
            {"contract_id": 12},
            {"valid_from": feeds.datetime(2015, 1, 2)},
            {"to": feeds.datetime(2050, 1, 1)},
            {"begin_code": None},
            {"end_code": "OHID"},
            {"updated": feeds.datetime(2020, 1, 1)},
        ],
        ids=str,
    )
    def test_misses_a_membership_that_differs(self, sealed: Path, change: dict[str, object]) -> None:
        wanted = sample()
        assert wanted[0].nin == ANNE
        wanted[0] = msgspec.structs.replace(wanted[0], **change)
        with pytest.raises(BadGeneration) as caught:
            ask_reader(sealed, wanted)
        assert str(caught.value) == (
            "the serving reader refused the candidate: a membership of the sample is missing or differs"
        )

    def test_misses_a_person(self, sealed: Path) -> None:
        wanted = [msgspec.structs.replace(sample()[0], nin=UNKNOWN)]
        with pytest.raises(BadGeneration, match="a person of the sample is unknown") as caught:
            ask_reader(sealed, wanted)
        feeds.assert_tells_nothing([str(caught.value), repr(caught.value)])

    def test_refuses_what_cannot_be_served(self, out: Path) -> None:
        with pytest.raises(BadGeneration) as caught:
            ask_reader(out, [])
        assert str(caught.value) == "the serving reader refused the candidate: not a generation's name"

    def test_says_why_it_refuses(self, sealed: Path, tmp_path: Path) -> None:
        folder = shutil.copytree(sealed, tmp_path / sealed.name)
        (folder / "pointers.bin").chmod(0o640)
        (folder / "pointers.bin").write_bytes(b"")
        with pytest.raises(BadGeneration) as caught:
            ask_reader(folder, sample())
        reason = "pointers.bin is not what the manifest says"
        assert str(caught.value) == f"the serving reader refused the candidate: {reason}"

    def test_that_is_killed_is_told(self, sealed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reader, "READER", "import os; os.kill(os.getpid(), 9)")
        with pytest.raises(BadGeneration, match="the serving reader refused the candidate: it ended with -9"):
            ask_reader(sealed, [])

    @pytest.mark.parametrize("module", ["loader/reader.py", "loader/__init__.py", "msgspec.py", "json.py"])
    def test_runs_nothing_of_the_folder_it_is_started_in(
        self, sealed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
    ) -> None:
        planted = tmp_path / module
        planted.parent.mkdir(exist_ok=True)
        (planted.parent / "__init__.py").touch()
        planted.write_text(f"open({str(tmp_path / 'has run')!r}, 'w')\nimport os\nos._exit(0)\n")
        monkeypatch.chdir(tmp_path)
        wanted = sample()
        ask_reader(sealed, wanted)
        wanted[0] = msgspec.structs.replace(wanted[0], id=99)
        with pytest.raises(BadGeneration, match="is missing or differs"):
            ask_reader(sealed, wanted)
        assert not (tmp_path / "has run").exists()

    def test_may_not_take_for_ever(self, sealed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def late(*_: object, **options: object) -> None:
            raise subprocess.TimeoutExpired(["reader"], float(str(options["timeout"])))

        monkeypatch.setattr(subprocess, "run", late)
        with pytest.raises(BadGeneration, match="the serving reader did not answer in time"):
            ask_reader(sealed, [])


class TestDeep:
    def test_the_files_alone_add_up_to_the_feed(self, generation: Generation) -> None:
        assert deep(generation) == generation.manifest.content_digest == feeds.digest_of(feeds.tables())

    def test_a_membership_that_differs(self, generation: Generation) -> None:
        bucket, _ = key.split(key.mix(int(ANNE)), generation.index.bits)

        class Index:
            bits = generation.index.bits

            def bucket(self, number: int) -> object:
                records = generation.index.bucket(number)
                if number != bucket:
                    return records
                return [
                    (nin, record._replace(memberships=tuple(m._replace(end=1) for m in record.memberships)))
                    for nin, record in records
                ]

        other = SimpleNamespace(index=Index(), tables=generation.tables, people=generation.people)
        assert deep(other) != generation.manifest.content_digest  # type: ignore[arg-type]

    def test_every_record_counts(self, generation: Generation) -> None:
        for table in ("codes", "offices", "doctors", "contracts", "doctor_cycles", "outposts", "teams", "nin_changes"):

            class Tables:
                begin_codes, end_codes = generation.tables.begin_codes, generation.tables.end_codes
                contract_id_of_slot = staticmethod(generation.tables.contract_id_of_slot)
                without = table

                def lines(self, name: str) -> list[bytes]:
                    return list(generation.tables.lines(name))[name == self.without :]

            other = SimpleNamespace(index=generation.index, tables=Tables(), people=generation.people)
            assert deep(other) != generation.manifest.content_digest  # type: ignore[arg-type]


def test_the_lines_kept_are_the_canonical_lines(out: Path) -> None:
    assert json.loads(remove(out / "index.mdb", "contracts"))["id"] == 11
    value = remove(out / "index.mdb", "teams")
    assert value == canonical_line(msgspec.json.decode(value, type=feeds.TABLES["teams"]))


def test_a_bucket_stands_under_its_number(out: Path) -> None:
    with lmdb.open(str(out / "index.mdb"), subdir=False, readonly=True, lock=False, max_dbs=32) as env:
        database = env.open_db(b"persons", create=False)
        with env.begin() as txn:
            for number, value in txn.cursor(database):
                bucket = int.from_bytes(number, "big")
                assert number == u32_key(bucket)
                assert encode_bucket(bucket, decode_bucket(bytes(value), bucket, key.MIN_BITS)) == bytes(value)
