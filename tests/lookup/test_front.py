"""The compiled HTTP path against the ordinary one, as real services: the same question has the same answer, octet for
octet, and is counted in the same way.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import product
from typing import Any, NamedTuple

import pytest

from register.localtime import OSLO
from tests import tiny
from tests.lookup import village
from tests.lookup.wires import Wire, ask, difference, metrics, request
from tests.service import Service

OFFSET = village.NOW.replace(tzinfo=OSLO).timestamp() - time.time()
SETTINGS: dict[str, dict[str, str]] = {
    "as it comes": {},
    "strict and withholding": {"FLR_STRICT_NIN": "true", "FLR_WITHHOLD_PROTECTED": "true"},
    "stale": {"FLR_STALE_WARN_HOURS": "1"},
    "too old": {"FLR_STALE_REFUSE_HOURS": "1"},
}
NUMBERS = [
    *village.PERSONS,
    village.UNKNOWN,
    "30108299939",  # valid by the rule of 2032 alone
    *("", "1", "1234567890", "123456789012", "12345678901", " 01810012381", "0181001238a", "[", "0.1"),
]
TIMES = [
    *(None, "2026-11-24T12:00:00", "2026-12-01T00:00:00", "2026-11-30T23:59:59.999999", "2011-06-01T00:00:00"),
    *("2036-01-01T00:00:00.5", "2026-11-24T23:00:00Z", "2026-11-25T00:00:00+01:00", "2026-03-29T02:30:00"),
    *("1969-12-31T23:59:59", "2026-13-01T00:00:00", "2026-02-30T00:00:00", "2026-11-24", "", "0001-01-01T00:00:00"),
]
DOCTORS = [village.KARI, village.PER, village.ANNE, village.OLA, 1, 999_999_999]


class Both(NamedTuple):
    """The same generation, served in the two ways."""

    hot: Service
    ordinary: Service

    def same(self, data: bytes) -> Any:
        """The answer that both give, but for the order of the fields in its head."""
        hot, ordinary = ask(self.hot, data), ask(self.ordinary, data)
        assert hot == ordinary
        return hot


@pytest.fixture(scope="module", params=SETTINGS)
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    data = tmp_path_factory.mktemp("data")
    name = village.generation(data).name
    tiny.announce(data, name)
    settings = SETTINGS[request.param] | {"FLR_CLOCK_OFFSET": str(OFFSET)}
    with ExitStack() as stack:
        services = []
        for hot in ("true", "false"):
            run = {"FLR_RUN_DIR": str(data / f"run-{hot}"), "FLR_HOT_PATH": hot}
            services.append(stack.enter_context(Service(data, workers=1, **settings, **run)))
            services[-1].wait("serving")
        yield Both(*services)


def at_time(at: str | None) -> dict[str, str]:
    return {} if at is None else {"at": at}


def test_single_lookups(both: Both) -> None:
    for nin, at in product(NUMBERS, TIMES):
        both.same(request("/v1/gp-lookup", {"nin": nin} | at_time(at)))


def test_batches(both: Both) -> None:
    for at, count in product(TIMES, (0, 1, len(NUMBERS), 64, 65, 300, 1000, 1001)):
        nins = (NUMBERS * (count // len(NUMBERS) + 1))[:count]
        both.same(request("/v1/gp-lookup/batch", {"nins": nins} | at_time(at)))


def test_confirmations(both: Both) -> None:
    for nin, hpr_number, at in product(NUMBERS, DOCTORS, TIMES[:6]):
        both.same(request("/v1/gp-confirm", {"nin": nin, "hprNumber": hpr_number} | at_time(at)))


def test_her_ids(both: Both) -> None:
    found = set()
    for number in [*range(4_000_000, 4_000_030), *range(80_000, 80_010), 1, 2**31 - 1, 2**31, 9_999_999_999]:
        for _ in range(2):  # the second is answered from what the first left
            found.add(both.same(request(f"/v1/her/{number}")).status)
    assert found in ({200, 404}, {503})


ACCEPTED = [
    *(
        (),
        ("Accept: */*",),
        ("Accept-Encoding: gzip",),
        ("accept-encoding:zstd\t",),
        ("ACCEPT-ENCODING:gzip;q=0, zstd",),
    ),
    *(("Accept-Encoding: ",), ("Accept-Encoding: br, *;q=0.1",), ("Accept-Encoding: gzip", "Accept-Encoding: zstd")),
    *(("Accept: application/x-ndjson",), ("Accept: text/html", "Accept: application/x-ndjson"), ("X-Accept: gzip",)),
    *(("Accept: application/x-ndjson", "Accept: */*"), ("Accept: application/json, application/x-ndjson",)),
    *(("X: Accept-Encoding: gzip",), ("If-None-Match: *",), ('If-None-Match: "x"', "Accept-Encoding: gzip")),
]


@pytest.mark.parametrize("fields", ACCEPTED)
def test_the_public_list(both: Both, fields: tuple[str, ...]) -> None:
    answer = both.same(request("/v1/contracts", None, *fields))
    assert answer.status in {503, 304 if "If-None-Match: *" in fields else 200}


def test_what_is_returned_to_the_caller(both: Both) -> None:
    trace = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
    for fields in product(
        ("traceparent: " + trace, "traceparent: " + trace.upper(), "traceparent: ", "X: y"),
        ("nhn-event-id: an~event!", "NHN-Event-Id: with blank", "nhn-event-id: " + "e" * 128, "nhn-event-id:x\t"),
    ):
        both.same(request("/v1/gp-lookup", {"nin": village.LISTED}, *fields))
        both.same(request("/v1/gp-lookup", {"nin": "1"}, *fields))
        both.same(request("/v1/her/4000001", None, *fields))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b'{"nin": "01810012381"',
        b'{"nin": "01810012381"} x',
        b'{"nin": "01810012381", "nin": "01810012381"}',
        b'{"nin": "01810012381", "x": 1}',
        b'{"nin": 1810012381}',
        b'{"nin": "\\u0030"}',
        b'{"nin": "\xc3\xb8"}',
        b'{"nin": "\xff"}',
        b'\xef\xbb\xbf{"nin": "01810012381"}',
        b'{"nin": "' + b"1" * 5000 + b'"}',
    ],
)
@pytest.mark.parametrize("path", ["/v1/gp-lookup", "/v1/gp-lookup/batch", "/v1/gp-confirm"])
def test_bodies_that_are_for_the_ordinary_path(both: Both, path: str, body: bytes) -> None:
    assert both.same(request(path, body)).status in {400, 413}


def test_other_methods_targets_and_media_types(both: Both) -> None:
    nin = {"nin": village.LISTED}
    for data in (
        request("/v1/gp-lookup", None),
        request("/v1/gp-lookup", nin, method="PUT"),
        request("/v1/gp-lookup?at=2026-11-24T12:00:00", nin),
        request("/v1/gp-lookup/", nin),
        request("/v1/gp-history", nin),
        request("/v1/her/04000001"),
        request("/v1/her/4000001?at=2026-11-24T12:00:00"),
        request("/v1/her/4000001", None, 'If-None-Match: "x"'),
        request("/v1/her/4000001x"),
        request("/v1/her/"),
        request("/v1/contracts/100"),
        request("/v1/gp-lookup", nin).replace(b"application/json", b"text/plain"),
        request("/v1/gp-lookup", nin).replace(b"application/json", b"application/json;charset=latin-1"),
    ):
        both.same(data)


def test_both_count_the_same(both: Both) -> None:
    counts = []
    for service in both:
        before = metrics(service)
        with Wire(service) as wire:
            for nin in NUMBERS:
                wire.ask(request("/v1/gp-lookup", {"nin": nin}))
                wire.ask(request("/v1/gp-confirm", {"nin": nin, "hprNumber": village.KARI}))
            wire.ask(request("/v1/gp-lookup/batch", {"nins": NUMBERS * 10}))
            for number in (4000001, 4000999):
                wire.ask(request(f"/v1/her/{number}"))
        after = metrics(service)
        counts.append(difference(before, after, "flr_requests_total", "flr_lookups_total", "flr_request_seconds_count"))
    metric = 'flr_requests_total{route="/metrics",status="200"}'
    assert counts[0] == counts[1]
    assert sum(n for name, n in counts[0].items() if name.startswith("flr_requests")) == 2 * len(NUMBERS) + 3 + (
        metric in counts[0]
    )
