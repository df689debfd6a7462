"""The change feed: who follows it ends with what the register has, whatever loads there were, and never goes astray."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from loader import build
from loader import load as loading
from loader.eventfile import Told
from loader.load import load
from loader.progress import Progress
from loader.settings import Settings
from lookup.events import Events, Position
from lookup.generation import Generation, open_generation
from register.feed import EVENTS, canonical_line
from register.model import Membership, NinChange
from tests.follower import TABLES, Follower, Kept
from tests.loader import histories
from tests.loader.feeds import number
from tests.loader.histories import TODAY, History

PUBLIC = list(EVENTS)[:13]


@pytest.fixture(autouse=True)
def no_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "ask_reader", lambda *_: None)


def loaded(data: Path, feed: Path, **settings: Any) -> Generation:
    """The generation behind a load."""
    how = {name: settings.pop(name) for name in ("rebuild", "allow_older") if name in settings}
    report = load(feed, Settings(data_dir=data, **{"keep_generations": 9, **settings}), Progress(show=False), **how)
    return open_generation(data / "gen" / str(report.generation))


def export(history: History, protected: bool = True) -> Kept:
    """The register as a client has it, with or without the memberships of protected persons."""
    hidden = {} if protected else {p.nin: p for p in history.state["persons"].values() if p.protection is not None}
    return {
        table: {
            number: json.loads(canonical_line(record))
            for number, record in history.state[table].items()
            if table != "memberships" or record.nin not in hidden
        }
        for table in TABLES.values()
    }


def feed_of(generation: Generation) -> Events:
    assert generation.events is not None
    return generation.events


def behind(generation: Generation, position: Position) -> list[Any]:
    """The events behind a position, which must be one of the feed."""
    feed = feed_of(generation)
    number = feed.place(position)
    assert number is not None
    out = []
    while number < feed.total:
        read = list(feed.read(number))
        number += len(read)
        out += read
    return out


def told(generation: Generation, position: Position, protected: bool = True) -> Iterator[tuple[str, Any]]:
    """(name, record) of the events behind a position; without the right, only what is open then and now."""
    for event in behind(generation, position):
        said = json.loads(event.json)
        assert list(said) == ["event", "body"]
        assert said["event"] in PUBLIC
        person = None
        if said["event"].startswith("Patient"):
            person = generation.index.person(int(said["body"].get("nin") or said["body"]["newNin"]))
        hidden = event.protected or (person is not None and person[1].protected)
        if protected or not hidden:
            yield said["event"], said["body"]


def follow(follower: Follower, generation: Generation, position: Position) -> Position:
    for event, body in told(generation, position):
        follower.apply(event, body)
    return feed_of(generation).latest


@pytest.mark.parametrize("seed", range(3))
def test_a_follower_ends_with_what_the_register_has(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over increments and full loads in turn, one with other buckets; and from every position that was ever given."""
    history = History(seed)
    data = tmp_path / "data"
    first = loaded(data, history.write_full(tmp_path / "1", 1))
    position = feed_of(first).latest
    assert (behind(first, position), str(position)) == ([], f"1.0.{first.manifest.content_digest[:8]}")
    steps = Follower(export(history))
    begun = [(position, Follower(export(history)))]
    for sequence, way in enumerate(["day", "full", "day", "full", "full", "day"], 2):
        day = history.write_day(tmp_path / f"day-{sequence}", sequence, 40)
        if sequence == 5:
            bits = first.index.bits + 1
            monkeypatch.setattr(build, "bits_for", lambda _, bits=bits: bits)
        feed = day if way == "day" else history.write_full(tmp_path / f"full-{sequence}", sequence)
        now = loaded(data, feed)
        position = follow(steps, now, position)
        assert steps.kept == export(history)
        begun.append((position, Follower(export(history))))
    for position, follower in begun:
        follow(follower, now, position)
        assert follower.kept == export(history)


def test_a_follower_without_the_right_is_never_told_of_the_protected(tmp_path: Path) -> None:
    """And ends with what the register shows it, but for those who have come to be protected since."""
    history = History(0)
    data = tmp_path / "data"
    now = loaded(data, history.write_full(tmp_path / "1", 1))
    position, follower = feed_of(now).latest, Follower(export(history, protected=False))
    for sequence in range(2, 7):
        day = history.write_day(tmp_path / f"day-{sequence}", sequence, 60)
        now = loaded(data, day if sequence % 2 else history.write_full(tmp_path / f"full-{sequence}", sequence))
        for event, body in told(now, position, protected=False):
            follower.apply(event, body)
        position = feed_of(now).latest
        hidden = {p.nin for p in history.state["persons"].values() if p.protection is not None}
        renumbered = {change.old_nin for change in history.state["nin_changes"].values()}
        shown = {n: m for n, m in follower.kept["memberships"].items() if m["nin"] not in hidden | renumbered}
        assert shown == export(history, protected=False)["memberships"]


def test_all_thirteen_events_are_told_of_a_full_load(tmp_path: Path) -> None:
    history = History(3)
    data = tmp_path / "data"
    loaded(data, history.write_full(tmp_path / "1", 1))
    two = loaded(data, history.write_day(tmp_path / "2", 2, 200))
    history.write_day(tmp_path / "3", 3, 300)
    three = loaded(data, history.write_full(tmp_path / "full", 3))
    assert {event for event, _ in told(three, feed_of(two).latest)} == set(PUBLIC)


def test_an_increment_tells_the_feeds_own_events_in_their_order(tmp_path: Path) -> None:
    history = History(2)
    data = tmp_path / "data"
    first = loaded(data, history.write_full(tmp_path / "1", 1))
    two = loaded(data, history.write_day(tmp_path / "2", 2, 60))
    said = [(event, json.loads(canonical_line(body))) for event, body in history.events if event in PUBLIC]
    mine = list(told(two, feed_of(first).latest))
    again = [one for one in mine if one not in said]  # of persons who are protected no longer
    assert [one for one in mine if one not in again] == said
    assert {event for event, _ in again} <= {"PatientOnContractUpdated"}


def test_a_number_that_changes_twice_and_a_contract_that_is_gone(tmp_path: Path) -> None:
    """What a full feed may do and events do not: the order in which it is told is still one to follow."""
    history = History(5)
    data = tmp_path / "data"
    gone, from_one, to_other = sorted(history.state["contracts"])[:3]
    alone = next(nin for nin in history.state["persons"] if not history.of(nin))
    moved = Membership(id=history.id(), nin=alone, contract_id=from_one, valid_from=TODAY, updated=TODAY)
    history.state["memberships"][moved.id] = moved
    first = loaded(data, history.write_full(tmp_path / "1", 1))
    follower = Follower(export(history))
    one = next(m.nin for m in history.state["memberships"].values() if m.nin != alone)
    second, third = history.number(), number(9950)
    for old, new in ((second, third), (one, second)):
        history.state["nin_changes"][old] = NinChange(old_nin=old, new_nin=new, changed=TODAY)
    history.state["persons"][third] = replace(history.state["persons"].pop(one), nin=third)
    for membership in history.of(one):
        history.state["memberships"][membership.id] = replace(membership, nin=third)
    # One contract less, and every other stands in another slot: in the index this membership is what it was.
    history.state["memberships"][moved.id] = replace(moved, contract_id=to_other)
    del history.state["contracts"][gone]
    for table in ("memberships", "doctor_cycles", "outposts"):
        of_table = history.state[table]
        history.state[table] = {n: record for n, record in of_table.items() if record.contract_id != gone}
    now = loaded(data, history.write_full(tmp_path / "2", 2))
    said = list(told(now, feed_of(first).latest))
    for event, body in said:
        follower.apply(event, body)
    assert follower.kept == export(history)
    numbers = [(body["oldNin"], body["newNin"]) for event, body in said if event == "PatientNinChanged"]
    assert numbers == [(one, second), (second, third)]
    assert (said[-1][0], said[-1][1]["id"]) == ("ContractCanceled", gone)
    assert said[-1][1]["from"] == said[-1][1]["to"]
    assert not [event for event, body in said if event.startswith("Patient") and body.get("nin") == third]


@pytest.mark.parametrize("way", ["day", "full"])
def test_when_protection_begins_and_ends(tmp_path: Path, way: str) -> None:
    """Of somebody it ends, of somebody it begins; both have other numbers behind it, and a third is one with nobody."""
    history = History(6)
    persons = history.state["persons"]
    listed = sorted(persons, key=lambda nin: (-len(history.of(nin)), nin))
    one, other, third = listed[:3]  # with memberships that do not change, too
    nobody = listed[-1]
    assert [len(history.of(nin)) > 1 for nin in (one, other, third, nobody)] == [True, True, True, False]
    assert not history.of(nobody)
    for nin, protection in ((one, "fortrolig"), (other, None), (third, "fortrolig"), (nobody, None)):
        persons[nin] = replace(persons[nin], protection=protection)
    data = tmp_path / "data"
    history.write_full(tmp_path / "1", 1)
    first = loaded(data, tmp_path / "1")
    follower = Follower(export(history, protected=False))

    def happens(h: History) -> None:
        new = [h.number(), number(9951), nobody]
        held = h.of(one)[-1]
        h.put("PatientOnContractUpdated", "memberships", replace(held, begin_code="BGTI", updated=TODAY))
        h.put("PersonUpdated", "persons", replace(persons[one], protection=None))
        h.put("PersonUpdated", "persons", replace(persons[other], protection="fortrolig"))
        for old, newest in zip((one, other, third), new, strict=True):
            h.put("PatientNinChanged", "nin_changes", NinChange(old_nin=old, new_nin=newest, changed=TODAY))
            person = persons.pop(old)
            persons.setdefault(newest, replace(person, nin=newest))
            for membership in h.of(old):
                h.state["memberships"][membership.id] = replace(membership, nin=newest)
        h.put("PatientOnContractUpdated", "memberships", replace(h.of(new[1])[-1], begin_code="BGTI", updated=TODAY))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(histories, "HAPPENINGS", [happens])
        day = history.write_day(tmp_path / "2", 2, 1)
    now = loaded(data, day if way == "day" else history.write_full(tmp_path / "full", 2))
    said = [event for event in behind(now, feed_of(first).latest) if event.protected]
    assert {json.loads(event.json)["event"] for event in said} == {"PatientNinChanged", "PatientOnContractUpdated"}
    assert len(said) == 4
    for event, body in told(now, feed_of(first).latest, protected=False):
        assert not {other, third} & set(map(str, body.values()))
        follower.apply(event, body)
    shown = {n: m for n, m in follower.kept["memberships"].items() if m["nin"] != other}
    assert shown == export(history, protected=False)["memberships"]


def test_no_event_shows_whom_it_is_about(tmp_path: Path) -> None:
    history = History(2)
    loaded(tmp_path / "data", history.write_full(tmp_path / "1", 1))
    now = loaded(tmp_path / "data", history.write_day(tmp_path / "2", 2, 40))
    shown = repr(list(feed_of(now).read(0))) + repr(Told(False, b"x"))
    assert not any(nin in shown for nin in (*history.state["persons"], *history.state["nin_changes"]))
