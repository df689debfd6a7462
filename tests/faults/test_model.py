"""The model of the protocol: nothing is wrong in any of its states, each of its syncs is needed, and the real program
makes the very same steps.
"""

import json
import re
from collections.abc import Iterable
from itertools import chain

import pytest

from tests.faults.campaign import KILLED, Campaign
from tests.faults.disk import read_tree
from tests.faults.explore import AND_BACK, AND_NO_OTHER, COMMANDS, PUBLISH, Commands, Exploring, Wrong
from tests.faults.model import MANIFEST, REST, Disk, Steps, go_back, publish, remove, sweep
from tests.faults.power import Telling
from tests.faults.record import Call, Kind, Recorder
from tests.faults.stories import AND_BACK as TOLD_AND_BACK
from tests.faults.stories import FULL, INCREMENT, KEEP_ONE, Story

# Of a generation's files all but the manifest are one to the model.
ONE_FILE = re.compile(f"(sync|unlink) .*/({MANIFEST}|{REST})")


@pytest.mark.parametrize("commands", COMMANDS.values(), ids=COMMANDS.keys())
def test_nothing_is_wrong_wherever_it_ends(commands: Commands) -> None:
    assert Exploring(commands, 1).explore() > 500


def test_nothing_is_wrong_wherever_it_ends_twice() -> None:
    assert Exploring(PUBLISH, 2).explore() > 20_000


@pytest.mark.parametrize(
    ("commands", "step", "wrong"),
    [
        (PUBLISH, f"sync staging/2./{REST}", "2a is not whole"),
        (PUBLISH, f"sync staging/2./{MANIFEST}", "2a is not whole"),
        (PUBLISH, "sync staging/2.", "2a is not whole"),
        (PUBLISH, "sync staging", "2a.* are there"),
        (PUBLISH, "(create|unlink) .*publishing", "2a.* are there"),
        (PUBLISH, "sync gen", "2a is not whole"),
        (PUBLISH, "sync CURRENT.tmp", "CURRENT says"),
        (PUBLISH, "sync .", "CURRENT says 1"),
        (AND_BACK, "sync refused.json.tmp", "refused.json is broken"),
        (AND_NO_OTHER, "sync gen/.*", "1 is not whole"),
    ],
)
def test_each_step_is_needed(commands: Commands, step: str, wrong: str) -> None:
    exploring = Exploring(commands, 1, lambda said: re.fullmatch(step, said) is not None)
    with pytest.raises(Wrong, match=wrong):
        exploring.explore()


def in_words(calls: Iterable[Call]) -> Steps:
    """Calls as the model has them: generations by their serial, of their files the manifest and any other."""
    out: list[str] = []
    for call in calls:
        path, other = (_plain(one) for one in (call.path, call.other))
        is_tmp = path.endswith(".tmp")
        # A hint of what was verified is not part of the protocol: without it everything is read again.
        if path.startswith(("..", "loader.lock", "reports", "verified.json")) or call.kind is Kind.CHMOD:
            continue
        if call.kind is Kind.WRITE and is_tmp:
            out.append(f"write {path} {_said(call.data)}")
        elif not (call.kind is Kind.CREATE and is_tmp):
            out.append(f"{call.kind.name.lower()} {path} {other}".strip())
    begins = (number for number, step in enumerate(out) if re.fullmatch(r"rename staging/building staging/\d+", step))
    out = out[next(begins, 0) :]
    return tuple(step for number, step in enumerate(out) if not (ONE_FILE.fullmatch(step) and step in out[:number]))


def _plain(path: str) -> str:
    path = re.sub(r"(\d+)-[0-9a-f]{8}", r"\1", path.removeprefix("data/") if path != "data" else ".")
    path = re.sub("(pointers.bin|people.mdb|events.bin|soap.bin|contracts.bin)$", REST, path)
    return re.sub("building-[0-9a-f]+", "building", path) if path else ""


def _said(data: bytes) -> str:
    text = data.decode()
    names = [refusal["name"] for refusal in json.loads(text)] if text.startswith("[") else [text.strip()]
    return ",".join(name.split("-")[0] for name in names)


def settled(steps: Steps) -> list[str]:
    """The steps, the syncs of a generation's files, which come as the folder lists them, in an order of their own."""
    order = re.compile(f"sync staging/[^/]*/({MANIFEST}|{REST})")
    synced = sorted(step for step in steps if order.fullmatch(step))
    others = [step for step in steps if not order.fullmatch(step)]
    return [*others[:1], *synced, *others[1:]]


@pytest.mark.parametrize(
    ("story", "steps"),
    [
        (FULL, publish("3")),
        (INCREMENT, publish("2")),
        (TOLD_AND_BACK, (*publish("2"), *go_back("1", ["2"]))),
        (KEEP_ONE, (*publish("2"), *remove("1"))),
    ],
    ids=["full", "increment", "and back", "and no other"],
)
def test_the_program_makes_the_steps_of_the_model(campaign: Campaign, story: Story, steps: Steps) -> None:
    assert settled(in_words(chain.from_iterable(Telling(campaign, story).calls))) == settled(steps)


def test_the_program_sweeps_as_the_model_does(campaign: Campaign) -> None:
    seen = set()
    calls = campaign.calls(INCREMENT)
    for at in (calls - 14, calls - 10, calls - 7):
        with campaign.fresh(INCREMENT) as data:
            assert campaign.fire(data, INCREMENT, "kill", at).code == KILLED
            steps = sweep(_disk(read_tree(data)))
            recorder = Recorder(campaign.folder, data.parent)
            assert campaign.run(data, ("prune",), **recorder.environment)[0] == 0
            assert in_words(recorder.calls()) == steps
            seen.add(steps)
    assert max(map(len, seen)) > 5  # a generation was taken back
    assert len(seen) > 2


def _disk(tree: dict[str, bytes | None]) -> Disk:
    """What is there, as the model has it."""
    safe = set()
    for path, octets in tree.items():
        *folders, name = _plain(path).split("/")
        if name.startswith("verified.json"):
            continue
        says = f"={_said(octets)}" if octets and not folders and name in ("CURRENT", "refused.json") else ""
        safe.add((folders[-1] if folders else ".", name, says or name))
    return Disk(frozenset(safe))
