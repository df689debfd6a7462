"""What must hold of a data folder after whatever was done to it, as those see it who serve it."""

from collections.abc import Collection
from pathlib import Path

from lookup.choice import Choice
from lookup.generation import open_generation
from lookup.manifest import CURRENT, NotServable, folders, read_pointer, read_refused, verify_files
from tests.faults.stories import Story


class Broken(AssertionError):
    """Something that must hold does not."""


def serial(data: Path) -> int | None:
    """The serial of what CURRENT names."""
    name = read_pointer(data, CURRENT)
    return None if name is None else _serial(name)


def check(data: Path, allowed: Collection[int | None], digests: dict[int, str]) -> None:
    """CURRENT names one of these serials, and a service that starts now would serve something.

    What it would, what CURRENT names, and whatever else looks like a generation, is sound.
    """
    try:
        name = read_pointer(data, CURRENT)
    except NotServable as error:
        raise Broken(str(error)) from None
    if (None if name is None else _serial(name)) not in allowed:
        raise Broken(f"CURRENT names {name}")
    choice = Choice(data)
    if data.exists():
        choice.look([None])
    if choice.order is None and None not in allowed:
        raise Broken(f"nothing can be served: {choice.trouble}")
    chosen = None if choice.order is None else choice.order.name
    for each in {chosen, name, *(folder.name for folder in folders(data))} - {None}:
        check_generation(data / "gen" / str(each), digests)


def check_generation(folder: Path, digests: dict[int, str]) -> None:
    """A folder can be opened as a worker does it, and its content is that of the feed with its serial."""
    try:
        generation = open_generation(folder, verify_files(folder))
    except NotServable as error:
        raise Broken(f"{folder.name}: {error}") from None
    if generation.manifest.content_digest != digests[generation.serial]:
        raise Broken(f"{folder.name} is another register")


def check_tidy(data: Path, story: Story, digests: dict[int, str]) -> None:
    """The story has come to its end, and nothing is left but what it is about."""
    if serial(data) != story.serials[-1]:
        raise Broken("the second run did not get there")
    if left := [*(data / "staging").iterdir(), *data.glob("*.tmp"), *data.glob("reports/*.tmp")]:
        raise Broken(f"left behind: {[path.name for path in left]}")
    folders = list((data / "gen").iterdir())
    there = [_serial(folder.name) for folder in folders]
    if len(there) != len(set(there)):
        raise Broken("a generation that was never in service is left behind")
    if not story.left <= set(there):
        raise Broken(f"of {set(story.left)} there are only {there}")
    for folder in folders:
        check_generation(folder, digests)
    refused = {_serial(refusal.name) for refusal in read_refused(data)}
    if refused != story.refused:
        raise Broken(f"refused: {refused}")


def _serial(name: str) -> int:
    return int(name.split("-")[0])
