"""The real register's export: written, loaded again, and what it can carry is the same."""

import fcntl
import json
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from bench import population
from loader import flr_export
from loader import load as loading
from loader.__main__ import main
from loader.errors import BadGeneration, UsageError
from loader.export import FLR_EXPORT, export
from loader.progress import Progress
from lookup.generation import Generation
from lookup.resident import reply
from register.localtime import local_micros
from tests.loader import feeds, flr
from tests.loader.histories import History
from tests.register.flr_contracts import xml_schema

QUIET = Progress(show=False)


@pytest.fixture(autouse=True)
def no_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "ask_reader", lambda *_: None)


@pytest.fixture(scope="module")
def norway(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("norway") / "feed"
    assert population.main(["--persons", "700", "--out", str(folder), "--workers", "1", "--json"]) == 0
    return folder


@pytest.fixture
def small(tmp_path: Path) -> Generation:
    """The generation of the feed in which every table and member occurs."""
    return flr.put(tmp_path / "data", feeds.write(tmp_path / "feed", feeds.tables()))


def written(generation: Generation, target: Path) -> Path:
    export(generation.folder.parents[1], generation.name, target, FLR_EXPORT, QUIET)
    return target


def documents(archive: Path) -> list[bytes]:
    with zipfile.ZipFile(archive) as opened:
        return [opened.read(name) for name in opened.namelist()]


def answer(generation: Generation, nin: str, now: int) -> dict[str, Any]:
    found = reply(generation, int(nin), now, False)
    assert found is not None
    told: dict[str, Any] = json.loads(found.body)
    return told


class TestRoundTrip:
    def test_every_member_there_is(self, tmp_path: Path, small: Generation) -> None:
        after = flr.put(tmp_path / "again", written(small, tmp_path / "out.zip"))
        assert (after.serial, after.manifest.source) == (1, "flr-export out.zip")
        flr.assert_carried(small, after)

    @pytest.mark.parametrize("seed", range(3))
    def test_registers_with_nothing_regular_in_them(self, tmp_path: Path, seed: int) -> None:
        history = History(seed, persons=200)
        flr.put(tmp_path / "data", history.write_full(tmp_path / "1", 1))
        before = flr.put(tmp_path / "data", history.write_day(tmp_path / "2", 2, 60))
        flr.assert_carried(before, flr.put(tmp_path / "again", written(before, tmp_path / "out.zip")))

    def test_a_small_norway(self, tmp_path: Path, norway: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """With what is held in memory so little that everything goes through the disk in pieces; and the answers."""
        monkeypatch.setattr(flr_export, "BUFFER_BYTES", 100)
        before = flr.put(tmp_path / "data", norway)
        after = flr.put(tmp_path / "again", written(before, tmp_path / "out.zip"))
        flr.assert_carried(before, after)
        now = local_micros(before.as_of_seconds)
        persons = [record.nin for record in flr.records_of(after)["persons"]]
        assert len(persons) > 500
        for nin in persons:
            one, other = (answer(each, nin, now) for each in (before, after))
            if one["office"] is not None:
                one["office"]["herId"] = None
            for doctor in one["sharedWith"] + one["substitutes"] + other["sharedWith"] + other["substitutes"]:
                doctor["herId"] = None
            assert one == other

    def test_what_xml_cannot_carry_is_marked(self, tmp_path: Path) -> None:
        feed = feeds.tables()
        feed["persons"][0] |= {"firstName": "\x00\x1f\ufffe", "middleName": "\r\n\t <&>]]>", "lastName": ""}
        feed["offices"][0] |= {"latitude": 59.9, "longitude": None, "openingHours": {"openAt": []}}
        before = flr.put(tmp_path / "data", feeds.write(tmp_path / "feed", feed))
        after = flr.put(tmp_path / "again", written(before, tmp_path / "out.zip"))
        (person,) = [one for one in flr.records_of(after)["persons"] if one.nin == feeds.ANNE]
        assert (person.first_name, person.middle_name, person.last_name) == ("\ufffd" * 3, "\r\n\t <&>]]>", "")
        (office,) = [one for one in flr.records_of(after)["offices"] if one.organization_number == feeds.OFFICE]
        assert (office.latitude, office.longitude) == (None, None)
        assert office.opening_hours is not None


class TestTheArchive:
    def test_is_of_the_interfaces_types(self, tmp_path: Path, norway: Path, small: Generation) -> None:
        """Held against the description that FLR_CONTRACTS names, or against our own table of it."""
        schema = xml_schema(tmp_path)
        of_norway = flr.put(tmp_path / "norway", norway)
        for generation, target in ((small, tmp_path / "1.zip"), (of_norway, tmp_path / "2.zip")):
            for document in documents(written(generation, target)):
                assert schema.validate(etree.fromstring(document)), schema.error_log
        wrong = etree.fromstring(document.replace(b"<GPContractId>", b"<GPContractId>x", 1))
        assert not schema.validate(wrong)

    def test_has_an_entry_for_each_office_with_contracts(self, tmp_path: Path, small: Generation) -> None:
        archive = written(small, tmp_path / "out.zip")
        with zipfile.ZipFile(archive) as opened:
            infos = opened.infolist()
        assert [info.filename for info in infos] == [f"{feeds.HISTORICAL}.xml", f"{feeds.OFFICE}.xml"]
        assert {info.date_time for info in infos} == {flr.at(small).timetuple()[:6]}
        contracts = [[c.findtext("{*}Id") for c in etree.fromstring(text)] for text in documents(archive)]
        assert contracts == [["13"], ["11", "12"]]
        assert stat.S_IMODE(archive.stat().st_mode) == 0o640
        assert {path.name for path in tmp_path.iterdir()} == {"data", "feed", "out.zip"}

    def test_tells_no_address_of_the_protected_and_of_doctors(self, tmp_path: Path, small: Generation) -> None:
        (past, text) = documents(written(small, tmp_path / "out.zip"))
        assert [one.findtext("{*}NIN") for one in etree.fromstring(past).iter("{*}Patient")] == [feeds.BERIT]
        persons = list(etree.fromstring(text).iter("{*}Patient"))
        with_address = {one.findtext("{*}NIN") for one in persons if len(one.find("{*}PhysicalAddresses"))}
        assert feeds.BERIT in {one.findtext("{*}NIN") for one in persons}
        assert with_address == {feeds.ANNE, feeds.CARL, feeds.DAVID, feeds.EVA}

    def test_says_how_to_reach_the_gp_of_those_who_have_one_now(self, tmp_path: Path, small: Generation) -> None:
        """Who is no longer, or not yet, on the list is told none."""
        (_, text) = documents(written(small, tmp_path / "out.zip"))
        told = {
            one.findtext("{*}Id"): one.findtext("{*}GPHerId") or None
            for one in etree.fromstring(text).iter("{*}PatientToGPContractAssociation")
        }
        assert told == {"51": "4001", "53": "4001", "54": None, "55": "4001", "56": None, "57": None}

    @pytest.mark.parametrize("what", ["file", "folder"])
    def test_that_is_there_already_is_left_alone(self, tmp_path: Path, small: Generation, what: str) -> None:
        target = tmp_path / "out.zip"
        if what == "folder":
            target.mkdir()
        else:
            target.write_text("x")
        with pytest.raises(UsageError, match="is not an empty file"):
            written(small, target)
        assert target.is_dir() or target.read_text() == "x"

    def test_that_is_being_written_is_left_to_who_writes_it(self, tmp_path: Path, small: Generation) -> None:
        partial = tmp_path / ".out.zip.partial"
        partial.write_bytes(b"x" * 10**6)
        with partial.open("rb") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            with pytest.raises(UsageError, match="another export is being written"):
                written(small, tmp_path / "out.zip")
            assert partial.stat().st_size == 10**6
        assert documents(written(small, tmp_path / "out.zip"))  # what a killed one has left is in nobody's way
        assert not partial.exists()
        assert (tmp_path / "out.zip").stat().st_size < 10**5

    def test_that_fails_leaves_nothing(
        self, tmp_path: Path, small: Generation, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        people = small.people
        assert people is not None
        monkeypatch.setattr(people, "person", lambda _: None)
        with pytest.raises(BadGeneration, match=r"is not in people\.mdb"):
            written(small, tmp_path / "out.zip")
        assert {path.name for path in tmp_path.iterdir()} == {"data", "feed"}


class TestTheCommand:
    def test_there_and_back(self, tmp_path: Path, small: Generation, capsys: pytest.CaptureFixture[str]) -> None:
        where = ["--data-dir", str(tmp_path / "data")]
        target = str(tmp_path / "out.zip")
        assert main(["export", "--to", target, "--format", "flr-export", "--json", *where]) == 0
        said = json.loads(capsys.readouterr().out)
        assert (said["format"], said["generation"]) == ("flr-export", small.name)
        wanted = {"offices": 2, "contracts": 3, "doctor_cycles": 4, "outposts": 1, "memberships": 7}
        assert said["records"] == wanted
        again = ["--data-dir", str(tmp_path / "again"), "--json"]
        assert main(["load", target, "--format", "flr-export", *again]) == 0
        report = json.loads(capsys.readouterr().out)
        assert (report["outcome"], report["serial"], report["feed"]) == ("published", 1, "flr-export out.zip")
        assert report["counts"]["memberships"] == 7
        assert report["warnings"] == ["PrimaryHealthCareTeamId left out: the export does not hold the teams (2)"]
        assert not list((tmp_path / "again" / "staging").iterdir())
        assert main(["load", target, "--format", "flr-export", *again]) == 0  # it has no sequence: always the next
        assert json.loads(capsys.readouterr().out)["serial"] == 2

    def test_as_of_is_what_the_operator_says(
        self, tmp_path: Path, small: Generation, capsys: pytest.CaptureFixture[str]
    ) -> None:
        target = str(written(small, tmp_path / "out.zip"))
        for number, (said, kept) in enumerate(
            [
                ("2026-11-20T10:00:00Z", "2026-11-20T11:00:00+01:00"),
                ("2026-07-01T12:00:00", "2026-07-01T12:00:00+02:00"),
            ]
        ):
            again = tmp_path / f"again{number}"
            flags = ["--format", "flr-export", "--as-of", said, "--data-dir", str(again)]
            assert main(["load", target, *flags]) == 0
            (folder,) = (again / "gen").iterdir()
            assert json.loads((folder / "manifest.json").read_text())["as_of"] == kept
        assert capsys.readouterr() == ("", "")

    def test_what_does_not_go_together_is_64(
        self, tmp_path: Path, small: Generation, capsys: pytest.CaptureFixture[str]
    ) -> None:
        target = str(written(small, tmp_path / "out.zip"))
        where = ["--data-dir", str(tmp_path / "again")]
        for flags, said in (
            (["--as-of", "2026-11-20T10:00:00Z"], "--as-of is for an flr-export"),
            (["--format", "flr-export", "--rebuild"], "for feeds with a sequence"),
            (["--format", "flr-export", "--allow-older", "x"], "for feeds with a sequence"),
        ):
            assert main(["load", target, *flags, *where]) == 64
            assert said in capsys.readouterr().err
        with pytest.raises(SystemExit, match="64"):
            main(["load", target, "--format", "flr-export", "--as-of", "yesterday", *where])
