"""A large batch is found and written in turns, and a new generation may come between any two: its answer is of one."""

import asyncio
import json
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lookup.connections import Connections
from lookup.current import Clock
from lookup.front import Front
from lookup.generation import Generation, open_generation
from tests import tiny
from tests.lookup.serving import state_of
from tests.lookup.wires import request
from tests.service import PATIENCE_SECONDS

ASKED = [tiny.ASSIGNED, tiny.VACANT, "1"] * 300


async def answered_with_swaps(front: Front, before: Callable[[int], None]) -> bytes:
    """The answer to one batch; `before` is called before each turn, with its number."""
    loop = asyncio.get_running_loop()
    turns = 0

    def call_soon(turn: Callable[[], None]) -> None:
        nonlocal turns
        turns += 1
        before(turns)
        loop.call_soon(turn)

    front.call_soon = call_soon  # type: ignore[method-assign]
    ours, theirs = socket.socketpair()
    transport, _ = await loop.connect_accepted_socket(front.protocol, theirs)
    ours.setblocking(False)
    await loop.sock_sendall(ours, request("/v1/gp-lookup/batch", {"nins": ASKED, "at": "2026-11-24T12:00:00"}))
    received = b""
    while not received.endswith(b"]}"):
        some = await asyncio.wait_for(loop.sock_recv(ours, 1 << 20), PATIENCE_SECONDS)
        assert some, "closed before the end of the answer"
        received += some
    transport.close()
    ours.close()
    await asyncio.sleep(0)
    return received


def front_of(generation: Generation) -> Front:
    state = state_of(generation)
    state.clock = Clock()
    front = Front(state, Connections(state.settings, state.counters))
    front.follow(generation)
    return front


@pytest.mark.parametrize("turn", [None, 1, 2, 5, 14, 15, 16, 20])
@pytest.mark.parametrize("others_ask", [False, True])
def test_a_swap_between_two_turns(tmp_path: Path, turn: int | None, others_ask: bool) -> None:
    first, second = (open_generation(tiny.generation(tmp_path, serial)) for serial in (1, 2))
    front = front_of(first)
    turns = 0

    def swap(now: int) -> None:
        nonlocal turns
        turns = now
        if turn == now:
            front.follow(second)
            if others_ask:  # and so bring up to date what heads say
                front.refresh(time.time_ns())

    head, _, body = asyncio.run(answered_with_swaps(front, swap)).partition(b"\r\n\r\n")
    assert turns > (turn or 1), "it was answered before it was to be swapped"
    answer = json.loads(body)
    serial = answer["generation"]
    assert f"\r\nflr-generation: {serial}\r\n".encode() in head
    assert [result["status"] for result in answer["results"]] == ["assigned", "vacant", "invalid"] * 300
    assert {result["office"]["name"] for result in answer["results"] if "office" in result} == {f"Kontor {serial}"}


def test_swaps_before_every_turn_do_not_keep_a_batch_from_its_answer(tmp_path: Path) -> None:
    """What one swap has overtaken is found anew at once, and answered from that, whatever comes behind it."""
    both = [open_generation(tiny.generation(tmp_path, serial)) for serial in (1, 2)]
    front = front_of(both[0])
    answer = asyncio.run(answered_with_swaps(front, lambda turn: front.follow(both[turn % 2])))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"\r\nflr-generation: 2\r\n" in head
    assert json.loads(body)["generation"] == 2
    assert len(json.loads(body)["results"]) == len(ASKED)
