"""A full load, and a full load with any chain of increments behind it: the same register, and the same answers."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from loader.load import load
from loader.progress import Progress
from loader.report import LoadReport
from loader.settings import Settings
from loader.verify import deep
from lookup.generation import Generation, open_generation
from lookup.resident import reply
from lookup.tables import FRAGMENTS, META, PATIENTS, PERSONS, RELATION_DATABASES, SLOT_CONTRACTS, SLOTS
from register.feed import EVENTS
from tests.loader.histories import History

DAY = 86_400_000_000
BY_SLOT = {PERSONS, FRAGMENTS, PATIENTS, SLOTS, SLOT_CONTRACTS, META}


def loaded(data: Path, feed: Path) -> LoadReport:
    return load(feed, Settings(data_dir=data), Progress(show=False))


def current(data: Path) -> Generation:
    return open_generation(data / "gen" / (data / "CURRENT").read_text().strip())


def dump(generation: Generation, *leave_out: str) -> dict[str, dict[bytes, bytes]]:
    """Every database of index.mdb but some."""
    with generation._index_env.begin() as txn:
        names = [bytes(name).decode() for name, _ in txn.cursor()]
        return {
            name: dict(txn.cursor(generation._index_env.open_db(name.encode(), txn=txn, create=False)))
            for name in names
            if name not in leave_out
        }


def by_contract(generation: Generation, memberships: Any) -> list[Any]:
    return [(generation.tables.contract_id_of_slot(m.slot), m._replace(slot=0)) for m in memberships]


def everything(generation: Generation, numbers: list[int]) -> dict[str, Any]:
    """All that can be asked of a generation, without slots, which are no part of the register."""
    index, tables = generation.index, generation.tables
    window = generation.manifest.window
    times = range(window.valid_from, window.to, 3 * DAY)
    contracts = [tables.contract_id_of_slot(slot) for slot in range(index.slots)]
    persons = {nin: index.person(nin) for nin in numbers}
    assert generation.people is not None
    assert generation.soap is not None
    return {
        "digest": generation.manifest.content_digest,
        "counts": generation.manifest.counts,
        "unplaced": generation.manifest.unplaced,
        "municipalities": generation.manifest.municipalities,
        "slots": sorted(contracts),
        "records": dump(generation, *BY_SLOT),
        "people": sorted(line for lines in generation.people.lines() for line in lines.splitlines()),
        "persons": {
            nin: None if one is None else (one[0], one[1].protected, by_contract(generation, one[1].memberships))
            for nin, one in persons.items()
        },
        "answers": {
            (nin, at): None if (got := reply(generation, nin, at, False)) is None else (got.nin, got.status, got.body)
            for nin, at in itertools.product(numbers, times)
        },
        "parts": {
            (contract, at): generation.soap.part(slot, at) for slot, contract in enumerate(contracts) for at in times
        },
        "buckets": {contract: index.member_buckets(slot) for slot, contract in enumerate(contracts)},
        "lists": {
            contract: sorted(
                (nin, protected, membership._replace(slot=0))
                for at in times
                for nin, protected, membership in index.members(slot, at)
            )
            for slot, contract in enumerate(contracts)
        },
    }


@pytest.mark.parametrize("seed", range(12))
def test_full_and_full_with_increments_are_the_same(tmp_path: Path, no_reader: None, seed: int) -> None:
    history = History(seed)
    data, other = tmp_path / "data", tmp_path / "other"
    loaded(data, history.write_full(tmp_path / "1", 1))
    numbers = {*history.state["persons"], *history.state["nin_changes"]}
    for sequence in (2, 3, 4):
        report = loaded(data, history.write_day(tmp_path / str(sequence), sequence, 40))
        assert (report.outcome, report.serial) == ("published", sequence)
        assert report.generation is not None
        numbers |= {*history.state["persons"], *history.state["nin_changes"]}
    loaded(other, history.write_full(tmp_path / "full", 4))
    one, two = current(data), current(other)
    assert (one.manifest.base, two.manifest.base) == (report.previous, None)
    asked = sorted(map(int, numbers))
    mine, theirs = everything(one, asked), everything(two, asked)
    for what in theirs:
        assert mine[what] == theirs[what], what
    assert deep(one) == one.manifest.content_digest
    assert set(RELATION_DATABASES) - BY_SLOT <= set(mine["records"])


def test_every_kind_of_event_happens(tmp_path: Path) -> None:
    seen = set()
    for seed in range(12):
        history = History(seed)
        for sequence in (2, 3, 4):
            history.write_day(tmp_path / f"{seed}-{sequence}", sequence, 40)
        seen |= history.seen
    assert seen == set(EVENTS)
