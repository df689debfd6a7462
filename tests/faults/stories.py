"""The stories: what the loader is made to do while harm is done to it. A new one is a row in a table.

In a command `{feeds}` is the folder of feeds (000001-full, 000002-incremental, 000003-full) and `{beside}` the folder
that the data folder is in, which is copied and looked at with it; a store stands there, where the story has one.
"""

from typing import NamedTuple

Command = tuple[str, ...]

LOAD_FULL: Command = ("load", "{feeds}/000001-full")
LOAD_INCREMENT: Command = ("load", "{feeds}/000002-incremental")
LOAD_NEXT_FULL: Command = ("load", "{feeds}/000003-full")
ROLL_BACK: Command = ("rollback", "1", "--reason", "a drill")
PUSH: Command = ("push", "--to", "{beside}/store")
PULL: Command = ("pull", "--from", "{beside}/store")

# What stories begin with: a name, and the commands that lead there.
PREPARED: dict[str, tuple[Command, ...]] = {
    "empty": (),
    "one": (LOAD_FULL,),
    "two": (LOAD_FULL, LOAD_INCREMENT),
    "pushed": (LOAD_FULL, LOAD_INCREMENT, PUSH),
}


class Story(NamedTuple):
    """Commands, what they begin with, and the serials that CURRENT names before the first and after each of them.

    `left` are those of the generations that are there in the end, `refused` of those that are refused; `keep` is how
    many a load keeps. `store` is what the store comes from, where it is not of the story's making.
    """

    name: str
    begin: str
    commands: tuple[Command, ...]
    serials: tuple[int | None, ...]
    left: frozenset[int]
    refused: frozenset[int] = frozenset()
    keep: int = 3
    store: str | None = None


ONE, TWO = frozenset({1}), frozenset({2})
FIRST = Story("first load", "empty", (LOAD_FULL,), (None, 1), ONE)
FULL = Story("full load", "one", (LOAD_NEXT_FULL,), (1, 3), frozenset({1, 3}))
INCREMENT = Story("increment", "one", (LOAD_INCREMENT,), (1, 2), ONE | TWO)
ROLLBACK = Story("rollback", "two", (ROLL_BACK,), (2, 1), ONE | TWO, refused=TWO)
AND_BACK = Story("increment and rollback", "one", (LOAD_INCREMENT, ROLL_BACK), (1, 2, 1), ONE | TWO, refused=TWO)
KEEP_ONE = Story("increment, none kept", "one", (LOAD_INCREMENT,), (1, 2), TWO, keep=1)
PUSHED = Story("push", "two", (PUSH,), (2, 2), ONE | TWO)
PULLED = Story("pull", "one", (PULL,), (1, 2), ONE | TWO, store="pushed")

STORIES = [FIRST, FULL, INCREMENT, ROLLBACK, AND_BACK, KEEP_ONE, PUSHED, PULLED]
# What a store makes durable, and when, is its own affair.
WITHOUT_POWER = [story for story in STORIES if story is not PUSHED]
