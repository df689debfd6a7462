"""What `make faults` does, drill by drill: each one a story, what is done to it, where, and a call that does it.

Calls return what it came to, in a word or two, and raise Broken when something did not hold.
"""

import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from tests.faults.campaign import FAULTS, Campaign
from tests.faults.explore import COMMANDS, Commands, Exploring
from tests.faults.outside import CHANGES, at_once, clock_set_back, feed_changed, read_only, second_loader
from tests.faults.power import Outage, Telling, look
from tests.faults.stories import FIRST, FULL, INCREMENT, STORIES, WITHOUT_POWER

TOLD_ON = 25  # of so many disks that a power cut may leave, on one the story is told on
IN_STAGING = 20  # of so many calls while files are built, the power goes at one
ROUNDS = 40  # of two loaders that are started together
READ_ONLY = (".", "gen", "staging", "reports")
SAMPLED = 1  # drills for each fault and story, of a large register: a load takes seconds there


class Drill(NamedTuple):
    """One drill."""

    story: str
    what: str
    where: str
    run: Callable[[], str]


def drills(campaign: Campaign, every: int) -> Iterator[Drill]:
    """Every fault at every call of every story, or at one call in `every`."""
    for story in STORIES:
        calls = campaign.calls(story)
        for i, fault in enumerate(FAULTS):
            for at in range(1 + i % every, calls + 1, every):
                yield Drill(story.name, fault, f"call {at}", partial(campaign.drill, story, fault, at))


def outages(campaign: Campaign, every: int, seed: int) -> Iterator[Drill]:
    """The disks that power cuts may leave, or one in `every` of them."""
    for story in WITHOUT_POWER:
        for number, outage in enumerate(Telling(campaign, story).outages(seed, IN_STAGING)):
            if number % every == 0:
                tell = number // every % TOLD_ON == 0
                yield Drill(story.name, "power", f"call {outage.calls}", partial(_look, campaign, outage, tell))


def _look(campaign: Campaign, outage: Outage, tell: bool) -> str:
    look(campaign, outage, tell=tell)
    return "told on" if tell else "looked at"


def from_outside(campaign: Campaign, every: int) -> Iterator[Drill]:
    """Another loader, a feed that changes, a clock that is set back, a folder in which nothing may be written."""
    yield Drill("increment", "the clock set back", "", partial(clock_set_back, campaign))
    for story in (FIRST, FULL, INCREMENT):
        for _ in range(max(1, ROUNDS // every)):
            yield Drill(story.name, "two loaders", "", partial(at_once, campaign, story))
        for folder in READ_ONLY if story.begin != "empty" else ():
            yield Drill(story.name, f"{folder} read-only", "", partial(read_only, campaign, story, folder))
        calls = campaign.calls(story)
        for at in range(5, calls - 10, every):
            yield Drill(story.name, "a second loader", f"call {at}", partial(second_loader, campaign, story, at))
        for change in CHANGES:
            for at in range(1, calls, 2 * every):
                run = partial(feed_changed, campaign, story, change, at)
                yield Drill(story.name, f"feed: {change}", f"call {at}", run)


def at_scale(campaign: Campaign, seed: int) -> Iterator[Drill]:
    """Some of the drills, where a register is so large that a crew of processes builds it."""
    chance = random.Random(seed)
    for story in STORIES:
        calls = campaign.calls(story)
        for fault in FAULTS:
            for at in chance.sample(range(1, calls + 1), SAMPLED):
                run = partial(campaign.drill, story, fault, at)
                yield Drill(f"{story.name}, large", fault, f"call {at}", run)


def modelled() -> Iterator[Drill]:
    """All states of the model, two crashes deep."""
    for name, commands in COMMANDS.items():
        yield Drill(f"the model: {name}", "states", "", partial(_explore, commands))


def _explore(commands: Commands) -> str:
    return f"{Exploring(commands, 2).explore()} looked at"
