"""Hypothesis strategies for what the index holds: any record the format has room for, its hard edges likely."""

from collections.abc import Callable

from hypothesis import strategies as st

from lookup.key import KEY_BITS, MAX_BITS, MIN_BITS
from lookup.record import DAY_MICROS, FIRST_DAY, FOREVER, LAST_DAY, Damaged, Membership, Record

NINS = st.integers(0, 10**11 - 1)
BITS = st.integers(MIN_BITS, MAX_BITS)
EDGE_TIMES = [
    -(2**63),
    -(2**63) + 1,
    FIRST_DAY * DAY_MICROS - DAY_MICROS,
    FIRST_DAY * DAY_MICROS - 1,
    FIRST_DAY * DAY_MICROS,
    -DAY_MICROS,
    -1,
    0,
    1,
    DAY_MICROS - 1,
    DAY_MICROS,
    LAST_DAY * DAY_MICROS,
    LAST_DAY * DAY_MICROS + 1,
    (LAST_DAY + 1) * DAY_MICROS,
    FOREVER - 1,
    FOREVER,
]
TIMES = st.one_of(
    st.sampled_from(EDGE_TIMES),
    st.integers(FIRST_DAY, LAST_DAY).map(lambda day: day * DAY_MICROS),
    st.integers(-(2**63), 2**63 - 1),
)
# updates at a millisecond's distance from another time are stored as the distance
SHIFTS = st.one_of(st.integers(-(10**12), 10**12), st.integers(-(10**9), 10**9).map(lambda millis: millis * 1000))
UNSIGNED_64 = st.one_of(st.integers(0, 2**64 - 1), st.integers(0, 64).map(lambda n: (1 << n) - 1))


@st.composite
def memberships(draw: st.DrawFn) -> tuple[Membership, ...]:
    """Memberships of a record; many begin where the one before (the newer) begins or end there, as in life."""
    out: list[Membership] = []
    for _ in range(draw(st.integers(0, 4))):
        valid_from = draw(TIMES)
        to = draw(st.one_of(st.just(FOREVER), TIMES, st.just(out[-1].valid_from) if out else st.nothing()))
        near = draw(st.sampled_from([valid_from, to])) + draw(SHIFTS)
        out.append(
            Membership(
                slot=draw(st.integers(0, 2**32 - 1)),
                valid_from=valid_from,
                to=to,
                begin=draw(st.integers(0, 255)),
                end=draw(st.integers(0, 255)),
                updated=draw(st.one_of(TIMES, st.just(near) if -(2**63) <= near < 2**63 else st.nothing())),
                id=draw(UNSIGNED_64),
            )
        )
    return tuple(out)


RECORDS = st.one_of(
    st.builds(Record, st.none(), st.booleans(), memberships()),
    NINS.map(Record),
)


@st.composite
def buckets(draw: st.DrawFn) -> tuple[int, int, dict[int, Record]]:
    """(bits, bucket, rest -> record); rests often share their low or high bits."""
    bits = draw(BITS)
    rests = st.integers(0, (1 << KEY_BITS - bits) - 1)
    if KEY_BITS - bits > 16:
        high = st.integers(0, (1 << KEY_BITS - bits - 16) - 1)
        low = st.integers(0, 3)
        rests = st.one_of(rests, st.builds(lambda h, l: h << 16 | l, high, low))  # noqa: E741
    return bits, draw(st.integers(0, (1 << bits) - 1)), draw(st.dictionaries(rests, RECORDS, max_size=8))


def outcome(ask: Callable[..., object], *args: object) -> object:
    """What asking gives: a value, or that there is damage. Any other exception is the test's failure."""
    try:
        answer = ask(*args)
        return list(answer) if hasattr(answer, "__next__") else answer
    except Damaged:
        return "damaged"
