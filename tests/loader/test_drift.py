"""The drift breaker: each limit trips it alone, past the fraction and the floor and not before; and in a whole load."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from loader import drift
from loader import load as loading
from loader.changes import Changes
from loader.drift import CHANGED, MUNICIPALITY, TOTALS, UNPLACED, After, Limit, documented
from loader.errors import BadFeed
from loader.load import load
from loader.progress import Progress
from loader.report import LoadReport
from loader.settings import Settings
from lookup.manifest import CURRENT, Manifest, read_pointer
from lookup.tables import Window
from tests.loader import feeds

QUIET = Progress(show=False)
OSLO = "0301"
BIG = 10_000_000


def in_service(was: int) -> Manifest:
    """A manifest in which every count is `was`, but that half of that are without a GP."""
    return Manifest(
        format="1.0",
        reader=1,
        serial=1,
        base=None,
        content_digest="0" * 32,
        as_of=feeds.AS_OF,
        source="by hand",
        built_at=feeds.AS_OF,
        window=Window(0, 1),
        bits=13,
        slots=1,
        counts={name.replace(" ", "_"): was for name in TOTALS},
        unplaced=was // 2,
        municipalities={OSLO: was},
        files=[],
    )


def after(was: int, name: str, by: int) -> After:
    """The same, but that one count has moved by so much, or that so many records are others."""
    before = in_service(was)
    assert before.municipalities is not None
    counts, changes, municipalities = dict(before.counts), Changes(), dict(before.municipalities)
    if name in TOTALS:
        counts[name.replace(" ", "_")] += by
    elif name == MUNICIPALITY:
        municipalities[OSLO] += by
    elif name != UNPLACED:
        table, kind = name.split()
        changes[table, kind] = by
    return After(counts, before.unplaced + (by if name == UNPLACED else 0), municipalities, changes)


@pytest.mark.parametrize("name", documented())
@pytest.mark.parametrize("was", [100, BIG])
@pytest.mark.parametrize("sign", [1, -1])
def test_each_limit_trips_alone(name: str, was: int, sign: int) -> None:
    if sign < 0 and name.split()[-1] in ("created", "updated", "deleted"):
        sign = 1  # of these there are never fewer than none
    limit, of = documented()[name], was // 2 if name == UNPLACED else was
    allowed = max(limit.floor, int(limit.fraction * of))
    assert allowed == (limit.floor if was == 100 else int(limit.fraction * of))
    assert drift.drift(in_service(was), after(was, name, sign * allowed)) == []
    (tripped,) = drift.drift(in_service(was), after(was, name, sign * (allowed + 1)))
    assert tripped.startswith(name.replace("of a municipality", f"of municipality {OSLO}"))
    assert str(allowed) in tripped


def test_a_municipality_that_goes_and_one_that_comes() -> None:
    before = in_service(501)
    found = drift.drift(before, after(501, "persons", 0)._replace(municipalities={"4601": 501}))
    assert [text.split(":")[0] for text in found] == [
        f"persons on the lists of municipality {code}" for code in (OSLO, "4601")
    ]
    few = drift.drift(in_service(500), after(500, "persons", 0)._replace(municipalities={"4601": 500}))
    assert few == []


def test_what_is_not_known_is_held_against_nothing() -> None:
    unknown = after(BIG, "persons", 0)._replace(changes=None, municipalities={})
    assert len(drift.drift(in_service(BIG), unknown)) == 1
    without = msgspec.structs.replace(in_service(BIG), municipalities=None)
    assert drift.drift(without, unknown) == []
    assert drift.drift(in_service(BIG), unknown._replace(municipalities=None)) == []


def test_without_a_gp_is_a_share_of_the_persons() -> None:
    """A register that doubles has twice as many without a GP, and that is no news of its own."""
    before = in_service(BIG)
    twice = After({**before.counts, "persons": 2 * BIG}, BIG, before.municipalities, Changes())
    assert [text.split(":")[0] for text in drift.drift(before, twice)] == ["persons"]
    none = After(before.counts, BIG, before.municipalities, Changes())
    assert drift.drift(before, none) == [
        f"{UNPLACED}: {BIG // 2} of {BIG} in service, {BIG} of {BIG} in the feed; "
        f"{BIG // 10} more or fewer than {BIG // 2} is the limit"
    ]


def test_contracts_that_were_merely_recounted_do_not_trip() -> None:
    changed = after(BIG, "contracts updated", BIG)
    assert changed.changes is not None
    changed.changes.contracts_recounted = BIG
    assert drift.drift(in_service(BIG), changed) == []


class TestLoad:
    """The breaker in a whole load, with limits that a small register reaches."""

    @pytest.fixture(autouse=True)
    def tight(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(drift, "TOTALS", {})
        monkeypatch.setattr(drift, "UNPLACED_LIMIT", Limit(0, 100))
        monkeypatch.setattr(drift, "CHANGED", {})
        monkeypatch.setattr(drift, "MUNICIPALITY_LIMIT", Limit(0, 100))
        monkeypatch.setattr(loading, "ask_reader", lambda *_: None)

    def changed(self, tmp_path: Path, table: str, i: int, **members: Any) -> Path:
        tables = feeds.tables()
        tables[table][i] |= members
        return feeds.write(tmp_path / "changed", tables, sequence=8)

    def refused(self, data: Path, feed: Path) -> tuple[str, LoadReport]:
        current = read_pointer(data, CURRENT)
        with pytest.raises(BadFeed) as caught:
            load(feed, Settings(data_dir=data), QUIET)
        assert read_pointer(data, CURRENT) == current
        assert caught.value.faults[-1] == "--accept-drift REASON takes it"
        report = msgspec.json.decode(max((data / "reports").iterdir()).read_bytes(), type=LoadReport)
        assert (report.outcome, report.exit_code) == ("refused", 65)
        return str(caught.value), report

    @pytest.fixture
    def data(self, tmp_path: Path) -> Path:
        load(feeds.write(tmp_path / "first", feeds.tables()), Settings(data_dir=tmp_path / "data"), QUIET)
        return tmp_path / "data"

    def test_of_records_that_are_others(self, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(drift, "CHANGED", {key: Limit(0.1, 0) for key in CHANGED})
        feed = self.changed(tmp_path, "persons", 2, firstName="Kari")
        said, report = self.refused(data, feed)
        assert said == "drift breaker: persons updated: 1 of 6 in service; 0 is the limit"
        assert report.changes == {"persons": {"updated": 1}}
        assert report.drift == ["persons updated: 1 of 6 in service; 0 is the limit"]
        accepted = load(feed, Settings(data_dir=data), QUIET, accept_drift="names are right")
        assert (accepted.outcome, accepted.accept_drift) == ("published", "names are right")
        assert accepted.drift == report.drift

    def test_of_a_municipality(self, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(drift, "MUNICIPALITY_LIMIT", Limit(0.1, 1))
        said, _ = self.refused(data, self.changed(tmp_path, "contracts", 0, municipality="4601"))
        assert said == (
            "drift breaker: persons on the lists of municipality 0301: 3 in service, 1 in the feed; "
            "1 more or fewer is the limit"
        )

    def test_of_the_share_without_a_gp(self, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(drift, "UNPLACED_LIMIT", Limit(0.1, 0))
        said, _ = self.refused(data, self.changed(tmp_path, "memberships", 0, to="2020-01-01T00:00:00"))
        assert said.startswith("drift breaker: persons without a GP: 3 of 6 in service, 4 of 6 in the feed;")

    def test_of_a_size_a_first_load_has_none(self, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(drift, "TOTALS", {name: Limit(0.1, 1) for name in TOTALS})
        empty = feeds.write(tmp_path / "empty", {table: [] for table in feeds.tables()}, sequence=8)
        said, report = self.refused(data, empty)
        assert said == "drift breaker: persons: 6 in service, 0 in the feed; 1 more or fewer is the limit"
        assert len(report.drift) > 1
        assert load(empty, Settings(data_dir=tmp_path / "new"), QUIET).outcome == "published"

    def test_of_an_incremental_load(self, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(drift, "CHANGED", {key: Limit(0.1, 0) for key in CHANGED})
        tables = feeds.tables()
        digest = feeds.digest_of(tables)
        tables["persons"][5]["firstName"] = "Kari"
        feed = feeds.write_events(tmp_path / "day", [("PersonUpdated", tables["persons"][5])], digest, tables)
        told, _ = self.refused(data, feed)
        assert told == "drift breaker: persons updated: 1 of 6 in service; 0 is the limit"

    def test_over_damage_only_what_the_manifest_says_is_held(
        self, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(drift, "CHANGED", {key: Limit(0.1, 0) for key in CHANGED})
        people = data / "gen" / str(read_pointer(data, CURRENT)) / "people.mdb"
        people.chmod(0o640)
        people.write_bytes(people.read_bytes()[:-1])
        report = load(self.changed(tmp_path, "persons", 2, firstName="Kari"), Settings(data_dir=data), QUIET)
        assert (report.outcome, report.changes, report.drift) == ("published", None, [])
        assert any("was not counted" in warning for warning in report.warnings)


def test_the_documentation_has_the_limits() -> None:
    text = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    rows = [f"| {name} | {100 * limit.fraction:g}% | {limit.floor:,} |" for name, limit in documented().items()]
    head = "| count | fraction | floor |\n|---|---|---|\n"
    assert head + "\n".join(rows) + "\n\n" in text
