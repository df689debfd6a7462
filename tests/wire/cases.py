"""Streams for the judge, each made from a seed and its number alone, and what is known about them beforehand."""

import random
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from lookup._fast.canonical import read_in_pieces
from lookup.canonical import MORE, Head
from tests.wire.departures import DEPARTURES
from tests.wire.draft import draft, envelope
from tests.wire.judge import FAST, PLAIN, Violation, judge
from tests.wire.mutations import mutated, spliced

POOL = 400
SOAP_SHARE = 0.3


class Case(NamedTuple):
    """A stream; how many of its messages must be accepted, None when that is not known."""

    kind: str
    stream: bytes
    accepted: int | None


@cache
def pool(seed: int) -> list[bytes]:
    """Canonical requests of this seed, to make streams from."""
    chance = random.Random(f"pool {seed}")
    return [_one(chance) for _ in range(POOL)]


def _one(chance: random.Random) -> bytes:
    return (envelope if chance.random() < SOAP_SHARE else draft)(chance).octets()


def _fresh(chance: random.Random, pool: list[bytes]) -> tuple[bytes, int | None]:
    return _one(chance), 1


def _pipelined(chance: random.Random, pool: list[bytes]) -> tuple[bytes, int | None]:
    many = chance.randint(2, 5)
    return b"".join(chance.choices(pool, k=many)), many


def _cut(chance: random.Random, pool: list[bytes]) -> tuple[bytes, int | None]:
    many, last = chance.randint(0, 2), chance.choice(pool)
    return b"".join(chance.choices(pool, k=many)) + last[: chance.randrange(len(last))], many


def _departure(chance: random.Random, pool: list[bytes]) -> tuple[bytes, int | None]:
    many = chance.randint(0, 2)
    before, after = chance.choices(pool, k=many), chance.choices(pool, k=chance.randint(0, 1))
    return b"".join([*before, chance.choice(DEPARTURES).of(chance), *after]), many


def _mutated(chance: random.Random, pool: list[bytes]) -> tuple[bytes, int | None]:
    return mutated(chance, chance.choice(pool)), None


def _mutated_pipelined(chance: random.Random, pool: list[bytes]) -> tuple[bytes, int | None]:
    return mutated(chance, b"".join(chance.choices(pool, k=2))), None


def _mutated_departure(chance: random.Random, pool: list[bytes]) -> tuple[bytes, int | None]:
    return mutated(chance, chance.choice(DEPARTURES).of(chance)) + chance.choice(pool), None


def _spliced(chance: random.Random, pool: list[bytes]) -> tuple[bytes, int | None]:
    return spliced(chance, *chance.choices(pool, k=2)), None


Make = Callable[[random.Random, list[bytes]], tuple[bytes, int | None]]
KINDS: dict[str, tuple[Make, int]] = {
    "canonical": (_fresh, 10),
    "pipelined": (_pipelined, 5),
    "cut": (_cut, 5),
    "departure": (_departure, 15),
    "mutated": (_mutated, 35),
    "mutated, pipelined": (_mutated_pipelined, 15),
    "mutated departure": (_mutated_departure, 10),
    "spliced": (_spliced, 5),
}
_NAMES, _WEIGHTS = list(KINDS), [weight for _, weight in KINDS.values()]


def case(seed: int, number: int) -> Case:
    """The case with this number."""
    chance = random.Random(f"{seed}:{number}")
    (kind,) = chance.choices(_NAMES, _WEIGHTS)
    return Case(kind, *KINDS[kind][0](chance, pool(seed)))


def hold(case: Case, chance: random.Random) -> int:
    """Judge a case, whole and in pieces; how many of its messages were accepted. Raises Violation."""
    accepted = judge(case.stream)
    if case.accepted not in {None, accepted}:
        raise Violation(f"{accepted} messages were accepted, not {case.accepted}")
    in_pieces(case.stream, chance)
    if case.kind == "canonical":
        cut_anywhere(case.stream, chance)
    return accepted


def in_pieces(stream: bytes, chance: random.Random) -> None:
    """A head that comes in pieces is the head that came whole."""
    whole = FAST.read_head(stream)
    if read_in_pieces(pieces(stream, chance)) != whole:
        raise Violation("a head in pieces is not what it is whole")


def pieces(stream: bytes, chance: random.Random) -> list[bytes]:
    """The stream split at random, now and then behind every octet."""
    if chance.random() < 0.05:
        return [stream[i : i + 1] for i in range(len(stream))]
    cuts = sorted(chance.randint(0, len(stream)) for _ in range(chance.randint(1, 4)))
    return [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]


def cut_anywhere(message: bytes, chance: random.Random) -> None:
    """The beginning of a canonical head may become canonical, wherever it is cut."""
    head = FAST.read_head(message)
    assert isinstance(head, Head)
    if any(FAST.read_head(message[:size]) != MORE for size in range(head.size)):
        raise Violation("compiled: the beginning of a canonical head is refused")
    for size in (0, head.size - 1, *(chance.randrange(head.size) for _ in range(4))):
        if PLAIN.read_head(message[:size]) != MORE:
            raise Violation("plain: the beginning of a canonical head is refused")
