"""The power goes: some of the disks that `make faults` looks at, and a loader that syncs too little is found out."""

import random
import re

import pytest

from tests.faults.campaign import Campaign
from tests.faults.holds import Broken
from tests.faults.power import Outage, Telling, look
from tests.faults.stories import AND_BACK, FIRST, INCREMENT, KEEP_ONE, WITHOUT_POWER, Story

LOOKED_AT = 30  # disks of each story
TOLD_ON = 1
LAST = 50  # calls of a story, in which all that is looked for is found


@pytest.fixture(scope="module")
def tellings(campaign: Campaign) -> dict[str, Telling]:
    return {story.name: Telling(campaign, story) for story in WITHOUT_POWER}


def some(telling: Telling, count: int) -> list[Outage]:
    """Disks from all of a story, from its end more than from its beginning."""
    found = list(telling.outages(every=1000))
    return random.Random(1).choices(found, [outage.calls**3 for outage in found], k=count)


@pytest.mark.parametrize("story", WITHOUT_POWER, ids=[story.name for story in WITHOUT_POWER])
def test_what_is_left_when_the_power_goes_is_one_generation_or_the_other(
    campaign: Campaign, tellings: dict[str, Telling], story: Story
) -> None:
    for number, outage in enumerate(some(tellings[story.name], LOOKED_AT)):
        look(campaign, outage, tell=number < TOLD_ON)


def test_what_was_written_down_is_all_that_was_done(tellings: dict[str, Telling]) -> None:
    """Or disks would be made of less than what happens."""
    for telling in tellings.values():
        assert telling.played().now() == telling.found


# What the loader syncs, in the words of a call, and what is found when it does not.
NEEDED = [
    (FIRST, "sync .", "CURRENT names None"),
    (FIRST, "sync data", "manifest.json cannot be read"),
    (INCREMENT, "sync data/CURRENT.tmp", "CURRENT is not one line that names a generation"),
    (INCREMENT, "sync data/gen", "is not one|cannot be read|CURRENT names"),
    (INCREMENT, "sync data", "not safe"),
    (INCREMENT, "sync data/staging/2-[0-9a-f]{8}", "cannot be read|is missing"),
    (INCREMENT, "sync data/staging/2-[0-9a-f]{8}/manifest.json", "not the one that the folder is named after"),
    (INCREMENT, "sync data/staging/2-[0-9a-f]{8}/pointers.bin", "pointers.bin is not what the manifest says"),
    (INCREMENT, "sync data/staging/.*/(index|people).mdb", "mdb is not what the manifest says"),
    (AND_BACK, "sync data/refused.json.tmp", "refused.json|CURRENT names 2"),
    (KEEP_ONE, "sync data/gen/1-[0-9a-f]{8}", "1-[0-9a-f]{8}: .* is missing"),
]


def look_at_the_end(campaign: Campaign, telling: Telling) -> None:
    calls = sum(map(len, telling.calls))
    for outage in telling.outages(every=1000):
        if outage.calls > calls - LAST:
            look(campaign, outage)


@pytest.mark.parametrize(("story", "left_out", "found"), NEEDED, ids=[f"{one[0].name}: {one[1]}" for one in NEEDED])
def test_a_loader_that_syncs_less_is_found_out(
    campaign: Campaign, tellings: dict[str, Telling], story: Story, left_out: str, found: str
) -> None:
    telling = tellings[story.name].without(lambda call: re.fullmatch(left_out, call.told()) is not None)
    assert sum(map(len, telling.calls)) < sum(map(len, tellings[story.name].calls))
    with pytest.raises(Broken, match=found):
        look_at_the_end(campaign, telling)
