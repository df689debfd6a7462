"""Which proofs have been used: one behaviour on both twins, in memory that they share, and over processes."""

import multiprocessing
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lookup._fast.replay
import lookup.access.replay
from lookup.access.replay import FULL, JTI_BYTES, LAYOUT, MAX_SECONDS, NEW, USED, WAYS, ReplayMemory

NOW = 1_790_000_000
OWNER = b"o" * 43
TWINS = [lookup.access.replay.Seen, lookup._fast.replay.Seen]
Make = Callable[[ReplayMemory], Any]


@pytest.fixture(params=TWINS, ids=["plain", "compiled"])
def make(request: pytest.FixtureRequest) -> Make:
    return request.param  # type: ignore[no-any-return]


def test_the_twins_draw_the_same_words() -> None:
    assert lookup._fast.replay.LAYOUT == LAYOUT
    assert not lookup._fast.replay.__file__.endswith(".py")


def test_what_is_remembered_is_known_until_it_counts_no_more(make: Make) -> None:
    seen = make(ReplayMemory(1 << 16))
    assert seen.first(OWNER, b"one", NOW + 60, NOW) == NEW
    assert seen.first(OWNER, b"two", NOW + 60, NOW) == NEW
    assert [seen.first(OWNER, b"one", NOW + 60 + later, NOW + later) for later in (0, 59, 60)] == [USED] * 3
    assert seen.first(OWNER, b"one", NOW + 121, NOW + 61) == NEW


def test_one_twin_knows_what_the_other_has_remembered() -> None:
    memory = ReplayMemory(1 << 14)
    plain, compiled = (twin(memory) for twin in TWINS)
    for number in range(100):
        one, other = (plain, compiled) if number % 2 else (compiled, plain)
        assert one.first(OWNER, b"%d" % number, NOW + 5, NOW) == NEW
        assert other.first(OWNER, b"%d" % number, NOW + 5, NOW) == USED
    assert plain.first(b"p" * 43, b"1", NOW + 5, NOW) == NEW


def test_a_full_set_takes_nothing_and_forgets_nothing(make: Make) -> None:
    seen = make(ReplayMemory(WAYS * 8))
    assert [seen.first(OWNER, b"%d" % n, NOW + n, NOW) for n in range(WAYS)] == [NEW] * WAYS
    assert seen.first(OWNER, b"more", NOW, NOW) == FULL
    assert [seen.first(OWNER, b"%d" % n, NOW + n, NOW) for n in range(WAYS)] == [USED] * WAYS
    assert seen.first(OWNER, b"more", NOW + 60, NOW + 1) == NEW  # in the place of the one that counted until NOW


def test_time_may_pass_for_longer_than_the_words_can_tell(make: Make) -> None:
    seen = make(ReplayMemory(WAYS * 8))
    now = NOW
    for step in (1, 1000, 1 << 19, (1 << 20) - MAX_SECONDS - 1, 1 << 21):
        assert seen.first(OWNER, b"again", now + 60, now) == NEW
        assert seen.first(OWNER, b"again", now + 60, now) == USED
        now += step + 60


def test_much_is_remembered_in_little(make: Make) -> None:
    """Two fifths of the words in use, and not one is refused for want of room."""
    memory = ReplayMemory(1 << 17)
    seen = make(memory)
    count = len(memory.words) * 2 // 5
    assert {seen.first(OWNER, b"%d" % n, NOW + 60, NOW) for n in range(count)} == {NEW}
    assert sum(word != 0 for word in memory.words) == count


@pytest.mark.parametrize(
    ("jti", "until"), [(b"", NOW + MAX_SECONDS + 1), (b"", NOW - 1), (b"x" * (JTI_BYTES + 1), NOW)]
)
def test_what_cannot_be_is_an_error(make: Make, jti: bytes, until: int) -> None:
    with pytest.raises(ValueError, match="neither remembered"):
        make(ReplayMemory(512)).first(OWNER, jti, until, NOW)


@pytest.mark.parametrize(("octets", "words"), [(512, 64), (1023, 64), (1024, 128), (1 << 20, 1 << 17)])
def test_memory_is_a_power_of_two(octets: int, words: int) -> None:
    assert len(ReplayMemory(octets).words) == words


def test_too_little_memory_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least 512"):
        ReplayMemory(511)


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 60), st.integers(0, 3)), max_size=120))
def test_the_twins_say_the_same(steps: list[tuple[int, int, int]]) -> None:
    memories = [ReplayMemory(512), ReplayMemory(512)]
    memories[1].secret = memories[0].secret
    twins = [twin(memory) for twin, memory in zip(TWINS, memories, strict=True)]
    now = NOW
    for jti, until, later in steps:
        now += later
        told = [twin.first(OWNER, b"%d" % jti, now + until, now) for twin in twins]
        assert told[0] == told[1]
    assert memories[0].words == memories[1].words


PROOFS = 4000


def _use(memory: ReplayMemory, seed: int, used: Any, begin: Any) -> None:
    seen = lookup._fast.replay.Seen(memory)
    order = list(range(PROOFS))
    random.Random(seed % 2).shuffle(order)  # two go the same way, so that they meet all the time
    begin.wait()
    mine = [n for n in order if seen.first(OWNER, b"%d" % n, NOW + 60, NOW + n % 3) == NEW]
    with used.get_lock():
        for n in mine:
            used[n] += 1


def test_of_many_processes_one_at_the_most_may_use_a_proof() -> None:
    context = multiprocessing.get_context("fork")
    memory = ReplayMemory(1 << 17)
    used, begin = context.Array("i", PROOFS), context.Event()
    processes = [context.Process(target=_use, args=(memory, seed, used, begin)) for seed in range(4)]
    for process in processes:
        process.start()
    begin.set()
    for process in processes:
        process.join()
    assert max(used) == 1
    assert sum(used) >= PROOFS * 0.99  # of two at the very same time, both may be refused
