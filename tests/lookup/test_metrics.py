"""Counting in shared memory, and what Prometheus gets to see."""

import math
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from lookup import metrics
from lookup._fast.tally import place_of
from lookup.metrics import CERTIFICATE_EXPIRES, METRICS, OTHER, Counters, exposition


def scrape(counters: Counters, now: float = 1000.0, stale_warn_hours: float = 26.0) -> dict[tuple[str, ...], float]:
    """(name, label values by label name) -> value of everything that is scraped."""
    families = text_string_to_metric_families(exposition(counters, now, stale_warn_hours).decode())
    return {
        (sample.name, *(sample.labels[label] for label in sorted(sample.labels))): sample.value
        for family in families
        for sample in family.samples
    }


def in_a_child(worker: int, counters: Counters, requests: int) -> None:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            counters.become(worker)
            for _ in range(requests):
                counters.count_request("/a", 200, 0.001)
            counters.count_lookup("assigned", 10)
            counters.count_swap(worker + 5, 900.0 + worker)
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0


def test_what_every_process_counts_is_summed() -> None:
    counters = Counters(2)
    counters.register(["/a"])
    for worker in (0, 1):
        counters.set_live(worker, live=True)
    in_a_child(0, counters, 300)
    in_a_child(1, counters, 7)
    in_a_child(1, counters, 3)
    seen = scrape(counters)
    assert seen["flr_requests_total", "/a", "200"] == 310
    assert seen["flr_request_seconds_count", "/a"] == 310
    assert seen["flr_request_seconds_sum", "/a"] == pytest.approx(0.31)
    assert seen["flr_lookups_total", "assigned"] == 30
    assert seen["flr_swaps_total",] == 3
    assert [seen["flr_generation_serial", worker] for worker in "01"] == [5, 6]
    assert seen["flr_generation_as_of_timestamp_seconds",] == 900
    assert seen["flr_generation_age_seconds",] == 100


def test_a_dead_worker_serves_nothing_but_what_it_counted_stays() -> None:
    counters = Counters(2)
    counters.register(["/a"])
    for worker in (0, 1):
        counters.set_live(worker, live=True)
        in_a_child(worker, counters, 5)
    counters.set_live(0, live=False)
    seen = scrape(counters)
    assert seen["flr_workers",] == 1
    assert ("flr_generation_serial", "0") not in seen
    assert seen["flr_generation_as_of_timestamp_seconds",] == 901
    assert seen["flr_requests_total", "/a", "200"] == 10


def test_the_histogram_is_cumulative_and_its_bounds_inclusive() -> None:
    counters = Counters(1)
    counters.register(["/a"])
    counters.become(0)
    for nanoseconds in (-1, 0, 4096, 4097, 6144, 6145, 2**33, 2**34, 2**34 + 1):
        counters.count_request("/a", 200, nanoseconds / 1e9)
    seen = scrape(counters)
    bounds = ("4.096e-06", "6.144e-06", "8.192e-06", "4.294967296", "8.589934592", "17.179869184", "+Inf")
    assert [seen["flr_request_seconds_bucket", bound, "/a"] for bound in bounds] == [3, 5, 6, 6, 7, 8, 9]


@given(st.one_of(st.integers(0, 2**36), st.sampled_from([2**n + d for n in range(36) for d in (-1, 0, 1)])))
def test_the_compiled_path_counts_in_the_same_places(nanoseconds: int) -> None:
    assert place_of(nanoseconds) == metrics.bucket_of(nanoseconds)
    bounds = [*metrics.BUCKETS_SECONDS, math.inf]
    place = metrics.bucket_of(nanoseconds)
    assert nanoseconds / 1e9 <= bounds[place]
    assert place == 0 or nanoseconds / 1e9 > bounds[place - 1]


def test_what_is_not_known_is_counted_as_other() -> None:
    counters = Counters(1)
    counters.become(0)
    counters.count_request("/not/registered", 418, 0.1)
    counters.count_lookup("surprising")
    seen = scrape(counters)
    assert seen["flr_requests_total", OTHER, OTHER] == 1
    assert seen["flr_lookups_total", OTHER] == 1


def test_every_outcome_and_status_has_a_place_of_its_own() -> None:
    counters = Counters(1)
    counters.register(f"/{n}" for n in range(metrics.MAX_ROUTES - 1))
    counters.become(0)
    for n, outcome in enumerate((*metrics.OUTCOMES, OTHER), 1):
        counters.count_lookup(outcome, n)
    for route in range(metrics.MAX_ROUTES - 1):
        for n, status in enumerate(metrics.STATUSES, 1):
            for _ in range(n):
                counters.count_request(f"/{route}", status, 0.0)
    seen = scrape(counters)
    assert [seen["flr_lookups_total", outcome] for outcome in metrics.OUTCOMES] == [
        *range(1, len(metrics.OUTCOMES) + 1)
    ]
    for route in range(metrics.MAX_ROUTES - 1):
        got = [seen["flr_requests_total", f"/{route}", str(status)] for status in metrics.STATUSES]
        assert got == [*range(1, len(metrics.STATUSES) + 1)]


def test_the_table_of_routes_is_bounded() -> None:
    counters = Counters(1)
    names = [f"/{n}" for n in range(metrics.MAX_ROUTES - 1)]
    counters.register(names)
    counters.register(names)
    with pytest.raises(ValueError, match="more routes"):
        counters.register(["/one/more"])


def test_there_is_no_block_for_a_worker_that_is_not() -> None:
    for worker in (-1, 1):
        with pytest.raises(ValueError, match="no such worker"):
            Counters(1).become(worker)


@pytest.mark.parametrize(("hours", "stale"), [(0.0, 0), (1.0, 1), (1.001, 0)])
def test_staleness_has_a_limit_that_can_be_off(hours: float, stale: int) -> None:
    counters = Counters(1)
    counters.set_live(0, live=True)
    counters.become(0)
    counters.count_swap(1, 1.0)
    assert scrape(counters, 3601.5, hours)["flr_stale",] == stale


def test_without_a_generation_there_is_no_age() -> None:
    seen = scrape(Counters(1))
    assert ("flr_generation_age_seconds",) not in seen
    assert seen["flr_workers",] == 0


def test_what_the_supervisor_sets_is_shown() -> None:
    counters = Counters(1)
    for word, name in (
        (metrics.RESTARTS, "flr_worker_restarts_total"),
        (metrics.NOT_SERVED, "flr_not_served"),
        (metrics.FALLBACK, "flr_fallback"),
        (metrics.PINNED, "flr_pinned"),
    ):
        assert scrape(counters)[name,] == 0
        counters.supervise(word, 1)
        assert scrape(counters)[name,] == 1


def test_only_what_is_declared_is_scraped_and_all_of_it() -> None:
    counters = Counters(1)
    counters.set_live(0, live=True)
    counters.become(0)
    counters.count_request("/", 200, 0.1)
    counters.count_swap(1, 1.0)
    counters.supervise(CERTIFICATE_EXPIRES, 1)
    text = exposition(counters, 2.0, 26.0).decode()
    assert {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")} == set(METRICS)
    assert all(line.split(" ", 3)[3] for line in text.splitlines() if line.startswith("# HELP"))


def test_the_documentation_names_every_metric() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text()
    assert [m.name for m in METRICS.values() if f"| `{m.name}`" not in text or f"| {m.help} |" not in text] == []
