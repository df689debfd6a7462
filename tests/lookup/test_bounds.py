"""Compiled readers, given memory that ends where its data ends: cut at every length, they say what the plain twins say.

Behind the data stands a page that nobody may touch, or, where the suite runs under a sanitizer, a red zone. That a
reader which goes there is caught is shown, too: with a piece of memory that claims to be longer than it is.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

import lookup._fast.canonical
import lookup._fast.index
import lookup._fast.question
import lookup._fast.record
import lookup._fast.soap_question
import lookup.canonical
import lookup.index
import lookup.question
import lookup.record
import lookup.soap_question
from lookup.canonical import ROUTES
from lookup.index import Fragment, encode_buckets, encode_fragments
from lookup.record import DAY_MICROS, Membership, Record, encode_bucket, encode_record
from lookup.soap.operations import SOAP12
from tests.lookup.records import outcome
from tests.lookup.wires import request
from tests.memory import Memory, guarded, heap
from tests.service import ROOT
from tests.soap.writers import dot_net

BITS = 16
DAY = 20_000 * DAY_MICROS
PERSON = Record(
    None, True, (Membership(300, DAY, DAY + 1, 1, 2, DAY + 1000, 2**40), Membership(2, 0, DAY, 16, 0, 7, 5))
)
PERSONS = {0x12345: PERSON, 0x12346: Record(alias_of=10**11 - 1), 0x2345: Record()}
PLACE = {row.name: place for place, row in enumerate(ROUTES)}


class Reader(NamedTuple):
    """A reader of both twins, and good data for it."""

    name: str
    data: bytes
    plain: Callable[[Any], Any]
    fast: Callable[[Any], Any]


Read = Callable[[Any, Any], Any]  # (twin, data) -> what it says


def reader(name: str, data: bytes, read: Read, plain: Any, fast: Any) -> Reader:
    return Reader(name, data, lambda block: read(plain, block), lambda block: read(fast, block))


def question(route: str, body: bytes) -> Reader:
    def read(twin: Any, block: Any) -> Any:
        return twin.read_question(PLACE[route], block)

    return reader(f"question of {route}", body, read, lookup.question, lookup._fast.question)


def of_record(name: str, data: bytes, read: Read) -> Reader:
    return reader(name, data, read, lookup.record, lookup._fast.record)


def of_index(name: str, data: bytes, read: Read) -> Reader:
    return reader(name, data, read, lookup.index, lookup._fast.index)


BUCKET = encode_bucket(7, PERSONS.items())
HEAD = request(
    "/v1/gp-confirm", {"nin": "1"}, "traceparent: 00-" + "a" * 32 + "-" + "b" * 16 + "-01", "X-Request-Id: abc"
)
READERS = [
    of_record("record", encode_record(5, PERSON), lambda twin, block: twin.decode_record(block)),
    of_record("alias", encode_record(5, Record(alias_of=3)), lambda twin, block: twin.decode_record(block)),
    *(
        of_record(f"one of a bucket, {rest:x}", BUCKET, lambda twin, block, rest=rest: twin.find(block, 7, rest))
        for rest in (*PERSONS, 0x12344, 0x12347, 0xFFFFFF)
    ),
    of_record("bucket", BUCKET, lambda twin, block: list(twin.decode_bucket(block, 7, BITS))),
    of_index("buckets", encode_buckets(7, [1, 2, 300, 65_535]), lambda twin, block: twin.read_buckets(block, BITS)),
    of_index(
        "fragments",
        encode_fragments(7, [Fragment(0, 5, (), b'{"a":1}'), Fragment(5, DAY, (10, 2**32 - 1), b"{}")]),
        lambda twin, block: twin.read_fragment(block, 5),
    ),
    reader("head", HEAD, lambda twin, block: twin.read_head(block), lookup.canonical, lookup._fast.canonical),
    reader(
        "head without a body",
        request("/v1/her/123456", None, "If-None-Match: x"),
        lambda twin, block: twin.read_head(block),
        lookup.canonical,
        lookup._fast.canonical,
    ),
    question("lookup", b' {"nin" : "01810012381", "at":"2026-11-24T12:00:00.123456"} '),
    question("batch", b'{"nins":["01810012381","\xc3\xa6\xe2\x82\xac\xf0\x9f\x98\x80",""],"at":null}'),
    question("confirm", b'{"nin":"01810012381","hprNumber":123456789}'),
    reader(
        "envelope",
        dot_net(SOAP12, "01810012381").encode(),
        lambda twin, block: twin.read_soap_question(SOAP12, b"", block),
        lookup.soap_question,
        lookup._fast.soap_question,
    ),
    *(
        reader(f"time {i}", text, lambda twin, block: twin.read_at(block), lookup.question, lookup._fast.question)
        for i, text in enumerate((b"2026-11-24T12:00:00.123456Z", b"2026-02-29", b"0001-01-01T00:00:00+01:00"))
    ),
]


@pytest.mark.parametrize("memory", [heap, guarded])
@pytest.mark.parametrize("one", READERS, ids=[one.name for one in READERS])
def test_cut_at_every_length(one: Reader, memory: Memory) -> None:
    for size in range(len(one.data) + 1):
        cut = one.data[:size]
        assert outcome(one.fast, memory(cut)) == outcome(one.plain, cut), size


@pytest.mark.parametrize("memory", [heap, guarded])
@pytest.mark.parametrize("one", READERS, ids=[one.name for one in READERS])
def test_every_octet_changed(one: Reader, memory: Memory) -> None:
    for place in range(len(one.data)):
        for octet in {0, 0x7F, 0x80, 0xFF, one.data[place] ^ 1}:
            changed = one.data[:place] + bytes([octet]) + one.data[place + 1 :]
            assert outcome(one.fast, memory(changed)) == outcome(one.plain, changed), (place, octet)


LIE = """
import lookup._fast.{module} as twin
from tests.memory import {memory}
block = {memory}({data!r}, claimed=1)
{read}
"""
# The octet behind these decides, so that it has to be looked at.
LIARS = [
    ("canonical", "twin.read_head(block)", b"GET /v1/her/1 HTTP/1.1\r\nHost: h\r\n\r"),
    ("record", "list(twin.decode_bucket(block, 7, 16))", BUCKET[:-1]),
    ("question", "twin.read_question(0, block)", b'{"nin":"1"'),
]
SANITIZED = os.environ.get("LOOKUP_BUILD") == "sanitize"


@pytest.mark.parametrize("memory", ["guarded", "heap"] if SANITIZED else ["guarded"])
@pytest.mark.parametrize(("module", "read", "data"), LIARS, ids=[module for module, _, _ in LIARS])
def test_a_reader_that_goes_further_is_caught(module: str, read: str, data: bytes, memory: str) -> None:
    script = LIE.format(module=module, read=read, data=data, memory=memory)
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    if SANITIZED:
        assert "ERROR: AddressSanitizer" in ended.stderr
    else:
        assert ended.returncode == -signal.SIGSEGV
