"""Long answers in short turns: of everybody who has one to give, one takes one turn in each round of the loop.

A lookup that comes meanwhile waits for one turn, however many long answers are being given. They take turns among
themselves in the order in which they asked.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from time import perf_counter

TURN_SECONDS = 50e-6


class Lane:
    """The turns of one worker's loop."""

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()

    def call_soon(self, turn: Callable[[], None]) -> None:
        """Have a turn taken: `turn` is called when it comes, and should take no longer than TURN_SECONDS."""
        self._waiting.append(turn)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        turn = self._waiting.popleft()
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._next)
        turn()

    async def turn(self) -> float:
        """Wait for a turn. Returns when, by perf_counter, it is over, and another is to be waited for."""
        mine = asyncio.get_running_loop().create_future()
        self.call_soon(lambda: None if mine.done() else mine.set_result(None))
        await mine
        return perf_counter() + TURN_SECONDS
