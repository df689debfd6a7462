"""The power goes while a story is told: every call of it is written down, then the disks it may leave are looked at.

On each of them CURRENT names what it must name at that point: the generation before or the one after while the swap is
under way, and no other once a command has ended. It is complete, and the story can be told on from there.
"""

import random
import shutil
import threading
from collections.abc import Callable, Iterator
from copy import copy
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from tests.faults.campaign import Campaign
from tests.faults.disk import Disk, Tree, read_tree
from tests.faults.holds import Broken, check
from tests.faults.images import images
from tests.faults.record import Call, Kind, Recorder
from tests.faults.stories import Story

CURRENT = "data/CURRENT"
IN_STAGING = "data/staging/"
BUILDING = f"{IN_STAGING}building-"


class Outage(NamedTuple):
    """A disk as it may be found: after how many calls, during which command, and what CURRENT may name there."""

    story: Story
    calls: int
    told: int
    allowed: tuple[int | None, ...]
    tree: Tree


class Telling:
    """A story told once, without harm: what it began with, the calls of each command, and what was found in the end."""

    def __init__(self, campaign: Campaign, story: Story) -> None:
        self.story = story
        self.calls: list[list[Call]] = []
        with campaign.fresh(story) as data:
            self.start = read_tree(data.parent)
            for command in story.commands:
                recorder = Recorder(campaign.folder, data.parent)
                keep = str(story.keep)
                code, said = campaign.run(data, command, FLR_KEEP_GENERATIONS=keep, **recorder.environment)
                if code:
                    raise Broken(said)
                self.calls.append(recorder.calls())
            self.found = read_tree(data.parent)

    def without(self, left_out: Callable[[Call], bool]) -> "Telling":
        """The same story as a loader would tell it that does not make these calls."""
        other = copy(self)
        other.calls = [[call for call in calls if not left_out(call)] for calls in self.calls]
        return other

    def played(self) -> Disk:
        """The disk when all was done."""
        disk = Disk(self.start)
        for call in chain.from_iterable(self.calls):
            disk.play(call)
        return disk

    def outages(self, seed: int = 1, every: int = 1) -> Iterator[Outage]:
        """Disks that may be found, at every call that is not made in staging/ alone, and at one in `every` of those.

        None of them twice; what lies in staging/, which nobody looks into, is told apart by its names only.
        """
        chance, disk = random.Random(seed), Disk(self.start)
        announced = count = 0
        seen: set[object] = set()
        for told, calls in enumerate(self.calls):
            for call in calls:
                disk.play(call)
                count += 1
                announced += call.kind is Kind.RENAME and call.other == CURRENT
                if call.path.startswith(BUILDING) and count % every:
                    continue
                allowed = self.story.serials[_safe(disk) : announced + 1]
                for tree in images(disk, chance):
                    same = frozenset((path, None if IN_STAGING in path else octets) for path, octets in tree.items())
                    if (key := (told, allowed, hash(same))) not in seen:
                        seen.add(key)
                        yield Outage(self.story, count, told, allowed, tree)
            if _safe(disk) != told + 1:
                raise Broken(f"{self.story.commands[told][0]} has ended, and what it announced is not safe")


def _safe(disk: Disk) -> int:
    """How many times CURRENT has been replaced for good."""
    return sum(change.safe and change.told.endswith(f" {CURRENT}") for change in disk.changes)


def look(campaign: Campaign, outage: Outage, *, tell: bool = False) -> None:
    """Raises Broken when something does not hold on a disk; `tell` the rest of the story on it, too."""
    folder = campaign.memory / f"disk-{threading.get_ident()}"
    write_tree(folder, outage.tree)
    try:
        check(folder / "data", outage.allowed, campaign.digests)
        if tell:
            campaign.tell(folder / "data", outage.story, outage.told)
    except Broken as error:
        raise Broken(f"{outage.story.name}, the power gone after call {outage.calls}: {error}") from None
    finally:
        shutil.rmtree(folder)


def write_tree(folder: Path, tree: Tree) -> None:
    """Make a folder hold what a disk was found to hold."""
    folder.mkdir()
    for path, octets in sorted(tree.items()):
        if octets is None:
            (folder / path).mkdir()
        else:
            (folder / path).write_bytes(octets)
