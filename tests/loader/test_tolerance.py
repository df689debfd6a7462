"""A tolerance lets a full feed leave out bad persons and memberships, as many as it says, and lists them."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from loader import deal, read
from loader.build import Build
from loader.errors import BadFeed, OutOfOrder
from loader.load import load
from loader.progress import Progress
from loader.read import open_feed
from loader.report import LoadReport
from loader.settings import Settings
from loader.tolerance import build_tolerating
from loader.verify import deep
from lookup.generation import Generation, open_generation
from tests.loader import feeds
from tests.loader.feeds import ANNE, EVA, FINN, NOW, UNKNOWN, Tables

QUIET = Progress(show=False)
WRONG_DIGITS = ANNE[:-1] + str((int(ANNE[-1]) + 1) % 10)
SINCE = {"from": "2015-01-01T00:00:00", "updated": "2020-01-01T00:00:00"}


def run(data: Path, feed: Path, tolerate: int, **options: Any) -> LoadReport:
    return load(feed, Settings(data_dir=data, tolerate=tolerate), QUIET, **options)


def current(data: Path) -> Generation:
    return open_generation(data / "gen" / (data / "CURRENT").read_text().strip())


def broken(table: str, i: int, **members: Any) -> Tables:
    tables = feeds.tables()
    tables[table][i] |= members
    return tables


def without(*records: tuple[str, int]) -> Tables:
    """The feed without some records: (table, line from 1 on)."""
    return {
        table: [record for line, record in enumerate(of_table, 1) if (table, line) not in records]
        for table, of_table in feeds.tables().items()
    }


def appended(table: str, record: Any) -> Tables:
    tables = feeds.tables()
    tables[table].append(record)
    return tables


CASES: dict[str, tuple[Tables, list[str], Tables]] = {
    "a code of a membership": (
        broken("memberships", 0, beginCode="XX"),
        ["memberships.ndjson:1: a value that is not in code system 7754"],
        without(("memberships", 1)),
    ),
    "a contract of a membership": (
        broken("memberships", 3, contractId=99),
        ["memberships.ndjson:4: contractId names a contract that is not in the feed"],
        without(("memberships", 4)),
    ),
    "a period of a membership": (
        broken("memberships", 3, to="2015-01-01T00:00:00"),
        ["memberships.ndjson:4: the period ends before it begins"],
        without(("memberships", 4)),
    ),
    "a number of a membership": (
        broken("memberships", 3, nin=WRONG_DIGITS),
        ["memberships.ndjson:4: nin is not a valid national id"],
        without(("memberships", 4)),
    ),
    "a membership of nobody": (
        broken("memberships", 6, nin=UNKNOWN),
        ["memberships.ndjson:7: a membership of a person that is not in the feed"],
        without(("memberships", 7)),
    ),
    "a membership id twice": (
        broken("memberships", 6, id=51),
        ["memberships.ndjson:7: a membership id that is used twice"],
        without(("memberships", 7)),
    ),
    "memberships that overlap": (
        broken("memberships", 4, **{"from": "2017-01-01T00:00:00"}),
        ["memberships.ndjson:5: a membership that overlaps another of the same person"],
        without(("memberships", 5)),
    ),
    "a person twice": (
        appended("persons", {"nin": FINN, "firstName": "Kim"}),
        ["persons.ndjson:7: a person that is in the feed twice"],
        without(),
    ),
    "a person without dependents": (
        broken("persons", 5, sex="9"),
        ["persons.ndjson:6: a value that is not in code system 3101"],
        without(("persons", 6)),
    ),
    "a person with a membership": (
        broken("persons", 3, sex="9"),
        [
            "memberships.ndjson:6: a membership of a person that is not in the feed",
            "persons.ndjson:4: a value that is not in code system 3101",
        ],
        without(("persons", 4), ("memberships", 6)),
    ),
    "a line that is no record": (
        appended("memberships", b'{"id":58}'),
        ["memberships.ndjson:8: Object missing required field `nin`"],
        without(),
    ),
    "a line that is no JSON": (
        appended("persons", b"Kim"),
        ["persons.ndjson:7: JSON is malformed: invalid character (byte 0)"],
        without(),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_bad_is_left_out_with_what_depends_on_it(tmp_path: Path, no_reader: None, case: str) -> None:
    tables, omitted, left = CASES[case]
    feed, data = feeds.write(tmp_path / "feed", tables), tmp_path / "data"
    with pytest.raises(BadFeed):
        run(data, feed, len(omitted) - 1)
    assert not (data / "CURRENT").exists()
    report = run(data, feed, len(omitted))
    assert report.omitted == omitted
    feeds.assert_tells_nothing(report.omitted)
    assert f", {len(omitted)} records left out, " in report.line()
    generation = current(data)
    assert generation.manifest.omitted == len(omitted)
    assert generation.manifest.content_digest == feeds.digest_of(left) == deep(generation)
    assert report.counts == {table: len(records) for table, records in left.items()} == generation.manifest.counts
    whole = run(tmp_path / "other", feeds.write(tmp_path / "left", left), 0)
    assert whole.generation is not None
    assert current(tmp_path / "other").manifest.unplaced == generation.manifest.unplaced


@pytest.mark.parametrize(
    ("tables", "fault"),
    [
        (broken("doctors", 0, sex="9"), "doctors.ndjson:1: a value that is not in code system 3101"),
        (broken("contracts", 0, teamId=99), "contracts.ndjson:1: teamId names a record that is not in the feed"),
        (appended("offices", b"Kim"), "offices.ndjson:3: JSON is malformed: invalid character (byte 0)"),
        (appended("nin_changes", {"oldNin": FINN, "newNin": EVA, "changed": SINCE["from"]}), "nin_changes.ndjson:3: "),
        # a changed number that leads to a person who is left out
        (broken("persons", 2, sex="9"), "nin_changes.ndjson:1: a changed number whose newest number is not a person"),
    ],
    ids=str,
)
def test_what_is_bad_in_a_small_table_is_never_left_out(tmp_path: Path, tables: Tables, fault: str) -> None:
    with pytest.raises(BadFeed) as caught:
        run(tmp_path / "data", feeds.write(tmp_path / "feed", tables), 1000)
    assert str(caught.value).startswith(fault)
    assert not (tmp_path / "data" / "CURRENT").exists()


def test_files_that_are_not_what_the_manifest_says_are_never_tolerated(tmp_path: Path) -> None:
    feed = feeds.write(tmp_path / "feed", broken("persons", 5, sex="9"))
    path = feed / "memberships.ndjson"
    path.write_bytes(path.read_bytes().replace(b"2020-02", b"2020-03", 1))
    with pytest.raises(BadFeed, match="sha256 differs"):
        run(tmp_path / "data", feed, 1000)


@pytest.mark.parametrize("readable", [True, False])
def test_the_digest_is_of_what_was_read(tmp_path: Path, no_reader: None, readable: bool) -> None:
    """Where all that is left out are records their digest counts; else nobody can say, and that is warned of."""
    tables = broken("memberships", 0, beginCode="XX")
    if not readable:
        tables["persons"].append(b"Kim")
    feed = feeds.write(tmp_path / "feed", tables, content_digest="1" * 32)
    if readable:
        with pytest.raises(BadFeed, match="content_digest is not that of the records"):
            run(tmp_path / "data", feed, 5)
        return
    report = run(tmp_path / "data", feed, 5)
    assert "content_digest was not checked: 1 of the lines that were left out are no records" in report.warnings
    assert len(report.omitted) == 2


def test_more_than_are_tolerated_are_told(tmp_path: Path) -> None:
    tables = feeds.tables()
    bad = {"nin": UNKNOWN, "contractId": 11, **SINCE}
    tables["memberships"] += [{"id": 100 + i, **bad} for i in range(60)]
    feed = feeds.write(tmp_path / "feed", tables)
    with pytest.raises(BadFeed) as caught:
        run(tmp_path / "data", feed, 59)
    assert caught.value.faults[-1] == "more bad records than the 59 that are tolerated"
    assert caught.value.faults[0] == str(caught.value)
    assert len(caught.value.faults) == read.MAX_FAULTS + 1
    report = run(tmp_path / "data", feed, 60)
    what = "a membership of a person that is not in the feed"
    assert report.omitted == [f"memberships.ndjson:{line}: {what}" for line in range(8, 68)]


def test_in_many_blocks_and_files_and_by_a_crew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines keep their numbers, whatever is left out before them, and every text stays with its person."""
    monkeypatch.setattr(read, "BLOCK_BYTES", 300)
    monkeypatch.setattr("loader.build.SMALL_FEED_RECORDS", 0)
    tables = feeds.tables()
    for i in (0, 2, 3, 6):
        tables["memberships"].insert(i, {"id": 200 + i, "nin": UNKNOWN, "contractId": 11, **SINCE})
    tables["persons"].insert(1, {"nin": WRONG_DIGITS})
    tables["persons"].insert(3, b"[]")
    folder = feeds.write(tmp_path / "feed", tables, pieces=2)
    digests = []
    for processes in (0, 2):
        out = tmp_path / f"out-{processes}"
        out.mkdir()
        build = Build(open_feed(folder), out, NOW, QUIET, processes)
        built = build_tolerating(build, 6)
        assert sorted(one.split(": ")[0] for one in built.omitted) == sorted(
            f"{table}-{i % 2}.ndjson:{i // 2 + 1}"
            for table, numbers in {"memberships": (0, 2, 3, 6), "persons": (1, 3)}.items()
            for i in numbers
        )
        digests.append(built.content_digest)
    assert digests == [feeds.digest_of(feeds.tables())] * 2


def test_increments_are_a_gap_until_a_full_feed_that_is_whole(tmp_path: Path, no_reader: None) -> None:
    tables, data = broken("memberships", 6, beginCode="XX"), tmp_path / "data"
    report = run(data, feeds.write(tmp_path / "1", tables), 1)
    digest = feeds.digest_of(tables)
    assert report.omitted
    tables["persons"].append({"nin": UNKNOWN})
    day = feeds.write_events(tmp_path / "2", [("PersonCreated", {"nin": UNKNOWN})], digest, tables)
    with pytest.raises(OutOfOrder, match="the feed continues from another state of sequence 7: a full feed is needed"):
        run(data, day, 1)
    run(data, feeds.write(tmp_path / "3", feeds.tables(), sequence=9), 1)
    assert current(data).manifest.omitted == 0


def test_of_an_incremental_feed_nothing_is_left_out(tmp_path: Path, no_reader: None) -> None:
    tables, data = feeds.tables(), tmp_path / "data"
    run(data, feeds.write(tmp_path / "1", tables), 9)
    bad = ("PersonCreated", {"nin": UNKNOWN, "sex": "9"})
    with pytest.raises(BadFeed, match=r"2/events\.ndjson:1: a value that is not in code system 3101"):
        run(data, feeds.write_events(tmp_path / "2", [bad], feeds.digest_of(tables), tables), 9)


def test_a_refusal_lists_what_was_wrong_apart_from_what_was_left_out(tmp_path: Path, no_reader: None) -> None:
    feed, data = feeds.write(tmp_path / "feed", broken("persons", 3, sex="9")), tmp_path / "data"
    with pytest.raises(BadFeed):
        run(data, feed, 1)
    run(data, feed, 2)
    refused, published = (
        msgspec.json.decode(path.read_bytes(), type=LoadReport) for path in sorted((data / "reports").iterdir())
    )
    assert (refused.omitted, len(refused.faults)) == ([], 3)
    assert (len(published.omitted), published.faults) == (2, [])


def test_a_block_is_split_at_the_lines_that_are_left_out() -> None:
    block = read.Block(3, 10, b"a\nbb\nccc\n\ne\n")

    class Dealing:
        omitted = frozenset({(3, 9), (3, 10), (3, 12), (3, 13), (3, 15), (2, 11)})

    pieces, left_out = deal._split(Dealing(), block)  # type: ignore[arg-type]
    assert [(piece.line, piece.data) for piece in pieces] == [(10, b""), (11, b"bb\n"), (13, b""), (14, b"e\n")]
    assert left_out == [b"a", b"ccc", b""]
