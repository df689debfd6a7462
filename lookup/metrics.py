"""What the service counts, and how it is shown to Prometheus. Every metric of ours is declared in METRICS.

Hot counters are 64-bit words in memory that all processes share: made by the supervisor before it forks, one block
for each worker (a restarted one goes on in the same block), one writer a word, summed when scraped. So any worker can
show the numbers of all, and counting costs no lock and no system call. Routes are registered before the fork, in a
table of fixed size; what is not registered is counted as `other`. Labels are route templates and fixed words, never
anything out of a request.
"""

import mmap
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from lookup.access.quota import Usage
from lookup.core import COMPILED

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"  # what `exposition` gives
OTHER = "other"
MAX_ROUTES = 128
STATUSES = (200, 304, 400, 401, 403, 404, 405, 410, 413, 415, 429, 500, 503)
OUTCOMES = ("assigned", "vacant", "none", "withheld", "unknown", "invalid", "confirmed", "not-confirmed", "history")
# Log-linear, two buckets to an octave of nanoseconds: from 4 microseconds to 17 seconds.
FIRST_OCTAVE, LAST_OCTAVE = 12, 33
BUCKETS_SECONDS = (
    *(
        (2**octave + half * 2 ** (octave - 1)) / 1e9
        for octave in range(FIRST_OCTAVE, LAST_OCTAVE + 1)
        for half in (0, 1)
    ),
    2 ** (LAST_OCTAVE + 1) / 1e9,
)

# The words of a block: a head, the outcomes, then for each route its statuses, its histogram and its nanoseconds.
# The supervisor's own block, the first, uses the head alone, and other words of it.
LIVE, SERIAL, AS_OF, SWAPS, FAILED_SWAPS, HEARTBEAT = range(6)
RECEIVED, SENT, OPEN, ACCEPTED, REFUSED, HANDED_OVER, REFUSED_FRAMING = range(6, 13)
# why a connection is ended before its client ends it
ENDINGS = ("head", "body", "idle", "write", "overfull", "handshake")
ENDED = {reason: word for word, reason in enumerate(ENDINGS, 13)}
FAILED_HANDSHAKES, REFUSED_CREDENTIALS, CLIENTS_UNFIT, AUDIT_UNAVAILABLE, AUDIT_SPOOLING = range(
    13 + len(ENDINGS), 18 + len(ENDINGS)
)
RESTARTS, NOT_SERVED, FALLBACK, PINNED, CERTIFICATE_EXPIRES = range(5)
# where there must be room; a word holds the octets that are free and 1, and 0 where nobody could tell
PLACES = ("data", "audit", "spool")
FREE = {place: word for word, place in enumerate(PLACES, 5)}
HEAD = 24
_ROUTES_AT = HEAD + len(OUTCOMES) + 1
BUCKETS_AT = len(STATUSES) + 1
SUM_AT = BUCKETS_AT + len(BUCKETS_SECONDS) + 1
_ROUTE_WORDS = SUM_AT + 1
_BLOCK_WORDS = (_ROUTES_AT + MAX_ROUTES * _ROUTE_WORDS + 7) // 8 * 8  # whole cache lines
_STATUS = {status: i for i, status in enumerate(STATUSES)}
_OUTCOME = {outcome: i for i, outcome in enumerate(OUTCOMES)}


def bucket_of(nanoseconds: int) -> int:
    """The place in the histogram that a duration is counted in. Upper bounds are inclusive."""
    octave = (value := max(0, nanoseconds - 1)).bit_length() - 1
    if octave < FIRST_OCTAVE:
        return 0
    return min(1 + 2 * (octave - FIRST_OCTAVE) + (value >> (octave - 1) & 1), len(BUCKETS_SECONDS))


class Declared(NamedTuple):
    """One metric: its name as it is scraped, and what it says."""

    name: str
    help: str
    labels: tuple[str, ...] = ()


METRICS = {
    metric.name: metric
    for metric in (
        Declared("flr_requests_total", "Requests answered.", ("route", "status")),
        Declared("flr_request_seconds", "Time from a request's head to its answer.", ("route",)),
        Declared("flr_lookups_total", "Persons looked up, by what came of it.", ("outcome",)),
        Declared("flr_received_bytes_total", "Octets received."),
        Declared("flr_sent_bytes_total", "Octets sent."),
        Declared("flr_connections", "Connections that are open."),
        Declared("flr_connections_total", "Connections accepted."),
        Declared("flr_connections_refused_total", "Connections above a limit, closed at once."),
        Declared("flr_connections_ended_total", "Connections ended by us because they took too long.", ("reason",)),
        Declared("flr_failed_handshakes_total", "Connections on which the two sides did not come to TLS."),
        Declared("flr_handovers_total", "Connections that the compiled HTTP path handed over to the ordinary one."),
        Declared("flr_refused_framing_total", "Requests refused because of how they were framed."),
        Declared("flr_swaps_total", "Generations taken up by workers."),
        Declared("flr_failed_swaps_total", "Generations that a worker could not take up."),
        Declared("flr_worker_restarts_total", "Workers that died and were replaced."),
        Declared("flr_workers", "Workers that are alive."),
        Declared("flr_generation_serial", "Serial of the generation in service.", ("worker",)),
        Declared("flr_generation_as_of_timestamp_seconds", "The moment that the oldest register in service tells of."),
        Declared("flr_generation_age_seconds", "Age of the oldest register in service."),
        Declared("flr_stale", "1 when that age is above the limit at which we warn."),
        Declared(
            "flr_not_served", "1 when what CURRENT or PIN names is not fit to serve, and something else, or none, is."
        ),
        Declared(
            "flr_fallback",
            "1 when another valid generation is served instead of the one that PIN, or else CURRENT, names.",
        ),
        Declared("flr_pinned", "1 when PIN holds the generation."),
        Declared("flr_credentials_refused_total", "Credentials, and proofs of them, that were not taken."),
        Declared(
            "flr_clients_unfit", "Workers whose clients file is unfit or gone, and who keep the clients of before."
        ),
        Declared("flr_audit_unavailable", "Workers that cannot record, and so tell nothing of persons."),
        Declared("flr_audit_spooling", "Workers that record in the second place, the spool."),
        Declared("flr_free_bytes", "Octets that are free where the data, the audit and its spool are.", ("place",)),
        Declared("flr_client_requests_total", "Requests of a client.", ("client",)),
        Declared("flr_client_refused_total", "Requests of a client above its limits.", ("client", "reason")),
        Declared("flr_client_numbers_today", "Numbers that a client has asked about today.", ("client",)),
        Declared("flr_client_unknown_today", "How many of them the register has never seen.", ("client",)),
        Declared("flr_client_persons_today", "About how many persons, where that is limited.", ("client",)),
        Declared("flr_certificate_expires_timestamp_seconds", "The moment until which our certificate is valid."),
        Declared("flr_build_info", "What is running."),
    )
}


class Block(NamedTuple):
    """One worker's block: its words, and where in it a route, a status (from its route on) and an outcome stand."""

    words: memoryview
    routes: dict[str, int]
    statuses: dict[int, int]
    outcomes: dict[str, int]


class Counters:
    """The counters of all processes. Made before the fork; each process then says which block is its own."""

    def __init__(self, workers: int) -> None:
        """`workers` is how many blocks for workers there are to be."""
        self.workers = workers
        self._words = memoryview(mmap.mmap(-1, (workers + 1) * _BLOCK_WORDS * 8)).cast("Q")
        self._routes: dict[str, int] = {OTHER: 0}
        self._base = 0

    def register(self, routes: Iterable[str]) -> None:
        """Give route templates their places; before the fork, so that every process has the same. Raises ValueError."""
        for route in routes:
            if route not in self._routes and len(self._routes) == MAX_ROUTES:
                raise ValueError("more routes than the counters have room for")
            self._routes.setdefault(route, len(self._routes))

    def become(self, worker: int) -> None:
        """From now on this process counts as the worker with this number (from 0)."""
        if not 0 <= worker < self.workers:
            raise ValueError("no such worker")
        self._base = (worker + 1) * _BLOCK_WORDS

    def block(self) -> "Block":
        """This worker's own block, for the compiled HTTP path to count in."""
        return Block(
            self._words[self._base : self._base + _BLOCK_WORDS],
            {route: _ROUTES_AT + number * _ROUTE_WORDS for route, number in self._routes.items()},
            _STATUS,
            {outcome: HEAD + i for outcome, i in _OUTCOME.items()},
        )

    def count_request(self, route: str, status: int, seconds: float) -> None:
        """Count one answered request. An unregistered route or status counts as `other`."""
        words = self._words
        at = self._base + _ROUTES_AT + self._routes.get(route, 0) * _ROUTE_WORDS
        words[at + _STATUS.get(status, len(STATUSES))] += 1
        nanoseconds = max(0, int(seconds * 1e9))
        words[at + BUCKETS_AT + bucket_of(nanoseconds)] += 1
        words[at + SUM_AT] += nanoseconds

    def count_lookup(self, outcome: str, n: int = 1) -> None:
        """Count `n` persons looked up with the same outcome. An outcome that is not known counts as `other`."""
        self._words[self._base + HEAD + _OUTCOME.get(outcome, len(OUTCOMES))] += n

    def add(self, word: int, n: int = 1) -> None:
        """Add to a word of the head of this worker's block."""
        self._words[self._base + word] += n

    def set(self, word: int, value: int) -> None:
        """Set a word of the head of this worker's block."""
        self._words[self._base + word] = value

    def count_swap(self, serial: int, as_of_seconds: float) -> None:
        """This worker serves this generation from now on."""
        self._words[self._base + SERIAL] = serial
        self._words[self._base + AS_OF] = max(0, int(as_of_seconds))
        self._words[self._base + SWAPS] += 1

    def count_failed_swap(self) -> None:
        """This worker could not take up a generation."""
        self._words[self._base + FAILED_SWAPS] += 1

    def set_live(self, worker: int, *, live: bool) -> None:
        """Said by the supervisor: a worker was started, or has died. Either way it serves nothing yet, or any more."""
        base = (worker + 1) * _BLOCK_WORDS
        self._words[base + LIVE] = int(live)
        for word in (SERIAL, AS_OF, OPEN, HEARTBEAT, CLIENTS_UNFIT, AUDIT_UNAVAILABLE, AUDIT_SPOOLING):
            self._words[base + word] = 0

    def supervise(self, word: int, value: int) -> None:
        """Set a word of the supervisor's block: RESTARTS and so on."""
        self._words[word] = value

    def supervised(self, word: int) -> int:
        """A word of the supervisor's block."""
        return self._words[word]

    def free(self) -> dict[str, int]:
        """The octets that are free in each of PLACES of which that is known."""
        words = {place: self._words[word] for place, word in FREE.items()}
        return {place: octets - 1 for place, octets in words.items() if octets}

    def templates(self) -> tuple[str, ...]:
        """The routes that have been registered, by place; the first is OTHER."""
        return tuple(self._routes)

    def head(self, word: int) -> list[int]:
        """A word of the head of every live worker's block; 0 for the others."""
        blocks = range(_BLOCK_WORDS, (self.workers + 1) * _BLOCK_WORDS, _BLOCK_WORDS)
        return [self._words[base + word] for base in blocks]

    def outcomes(self) -> Iterator[tuple[str, int]]:
        """(outcome, persons) over all processes."""
        for i, outcome in enumerate((*OUTCOMES, OTHER)):
            yield outcome, self._sum(HEAD + i)

    def routes(self) -> Iterator[tuple[str, list[int], list[int], float]]:
        """(route, count by status, count by bucket, seconds) of every route that was asked, over all processes."""
        for route, number in self._routes.items():
            at = _ROUTES_AT + number * _ROUTE_WORDS
            statuses = [self._sum(at + i) for i in range(len(STATUSES) + 1)]
            if any(statuses):
                buckets = [self._sum(at + BUCKETS_AT + i) for i in range(len(BUCKETS_SECONDS) + 1)]
                yield route, statuses, buckets, self._sum(at + SUM_AT) / 1e9

    def _sum(self, word: int) -> int:
        return sum(self._words[word::_BLOCK_WORDS])


class _Collector(Collector):
    """Turns the counters into metrics. `now` is in seconds since 1970-01-01T00:00:00Z."""

    def __init__(self, counters: Counters, now: float, stale_warn_hours: float, usage: Iterable[Usage]) -> None:
        self.counters, self.now, self.stale_warn_hours, self.usage = counters, now, stale_warn_hours, usage

    def collect(self) -> Iterator[Metric]:
        yield from self._requests()
        lookups = _counter("flr_lookups_total")
        for outcome, n in self.counters.outcomes():
            lookups.add_metric([outcome], n)
        yield lookups
        yield from self._connections()
        yield from self._access()
        yield _counter("flr_swaps_total", sum(self.counters.head(SWAPS)))
        yield _counter("flr_failed_swaps_total", sum(self.counters.head(FAILED_SWAPS)))
        yield _counter("flr_worker_restarts_total", self.counters.supervised(RESTARTS))
        yield from self._generation()
        for name, word in (("flr_not_served", NOT_SERVED), ("flr_fallback", FALLBACK), ("flr_pinned", PINNED)):
            yield _gauge(name, self.counters.supervised(word))
        if expires := self.counters.supervised(CERTIFICATE_EXPIRES):
            yield _gauge("flr_certificate_expires_timestamp_seconds", expires)
        yield InfoMetricFamily(
            "flr_build",
            METRICS["flr_build_info"].help,
            {"version": running_version(), "core": "compiled" if COMPILED else "plain"},
        )

    def _requests(self) -> Iterator[Metric]:
        requests = _counter("flr_requests_total")
        declared = METRICS["flr_request_seconds"]
        seconds = HistogramMetricFamily(declared.name, declared.help, labels=declared.labels)
        for route, statuses, buckets, total in self.counters.routes():
            for status, n in zip((*map(str, STATUSES), OTHER), statuses, strict=True):
                if n:
                    requests.add_metric([route, status], n)
            sofar, cumulative = 0, []
            for bound, n in zip((*map(str, BUCKETS_SECONDS), "+Inf"), buckets, strict=True):
                sofar += n
                cumulative.append((bound, sofar))
            seconds.add_metric([route], cumulative, total)
        yield requests
        yield seconds

    def _connections(self) -> Iterator[Metric]:
        for name, word in (
            ("flr_received_bytes_total", RECEIVED),
            ("flr_sent_bytes_total", SENT),
            ("flr_connections_total", ACCEPTED),
            ("flr_connections_refused_total", REFUSED),
            ("flr_failed_handshakes_total", FAILED_HANDSHAKES),
            ("flr_handovers_total", HANDED_OVER),
            ("flr_refused_framing_total", REFUSED_FRAMING),
        ):
            yield _counter(name, sum(self.counters.head(word)))
        yield _gauge("flr_connections", sum(self.counters.head(OPEN)))
        ended = _counter("flr_connections_ended_total")
        for reason, word in ENDED.items():
            ended.add_metric([reason], sum(self.counters.head(word)))
        yield ended

    def _access(self) -> Iterator[Metric]:
        yield _counter("flr_credentials_refused_total", sum(self.counters.head(REFUSED_CREDENTIALS)))
        yield _gauge("flr_clients_unfit", sum(self.counters.head(CLIENTS_UNFIT)))
        yield _gauge("flr_audit_unavailable", sum(self.counters.head(AUDIT_UNAVAILABLE)))
        yield _gauge("flr_audit_spooling", sum(self.counters.head(AUDIT_SPOOLING)))
        free = _gauge("flr_free_bytes")
        for place, octets in self.counters.free().items():
            free.add_metric([place], octets)
        yield free
        requests, refused = _counter("flr_client_requests_total"), _counter("flr_client_refused_total")
        today = {member: _gauge(f"flr_client_{member}_today") for member in ("numbers", "unknown", "persons")}
        for one in self.usage:
            requests.add_metric([one.client], one.requests)
            for reason, count in one.refused.items():
                refused.add_metric([one.client, reason], count)
            for member, family in today.items():
                family.add_metric([one.client], getattr(one, member))
        yield from (requests, refused, *today.values())

    def _generation(self) -> Iterator[Metric]:
        yield _gauge("flr_workers", sum(self.counters.head(LIVE)))
        serials = _gauge("flr_generation_serial")
        for worker, (serial, as_of) in enumerate(
            zip(self.counters.head(SERIAL), self.counters.head(AS_OF), strict=True)
        ):
            if as_of:
                serials.add_metric([str(worker)], serial)
        yield serials
        oldest = min(filter(None, self.counters.head(AS_OF)), default=None)
        if oldest is not None:
            age = self.now - oldest
            yield _gauge("flr_generation_as_of_timestamp_seconds", oldest)
            yield _gauge("flr_generation_age_seconds", age)
            yield _gauge("flr_stale", int(0 < self.stale_warn_hours * 3600 < age))


def _counter(name: str, value: float | None = None) -> CounterMetricFamily:
    declared = METRICS[name]
    return CounterMetricFamily(name, declared.help, value, declared.labels or None)


def _gauge(name: str, value: float | None = None) -> GaugeMetricFamily:
    declared = METRICS[name]
    return GaugeMetricFamily(name, declared.help, value, declared.labels or None)


def running_version() -> str:
    """The version that is installed."""
    try:
        return version("fastlegeregisteret")
    except PackageNotFoundError:
        return "unknown"


def exposition(counters: Counters, now: float, stale_warn_hours: float, usage: Iterable[Usage] = ()) -> bytes:
    """The text that is scraped, of CONTENT_TYPE. `now` is in seconds since 1970-01-01T00:00:00Z.

    `usage` is what each client has asked.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(counters, now, stale_warn_hours, usage))
    return generate_latest(registry)
