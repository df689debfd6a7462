"""events.bin: what is written is read again, whole feeds are kept within the bound, and damage is found or harmless."""

import random
from pathlib import Path

import pytest
from msgspec.structs import replace

from loader import eventfile
from loader.eventfile import NewBatch, Told, write_events
from lookup.events import EVENTS_PER_BLOCK, Batch, Event, Events, Position, read_position
from lookup.record import Damaged

AS_OF = "2026-11-25T03:00:00+01:00"
COUNTS = {1: 0, 2: 5, 3: EVENTS_PER_BLOCK, 4: 0, 5: 3 * EVENTS_PER_BLOCK + 1}


def batch(serial: int, count: int) -> NewBatch:
    events = [Told(n % 7 == 3, b'{"event":"E","body":{"id":%d}}' % (1000 * serial + n)) for n in range(count)]
    return NewBatch(serial, f"{serial:032x}", AS_OF, count, events)


def written(path: Path, *new: NewBatch, base: Events | None = None, keep: int = 10**6) -> Events:
    total = write_events(path, base, list(new), keep)
    feed = Events(path.read_bytes())
    assert feed.total == total
    return feed


def all_of(feed: Events) -> list[Event]:
    out: list[Event] = []
    while len(out) < feed.total:
        out += feed.read(len(out))
    return out


@pytest.fixture
def whole(tmp_path: Path) -> Events:
    return written(tmp_path / "whole", *(batch(*one) for one in COUNTS.items()))


def test_what_is_written_is_read(whole: Events) -> None:
    told = [
        (serial, n, one) for serial in COUNTS for n, one in enumerate(batch(serial, COUNTS[serial]).events or (), 1)
    ]
    events = all_of(whole)
    assert [(e.position.serial, e.position.n, Told(e.protected, e.json)) for e in events] == told
    assert {event.as_of for event in events} == {AS_OF}
    for number, event in enumerate(events):
        assert whole.place(event.position) == number + 1
        assert whole.position(number + 1) == event.position
        assert read_position(str(event.position)) == event.position
        assert next(whole.read(number)) == event
    checks = [event.position.check for event in events]
    assert checks[4] == f"{2:032x}"[:8] == "00000000"
    assert len({one.check for one in whole.batches if one.kept}) == 3
    assert whole.latest == events[-1].position


def test_added_to_one_by_one_it_is_the_same_file(tmp_path: Path, whole: Events) -> None:
    feed = None
    for serial, count in COUNTS.items():
        feed = written(tmp_path / str(serial), batch(serial, count), base=feed)
    assert feed is not None
    assert feed.data == whole.data


@pytest.mark.parametrize(
    ("keep", "serials"),
    [(262, [1, 2, 3, 4, 5]), (261, [2, 3, 4, 5]), (257, [2, 3, 4, 5]), (256, [3, 4, 5]), (193, [3, 4, 5]), (192, [5])],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_whole_feeds_are_kept_and_the_end_of_the_one_before(
    tmp_path: Path, whole: Events, keep: int, serials: list[int], at_once: bool
) -> None:
    news = [batch(*one) for one in COUNTS.items()]
    base = None if at_once else written(tmp_path / "base", *news[:4])
    feed = written(tmp_path / "kept", *(news if at_once else news[4:]), base=base, keep=keep)
    expected = [one for one in whole.batches if one.serial in serials]
    assert feed.batches == [replace(expected[0], check=None), *expected[1:]]
    assert all_of(feed) == all_of(whole)[whole.total - feed.total :]
    for number, event in enumerate(all_of(whole)):
        kept = number + 1 - (whole.total - feed.total)
        assert feed.place(event.position) == (kept if kept >= 0 else None)
    assert feed.highest == 5


def test_of_a_feed_of_unknown_or_too_many_events_only_the_end_is_kept(tmp_path: Path, whole: Events) -> None:
    unknown = replace_events(batch(6, 0))
    feed = written(tmp_path / "unknown", unknown, base=whole)
    assert feed.batches == [Batch(6, f"{6:032x}", AS_OF, 0, None)]
    assert [feed.place(Position(6, 0)), feed.place(whole.latest), feed.place(Position(6, 1))] == [0, None, None]
    after = written(tmp_path / "after", batch(7, 2), base=feed)
    assert [one.serial for one in after.batches] == [6, 7]


def replace_events(one: NewBatch) -> NewBatch:
    return NewBatch(one.serial, one.digest, one.as_of, one.count, None)


def test_so_many_feeds_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eventfile, "MAX_BATCHES", 3)
    feed = written(tmp_path / "kept", *(batch(serial, 0) for serial in range(1, 9)))
    assert [one.serial for one in feed.batches] == [5, 6, 7, 8]


def test_a_batch_that_has_not_what_it_said(tmp_path: Path) -> None:
    wrong = NewBatch(1, "0" * 32, AS_OF, 3, batch(1, 2).events)
    with pytest.raises(ValueError, match="not as many"):
        write_events(tmp_path / "wrong", None, [wrong], 10)


def test_the_same_events_on_another_state_have_other_positions(tmp_path: Path) -> None:
    one, other = (written(tmp_path / str(base), batch(base, 0), batch(9, 5)) for base in (1, 2))
    assert [event.json for event in all_of(one)] == [event.json for event in all_of(other)]
    assert other.place(all_of(one)[2].position) is None
    assert other.place(one.latest) == other.total


@pytest.mark.parametrize("seed", range(4))
def test_damage_is_an_error_or_other_events_and_nothing_else(whole: Events, seed: int) -> None:
    """The sha256 finds it first; behind that, nothing is read outside, and no other error is raised."""
    chance = random.Random(seed)
    refused = 0
    for _ in range(300):
        data = bytearray(whole.data[:])
        match chance.randrange(3):
            case 0:
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            case 1:
                del data[chance.randrange(len(data)) :]
            case _:
                at = len(data) - chance.randrange(1, 400)
                data[at : at + 4] = chance.randbytes(4)
        try:
            all_of(Events(bytes(data)))
        except Damaged:
            refused += 1
    assert refused > 200


@pytest.mark.parametrize(
    "text", ["", "1", "1.", "1.2.", "1.2.ABCDEF01", "1.2.abcdef012", "01.2", "1.02", "1.2\n", "１.2"]
)
def test_a_text_that_is_no_position(text: str) -> None:
    assert read_position(text) is None
