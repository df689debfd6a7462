"""From a feed to the files of a generation: every record is found again, however the feed is cut up, whoever builds."""

import os
import random
import signal
import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import lmdb
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import loader.build
import loader.deal
import loader.read
from loader.errors import BadFeed, StorageError
from loader.verify import deep
from lookup import tables
from tests.loader import feeds
from tests.loader.feeds import ANNE, CARL, FINN, NOW, OLDER, OLDEST, UNKNOWN, Tables, number
from tests.loader.readback import Dump, assert_holds, dump, edges, memberships_of, opened

SECONDS_BEFORE_IT_HANGS = 120


@pytest.fixture
def crew(monkeypatch: pytest.MonkeyPatch) -> int:
    """Many small blocks, many small parts, and processes to share them."""
    monkeypatch.setattr(loader.build, "SMALL_FEED_RECORDS", 0)
    monkeypatch.setattr(loader.read, "BLOCK_BYTES", 300)
    monkeypatch.setattr(loader.deal, "PART_PERSONS", 1)
    return 2


def test_every_record_is_found_again(tmp_path: Path) -> None:
    feed = feeds.tables()
    built = feeds.build(feeds.write(tmp_path / "feed", feed), tmp_path / "out")
    assert built.counts == {table: len(records) for table, records in feed.items()}
    assert built.assembled == {"persons": 6, "aliases": 2, "memberships": 7, "unplaced": 3}
    assert built.content_digest == feeds.digest_of(feed)
    built_files = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert built_files == ["contracts.bin", "index.mdb", "people.mdb", "pointers.bin", "soap.bin"]
    with opened(tmp_path / "out") as generation:
        assert_holds(feed, generation, edges(feed))
        assert deep(generation) == built.content_digest
        assert generation.tables.counts == built.counts


def test_relations_lead_both_ways(tmp_path: Path) -> None:
    feeds.build(feeds.write(tmp_path / "feed", feeds.tables()), tmp_path / "out")
    with opened(tmp_path / "out") as generation:
        held = generation.tables
        assert [held.slot_of_contract(n) for n in (11, 12, 13)] == [0, 1, 2]
        assert [held.contract_id_of_slot(slot) for slot in (0, 1, 2)] == [11, 12, 13]
        assert [cycle.id for cycle in held.cycles_of_contract(12)] == [23, 24]
        assert [cycle.id for cycle in held.cycles_of_doctor(7001)] == [21, 24]
        assert [outpost.id for outpost in held.outposts_of_contract(11)] == [41]
        assert held.contract_ids_of_office(feeds.OFFICE) == [11, 12]
        assert held.contract_ids_of_office(feeds.HISTORICAL) == [13]
        assert held.things_of_her_id(4001) == [(tables.KIND_CYCLE, 21), (tables.KIND_CYCLE, 24)]
        assert held.things_of_her_id(80001) == [(tables.KIND_OFFICE, feeds.OFFICE)]
        assert held.things_of_her_id(90001) == [(tables.KIND_CONTRACT, 11)]
        assert held.things_of_her_id(1) == []
        assert held.code_text(3402, "4601") == "Bergen"


def test_fragments_stand_for_contracts_of_the_window(tmp_path: Path) -> None:
    built = feeds.build(feeds.write(tmp_path / "feed", feeds.tables()), tmp_path / "out")
    start, to = built.window
    assert start <= NOW < to
    with opened(tmp_path / "out") as generation:
        for index in generation.indexes:
            now = [index.fragment(slot, NOW) for slot in range(3)]
            assert [fragment and fragment.confirmers for fragment in now] == [(7001,), (7001, 7003), None]
            assert [index.fragment(0, at) is None for at in (start - 1, start, to - 1, to)] == [
                True,
                False,
                False,
                True,
            ]


def test_a_contract_that_only_touches_the_window_has_no_fragments(tmp_path: Path) -> None:
    feed = feeds.tables()
    feed["contracts"][1].update({"from": "2027-01-03T00:00:00"})  # begins as the window ends
    feed["contracts"][2].update({"to": "2026-11-24T00:00:00"})  # ends as the window begins
    feeds.build(feeds.write(tmp_path / "feed", feed), tmp_path / "out")
    with opened(tmp_path / "out") as generation:
        for index in generation.indexes:
            assert [index.fragment(slot, NOW) is None for slot in range(3)] == [False, True, True]


class TestHoweverTheFeedIsCutUp:
    """The same records give the same values, byte for byte."""

    @pytest.fixture
    def plain(self, tmp_path: Path) -> Dump:
        feeds.build(feeds.write(tmp_path / "plain", feeds.tables()), tmp_path / "plain-out")
        return dump(tmp_path / "plain-out")

    @pytest.mark.parametrize("suffix", [".ndjson", ".ndjson.zst"])
    @pytest.mark.parametrize("pieces", [1, 3])
    def test_in_any_order_and_number_of_files(self, tmp_path: Path, plain: Dump, suffix: str, pieces: int) -> None:
        feed = feeds.tables()
        for seed, records in enumerate(feed.values()):
            random.Random(seed).shuffle(records)
        feeds.build(feeds.write(tmp_path / "feed", feed, suffix=suffix, pieces=pieces), tmp_path / "out")
        assert dump(tmp_path / "out") == plain

    @pytest.mark.parametrize("size", [1, 300, 1000])
    def test_in_blocks_of_any_size(
        self, tmp_path: Path, plain: Dump, monkeypatch: pytest.MonkeyPatch, size: int
    ) -> None:
        monkeypatch.setattr(loader.read, "BLOCK_BYTES", size)
        feeds.build(tmp_path / "plain", tmp_path / "out")
        assert dump(tmp_path / "out") == plain

    @pytest.mark.parametrize("persons", [1, 2, 3])
    def test_in_parts_of_any_size(
        self, tmp_path: Path, plain: Dump, monkeypatch: pytest.MonkeyPatch, persons: int
    ) -> None:
        monkeypatch.setattr(loader.deal, "PART_PERSONS", persons)
        feeds.build(tmp_path / "plain", tmp_path / "out")
        assert dump(tmp_path / "out") == plain

    @pytest.mark.parametrize("processes", [0, 1, 2])
    def test_by_a_crew_or_alone(self, tmp_path: Path, plain: Dump, crew: int, processes: int) -> None:
        assert crew
        feeds.build(tmp_path / "plain", tmp_path / "out", processes=processes)
        assert dump(tmp_path / "out") == plain
        with opened(tmp_path / "out") as generation:
            assert_holds(feeds.tables(), generation, edges(feeds.tables()))

    def test_spelt_otherwise(self, tmp_path: Path, plain: Dump) -> None:
        """Members in another order, nulls left out or written, blanks, letters in pieces or escaped."""
        feed = feeds.tables()
        for records in feed.values():
            for i, record in enumerate(records):
                text = msgspec.json.format(msgspec.json.encode(dict(reversed(record.items()))), indent=0)
                records[i] = unicodedata.normalize("NFD", text.decode()).encode()
        feed["persons"][5] = f'{{"lastName": null , "nin":"{FINN}"}}\r'.encode()
        feed["persons"][0] = feed["persons"][0].replace("Ø".encode(), b"\\u00D8")
        assert any(unicodedata.normalize("NFC", line.decode()) != line.decode() for line in feed["persons"])
        built = feeds.build(feeds.write(tmp_path / "feed", feed), tmp_path / "out")
        assert built.content_digest == feeds.digest_of(feeds.tables())
        assert dump(tmp_path / "out") == plain

    def test_names_are_kept_in_nfc(self, tmp_path: Path, plain: Dump) -> None:
        feed = feeds.tables()
        for table in ("persons", "doctors", "offices", "codes"):
            feed[table][0] = unicodedata.normalize("NFD", feeds.line_of(feed[table][0]).decode()).encode()
        feeds.build(feeds.write(tmp_path / "feed", feed), tmp_path / "out")
        assert dump(tmp_path / "out") == plain
        with opened(tmp_path / "out") as generation:
            assert generation.people.person(int(ANNE)).last_name == feeds.NAMES[0]
            assert generation.tables.doctor(7001).last_name == feeds.NAMES[1]


def test_both_cores_have_a_hand_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plain twins in the place of the compiled ones build the same."""
    import loader.assemble
    import loader.buckets
    import loader.pack
    import loader.scan

    feeds.build(feeds.write(tmp_path / "feed", feeds.tables()), tmp_path / "compiled")
    for module, name, twin in (
        (loader.deal, "Parts", loader.pack),
        (loader.deal, "pack_persons", loader.pack),
        (loader.deal, "pack_memberships", loader.pack),
        (loader.deal, "Scanner", loader.scan),
        (loader.assemble, "Parts", loader.pack),
        (loader.assemble, "pack_aliases", loader.pack),
        (loader.assemble, "assemble", loader.buckets),
        (loader.assemble, "duplicate_ids", loader.buckets),
    ):
        assert "_fast" in getattr(module, name).__module__ or not isinstance(module, ModuleType)
        monkeypatch.setattr(module, name, getattr(twin, name))
    feeds.build(tmp_path / "feed", tmp_path / "plain")
    assert dump(tmp_path / "plain") == dump(tmp_path / "compiled")


def test_a_dictionary_serves_a_larger_register(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader.build, "DICTIONARY_BYTES", 1024)
    feed = feeds.tables()
    feed["persons"] += [
        {"nin": number(i), "firstName": f"F{i * 7919}", "lastName": f"L{i * 104729}"} for i in range(100, 600)
    ]
    feeds.build(feeds.write(tmp_path / "feed", feed), tmp_path / "out")
    with opened(tmp_path / "out") as generation:
        assert_holds(feed, generation, [NOW])
    with lmdb.open(str(tmp_path / "out" / "people.mdb"), subdir=False, readonly=True, lock=False, max_dbs=2) as env:
        database = env.open_db(b"meta", create=False)
        with env.begin() as txn:
            assert 256 < len(txn.get(b"dictionary", db=database)) <= 1024


@pytest.mark.parametrize(
    ("places", "warnings"),
    [
        (998, []),
        (999, ["placesAvailable of 1 open contracts is not the ceiling less the members"]),
        (None, []),
    ],
)
def test_free_places_that_do_not_add_up_are_a_warning(tmp_path: Path, places: int | None, warnings: list[str]) -> None:
    feed = feeds.tables()
    feed["contracts"][0]["placesAvailable"] = places  # of 1000, with ANNE and CARL on the list
    feed["contracts"][2]["placesAvailable"] = 17  # not in force: nobody minds
    assert feeds.build(feeds.write(tmp_path / "feed", feed), tmp_path / "out").warnings == warnings


def test_a_list_may_be_over_its_ceiling(tmp_path: Path) -> None:
    feed = feeds.tables()
    feed["contracts"][0].update(placesAvailable=0, maxPatients=1)
    assert feeds.build(feeds.write(tmp_path / "feed", feed), tmp_path / "out").warnings == []


class TestCrew:
    @pytest.fixture(autouse=True)
    def _never_hangs(self) -> Iterator[None]:
        def fail(*_: object) -> None:
            raise TimeoutError("the build hangs")

        before = signal.signal(signal.SIGALRM, fail)
        signal.alarm(SECONDS_BEFORE_IT_HANGS)
        yield
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)

    @pytest.mark.parametrize("verb", ["deal", "assemble_part"])
    def test_a_process_that_is_killed_ends_the_build(
        self, tmp_path: Path, crew: int, monkeypatch: pytest.MonkeyPatch, verb: str
    ) -> None:
        work: Callable[[Any, Any], Any] = getattr(loader.build, verb)
        here = os.getpid()

        def killed(context: Any, task: Any) -> Any:
            if (task if verb == "assemble_part" else task[0]) == 3:
                assert os.getpid() != here
                os.kill(os.getpid(), signal.SIGKILL)
            return work(context, task)

        monkeypatch.setattr(loader.build, verb, killed)
        folder = feeds.write(tmp_path / "feed", feeds.tables())
        with pytest.raises(StorageError, match="a process of the loader was killed"):
            feeds.build(folder, tmp_path / "out", processes=crew)
        assert not (tmp_path / "out" / "pointers.bin").exists()

    @pytest.mark.parametrize(
        ("table", "i", "change"),
        [
            ("persons", 4, {"nin": "0" * 10 + "1"}),
            ("persons", 4, {"lastName": 5}),
            ("persons", 4, {"protection": "Nguyễn"}),
            ("persons", 4, {"nin": FINN}),
            ("memberships", 5, {"nin": UNKNOWN}),
            ("memberships", 5, {"nin": CARL, "from": "2016-01-01T00:00:00"}),
            ("memberships", 5, {"id": 51}),
            ("nin_changes", 0, {"oldNin": FINN}),
            ("nin_changes", 1, {"newNin": UNKNOWN}),
        ],
    )
    def test_it_finds_the_same_faults(
        self, tmp_path: Path, crew: int, table: str, i: int, change: dict[str, Any]
    ) -> None:
        feed = feeds.tables()
        feed[table][i] |= change
        folder = feeds.write(tmp_path / "feed", feed)
        told = []
        for processes in (0, crew):
            with pytest.raises(BadFeed) as caught:
                feeds.build(folder, tmp_path / f"out-{processes}", processes=processes)
            told.append(caught.value)
            feeds.assert_tells_nothing([repr(caught.value), str(caught.value), *caught.value.faults])
        assert str(told[0]) == str(told[1])
        assert sorted(told[0].faults) == sorted(told[1].faults)


def test_what_was_built_does_not_print_its_content(tmp_path: Path) -> None:
    built = feeds.build(feeds.write(tmp_path / "feed", feeds.tables()), tmp_path / "out")
    assert [newest for _, newest, _, _ in built.aliases] == [int(CARL)] * 2
    printed = f"{built!r} {built} {built.sample}"
    assert not any(text in printed for nin in (ANNE, CARL, OLDER, OLDEST) for text in (nin, str(int(nin))))


TIMES = st.sampled_from([f"{year}-{month:02d}-01T00:00:00" for year in range(2010, 2031) for month in (1, 7)]) | (
    st.datetimes(min_value=feeds.datetime(1850, 1, 1), max_value=feeds.datetime(2200, 1, 1)).map(
        feeds.datetime.isoformat
    )
)
FIRST_NAMES = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@st.composite
def registers(draw: st.DrawFn) -> Tables:
    """A small register: the tiny feed's small tables with contracts of any ids, and any persons and memberships."""
    feed = feeds.tables()
    ids = draw(st.lists(st.integers(1, 2**53), unique=True, max_size=3))
    feed["contracts"] += [{**feed["contracts"][1], "id": n} for n in ids if n not in (11, 12, 13)]
    contracts = [contract["id"] for contract in feed["contracts"]]
    serials = draw(st.lists(st.integers(20, 5000), unique=True, max_size=14))
    nins = [number(serial) for serial in serials]
    persons = nins[: (len(nins) * 3 + 3) // 4]
    feed["persons"] = [
        {
            "nin": nin,
            "firstName": draw(FIRST_NAMES),
            "protection": draw(st.sampled_from([None, None, "strengt-fortrolig"])),
        }
        for nin in persons
    ]
    olds = nins[len(persons) :]
    feed["nin_changes"] = [
        {"oldNin": old, "newNin": draw(st.sampled_from([*persons, *olds[:i]])), "changed": "2020-01-01T00:00:00"}
        for i, old in enumerate(olds)
    ]
    feed["memberships"], last_id = [], 0
    for nin in persons:
        times = sorted(draw(st.sets(TIMES, max_size=5)), key=feeds.datetime.fromisoformat)
        for start, to in zip(times, [*times[1:], None], strict=False):
            last_id += draw(st.integers(1, 1000))
            feed["memberships"].append(
                {
                    "id": last_id,
                    "nin": nin,
                    "contractId": draw(st.sampled_from(contracts)),
                    "from": start,
                    "to": to,
                    "beginCode": draw(st.sampled_from([None, "BGVA", "BGVE"])),
                    "endCode": draw(st.sampled_from([None, "OHID", "OHAV"])),
                    "updated": draw(TIMES),
                }
            )
    for table in ("persons", "nin_changes", "memberships"):
        feed[table] = draw(st.permutations(feed[table]))
    return feed


@settings(max_examples=40)
@given(feed=registers(), at=st.lists(st.integers(-(10**16), 10**16), max_size=3), part=st.sampled_from([1, 3, 100_000]))
def test_any_register_is_found_again(feed: Tables, at: list[int], part: int) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(loader.deal, "PART_PERSONS", part)
        out = Path(folder, "out")
        built = feeds.build(feeds.write(Path(folder, "feed"), feed), out)
        with opened(out) as generation:
            assert_holds(feed, generation, [*edges(feed), *at])
            assert deep(generation) == built.content_digest == feeds.digest_of(feed)
            in_force = memberships_of(feed, generation)
            placed = sum(any(m[1] <= NOW < m[2] for m in mine) for mine in in_force.values())
            assert built.unplaced == len(feed["persons"]) - placed
