"""All that the model of model.py can come to: breadth first, every crash at every step, twice over.

After each crash CURRENT names what it named before the command or what it names after it, once the command has ended
only that; it is whole, and so is whatever else looks like a generation; and none that was in service is lost. When all
has been done in the end, nothing is left over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain
from typing import NamedTuple

from tests.faults.holds import Broken
from tests.faults.model import MANIFEST, REST, Disk, Steps, go_back, is_whole, publish, remove, sweep


class Wrong(Broken):
    """Something that must hold in every state does not hold in one."""


class Command(NamedTuple):
    """What the loader is told: "publish" a serial, "back" to one, or "keep" none but what is in service."""

    verb: str
    serial: str


Commands = tuple[Command, ...]
PUBLISH: Commands = (Command("publish", "2"),)
AND_BACK: Commands = (*PUBLISH, Command("back", "1"))
AND_NO_OTHER: Commands = (*PUBLISH, Command("keep", "2"))
AND_NEXT: Commands = (*AND_BACK, Command("publish", "3"))
COMMANDS = {"publish": PUBLISH, "and back": AND_BACK, "and no other": AND_NO_OTHER, "and next": AND_NEXT}
BEGIN = Disk(
    frozenset(
        {
            (".", "CURRENT", "0CURRENT=1"),
            ("gen", "1", "1"),
            ("1", MANIFEST, f"1/{MANIFEST}"),
            ("1", REST, f"1/{REST}"),
        }
    )
)
BEGIN_COMMAND, END_COMMAND = "begin", "end"


class State(NamedTuple):
    """The disk, the steps still to be made, commands done, whether the next one has begun, crashes left, and more.

    `tries` tells a generation that is built again from the one before; `served` are those that were in service.
    """

    disk: Disk
    steps: Steps
    done: int
    begun: bool
    crashes: int
    tries: int
    served: frozenset[str]


class Exploring:
    """`commands`, with so many `crashes`; `leave_out` says which steps are not made."""

    def __init__(self, commands: Commands, crashes: int, leave_out: Callable[[str], bool] = lambda _: False) -> None:
        self.commands, self.leave_out = commands, leave_out
        self.serials = ["1", *(command.serial for command in commands)]
        self.first = State(BEGIN, (BEGIN_COMMAND,), 0, False, crashes, 0, frozenset({"1"}))

    def explore(self) -> int:
        """Look at every state; returns how many there are. Raises Wrong."""
        seen, waiting = {self.first}, deque([self.first])
        while waiting:
            for state in self._next(waiting.popleft()):
                if state not in seen:
                    seen.add(state)
                    waiting.append(state)
        return len(seen)

    def _next(self, state: State) -> Iterator[State]:
        if state.done == len(self.commands):
            _check_tidy(state)
        else:
            yield self._after(state, *state.steps)
        if state.crashes:
            for disk in state.disk.crashes():
                self._check(disk, state)
                served = state.served | {str(disk.says("CURRENT"))}
                steps = (*sweep(disk), BEGIN_COMMAND)
                done = min(state.done, len(self.commands) - 1)  # the last one again, for the sake of its sweep
                begun = state.begun or done < state.done
                yield State(disk, steps, done, begun, state.crashes - 1, state.tries + 1, served)

    def _after(self, state: State, step: str, *left: str) -> State:
        """After one step."""
        if step == BEGIN_COMMAND:
            return self._begin(state)
        if step == END_COMMAND:
            served = state.served | {str(state.disk.says("CURRENT"))}
            steps = (*sweep(state.disk), BEGIN_COMMAND)
            return state._replace(steps=steps, done=state.done + 1, begun=False, served=served)
        return state._replace(disk=state.disk if self.leave_out(step) else state.disk.does(step), steps=left)

    def _begin(self, state: State) -> State:
        """The steps of a command, none where it finds that all is done."""
        verb, serial = self.commands[state.done]
        disk, current = state.disk, str(state.disk.says("CURRENT"))
        others = [name for name in disk.inside("gen") if name != current]
        steps: Steps = ()
        served = state.served
        if verb == "keep":
            steps, served = tuple(chain.from_iterable(map(remove, others))), frozenset({current})
        elif _serial(current) != serial and verb == "back":
            steps = go_back(serial, [name for name in (current, *others) if _serial(name) > serial])
        elif _serial(current) != serial:
            name = f"{serial}{'abc'[state.tries]}"
            disk, steps = disk.with_built(name), publish(name)
        return state._replace(disk=disk, steps=(*steps, END_COMMAND), begun=True, served=served)

    def _check(self, disk: Disk, state: State) -> None:
        """What must hold wherever it all ended."""
        current, refused = disk.says("CURRENT"), disk.says("refused.json")
        allowed = self.serials[state.done : state.done + 1 + state.begun]
        if not current or _serial(current) not in allowed:
            raise Wrong(f"CURRENT says {current}")
        if refused == "":
            raise Wrong("refused.json is broken")
        for name in {current, *state.served, *(name for name in disk.inside("gen") if MANIFEST in disk.inside(name))}:
            if not is_whole(disk, name):
                raise Wrong(f"{name} is not whole")
        if not set(disk.inside("gen")) - set((refused or "").split(",")):
            raise Wrong("nothing can be served")


def _check_tidy(state: State) -> None:
    """What must hold when all has been done."""
    if left := [*state.disk.inside("staging"), *(name for name in state.disk.inside(".") if name.endswith(".tmp"))]:
        raise Wrong(f"left behind: {left}")
    if set(state.disk.inside("gen")) != state.served:
        raise Wrong(f"{state.disk.inside('gen')} are there, {sorted(state.served)} were in service")


def _serial(name: str) -> str:
    return name.rstrip("abc")
