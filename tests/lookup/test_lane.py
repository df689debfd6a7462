"""Turns: one in a round of the loop, in the order in which they were asked for, whatever becomes of those who ask."""

import asyncio
from collections import Counter

import pytest

from lookup import lane as lanes
from lookup.lane import MAX_TURN_SECONDS, SHARE, TURN_SECONDS, Lane


async def rounds_of(lane: Lane, name: str, turns: int, taken: list[tuple[int, str]], clock: list[int]) -> None:
    for _ in range(turns):
        await lane.turn()
        taken.append((clock[0], name))


async def tick(clock: list[int]) -> None:
    while True:
        clock[0] += 1
        await asyncio.sleep(0)


def test_one_turn_in_a_round_for_everybody_in_order() -> None:
    async def play() -> list[tuple[int, str]]:
        lane, clock = Lane(), [0]
        taken: list[tuple[int, str]] = []
        ticking = asyncio.create_task(tick(clock))
        async with asyncio.TaskGroup() as group:
            for name in "abc":
                group.create_task(rounds_of(lane, name, 20, taken, clock))
        ticking.cancel()
        return taken

    taken = asyncio.run(play())
    assert max(Counter(number for number, _ in taken).values()) == 1
    assert "".join(name for _, name in taken) == "abc" * 20


def test_a_turn_that_fails_and_one_that_nobody_waits_for_any_more_stop_nobody() -> None:
    async def play() -> list[str]:
        lane, done = Lane(), list[str]()
        asyncio.get_running_loop().set_exception_handler(lambda _, context: done.append(str(context["exception"])))

        def fail() -> None:
            raise RuntimeError("failed")

        given_up = asyncio.create_task(lane.turn())
        await asyncio.sleep(0)
        lane.call_soon(fail)
        last = asyncio.Event()
        lane.call_soon(lambda: lane.call_soon(last.set))
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        await asyncio.wait_for(last.wait(), 60)
        return done

    assert asyncio.run(play()) == ["failed"]


class Clock:
    """Stands still but for what is said to have passed."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(("others", "seconds"), [(0.0, TURN_SECONDS), (0.008, SHARE * 0.008), (10.0, MAX_TURN_SECONDS)])
def test_in_a_long_round_long_answers_have_their_share(
    monkeypatch: pytest.MonkeyPatch, others: float, seconds: float
) -> None:
    """Those that are called take several turns, and one that waits in a task has all the time of the round."""
    clock, each = Clock(), TURN_SECONDS / 4
    monkeypatch.setattr(lanes, "perf_counter", clock)

    async def play() -> tuple[list[int], list[float]]:
        lane, rounds, waited = Lane(), list[int](), list[float]()

        async def wait() -> None:
            waited.append(await lane.turn() - clock.now)

        def turn() -> None:
            rounds[-1] += 1
            clock.passes(each)
            lane.call_soon(turn)

        lane.call_soon(turn)
        for _ in range(5):
            rounds.append(0)
            clock.passes(others)
            await asyncio.sleep(0)
        task = asyncio.create_task(wait())
        while not task.done():
            rounds.append(0)
            clock.passes(others)
            await asyncio.sleep(0)
        return rounds, waited

    rounds, waited = asyncio.run(play())
    assert rounds[1:5] == [pytest.approx(seconds / each, abs=1)] * 4
    assert waited == [pytest.approx(seconds)]
