"""The ring of samples: what it keeps, for how long, and what is worked out from it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookup import metrics
from lookup.metrics import BUCKETS_SECONDS, Counters
from lookup.ops import pulse
from lookup.ops.pulse import EVERY_SECONDS, ROWS, Counted, Pulse, before, by_route
from lookup.settings import Settings

ROUTE, OTHER_ROUTE, ASIDE = "/v1/gp-lookup", "/v1/her/{herId}", "/readyz"


def counters_of(workers: int = 2) -> Counters:
    counters = Counters(workers)
    counters.register([ROUTE, OTHER_ROUTE, ASIDE])
    counters.become(0)
    return counters


def taken(ring: Pulse, seconds: float) -> None:
    ring.take(round(seconds * 1e9))


def test_a_sample_tells_what_every_worker_has_counted_by_then() -> None:
    counters = counters_of()
    ring = Pulse(counters)
    taken(ring, 100)
    for worker in (0, 1):
        counters.become(worker)
        for status in (200, 404, 401, 429, 500, 503):
            counters.count_request(ROUTE, status, 0.001)
        counters.count_request(OTHER_ROUTE, 200, 0.001)
        counters.count_request(ASIDE, 503, 0.5)
        counters.count_lookup("assigned", 3)
        counters.count_swap(41 + worker, 1.0)
    counters.supervise(metrics.RESTARTS, 4)
    taken(ring, 130.5)
    first, second = ring.samples()
    assert (first.at, first.requests.answered, second.at) == (100, 0, 130.5)
    assert (second.persons, second.restarts, second.serial) == (6, 4, 42)
    asked = second.requests.since(first.requests)
    assert (asked.answered, asked.failed, asked.refused) == (14, 4, 4)  # what is aside is not what callers meet with
    assert asked.percentile(0.99) == pytest.approx(0.001, rel=0.5)
    routes = ring.routes_at(130.5)
    assert {route: counted.answered for route, counted in routes.items()} == {ROUTE: 12, OTHER_ROUTE: 2, ASIDE: 2}
    assert routes == by_route(counters)
    assert ring.routes_at(100) == {}
    assert ring.routes_at(99) == {}


def test_it_keeps_an_hour_and_forgets_the_oldest() -> None:
    counters = counters_of()
    ring = Pulse(counters)
    for number in range(ROWS + 7):
        counters.count_request(ROUTE, 200, 0.001)
        taken(ring, 1000 + number * EVERY_SECONDS)
    samples = ring.samples()
    assert len(samples) == ROWS
    assert samples[-1].at - samples[0].at >= 3600
    assert [one.requests.answered for one in samples] == [*range(8, ROWS + 8)]
    assert {route: one.answered for route, one in ring.routes_at(samples[0].at).items()} == {ROUTE: 8}


def test_a_row_that_is_being_written_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    ring = Pulse(counters_of())
    taken(ring, 100)
    taken(ring, 130)
    ring._words[0] = 0
    assert [one.at for one in ring.samples()] == [130]


def test_the_supervisor_takes_one_when_it_is_due_and_sees_how_much_room_there_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pytest.TempPathFactory
) -> None:
    now = 1000.0
    monkeypatch.setattr(pulse.time, "monotonic", lambda: now)
    counters = counters_of()
    ring = Pulse(counters)
    settings = Settings(data_dir=tmp_path, audit_dir="/nowhere", audit_spool_dir=tmp_path)  # type: ignore[arg-type]
    for now in (1000.0, 1000.1, 1029.9, 1030.0, 1100.0):
        ring.beat(round(now * 1e9), settings)
    assert [one.at for one in ring.samples()] == [1000.0, 1030.0, 1100.0]
    assert set(counters.free()) == {"data", "spool"}
    assert counters.free()["data"] > 0


@given(st.lists(st.floats(1e-6, 20), min_size=1, max_size=200), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_a_percentile_is_in_the_bucket_of_the_true_one(durations: list[float], share: float) -> None:
    counters = counters_of(1)
    for seconds in durations:
        counters.count_request(ROUTE, 200, seconds)
    told = by_route(counters)[ROUTE].percentile(share)
    rank = max(1, -(-len(durations) * share // 1))
    true = sorted(durations)[int(rank) - 1]
    assert told is not None
    place = metrics.bucket_of(int(true * 1e9))
    low = BUCKETS_SECONDS[place - 1] if place else 0.0
    high = BUCKETS_SECONDS[min(place, len(BUCKETS_SECONDS) - 1)]
    assert min(low, BUCKETS_SECONDS[-1]) * (1 - 1e-9) <= told <= high * (1 + 1e-9)


def test_of_nothing_there_is_no_percentile() -> None:
    assert Counted(0, 0, 0, (0,) * (len(BUCKETS_SECONDS) + 1)).percentile(0.99) is None


def test_the_sample_of_a_moment_is_the_newest_by_then_or_else_the_oldest() -> None:
    ring = Pulse(counters_of())
    for at in (100, 130, 160):
        taken(ring, at)
    samples = ring.samples()
    assert [before(samples, at).at for at in (50, 100, 129, 130, 999)] == [100, 100, 100, 130, 160]
