"""Long answers in short turns: of everybody who has one to give, one takes one turn in each round of the loop.

A lookup that comes meanwhile waits for one turn, however many long answers are being given. They take turns among
themselves in the order in which they asked. In rounds that are long, because much else is asked, turns are longer too:
long answers have SHARE of the loop between them, and come to an end however busy the worker is.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from time import perf_counter

TURN_SECONDS = 50e-6  # in a round that is short
MAX_TURN_SECONDS = 5e-3
SHARE = 0.25  # of the time that the rest of the round has taken

Turn = Callable[[], None]


class Lane:
    """The turns of one worker's loop."""

    def __init__(self) -> None:
        self._waiting: deque[Turn | asyncio.Future[None]] = deque()
        self._running = False  # a round is under way, or to come
        self._since = 0.0  # when the last turn ended
        self._turn_seconds = TURN_SECONDS

    def call_soon(self, turn: Turn) -> None:
        """Have a turn taken: `turn` is called when it comes, and should take no longer than TURN_SECONDS.

        In a long round as many such turns are taken as the time allows.
        """
        self._wait(turn)

    async def turn(self) -> float:
        """Wait for a turn. Returns when, by perf_counter, it is over, and another is to be waited for."""
        mine = asyncio.get_running_loop().create_future()
        self._wait(mine)
        await mine
        return perf_counter() + self._turn_seconds

    def _wait(self, turn: Turn | asyncio.Future[None]) -> None:
        self._waiting.append(turn)
        if not self._running:
            self._running, self._since = True, perf_counter()
            asyncio.get_running_loop().call_soon(self._round)

    def _round(self) -> None:
        now = perf_counter()
        self._turn_seconds = min(MAX_TURN_SECONDS, max(TURN_SECONDS, SHARE * (now - self._since)))
        try:
            self._take(now + self._turn_seconds)
        finally:
            self._since, self._running = perf_counter(), bool(self._waiting)
            if self._running:
                asyncio.get_running_loop().call_soon(self._round)

    def _take(self, over: float) -> None:
        """Take turns until the time is over; who waits in a task has all the rest of it, as soon as this returns."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not isinstance(turn, asyncio.Future):
                turn()
            elif not turn.done():
                turn.set_result(None)
                return
            if perf_counter() >= over:
                return
