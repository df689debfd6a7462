"""Requests as they go over the wire, and the answers they should have, for persons of a real generation."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from bench.generator import Prepared
from bench.lookups import sample
from lookup._fast.index import Index
from lookup.generation import Generation
from lookup.resident import reply
from register.ids import format_national_id

# What a caller behind a gateway sends along: a signed token, the trace it is part of, its own id. Not a real token.
TOKEN = "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9." + "c3ludGhldGlj" * 50 + ".c2lnbmF0dXJl"
KILOBYTE_HEAD = (
    f"Authorization: Bearer {TOKEN}",
    "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "nhn-event-id: 2f1c0c8e-6d55-4a44-9d2c-3f9b7a3e9f10",
    "User-Agent: journal/12.4 (synthetic; benchmark)",
    "Accept: application/json",
    "Accept-Encoding: gzip, deflate",
    "X-Forwarded-For: 192.0.2.17",
    "X-Request-Id: 9d2c3f9b7a3e9f10-2f1c0c8e6d55",
)


class Known(NamedTuple):
    """A person of the register and the body that answers who their GP is."""

    nin: str
    body: bytes

    def __repr__(self) -> str:
        return "<Known>"


def known(generation: Generation, count: int, seed: int, at: int) -> list[Known]:
    """Persons drawn at random from a generation, each once, with their answers at a time."""
    index = generation.index
    assert isinstance(index, Index), "the compiled core is what is measured"
    persons = []
    for nin in dict.fromkeys(sample(index, count, seed)):
        answer = reply(generation, nin, at, withhold=False)
        assert answer is not None
        persons.append(Known(format_national_id(nin), answer.body))
    return persons


def post(path: str, body: bytes, fields: Sequence[str] = ()) -> bytes:
    """A POST of JSON as a plain client writes it, with more fields in its head."""
    head = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", *fields]
    return "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode() + body


def get(path: str) -> bytes:
    """A GET."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def singles(persons: Iterable[Known], fields: Sequence[str] = ()) -> Iterator[Prepared]:
    """One lookup for each person."""
    for person in persons:
        yield Prepared(post("/v1/gp-lookup", b'{"nin":"%s"}' % person.nin.encode(), fields), len(person.body))


def batches(persons: Sequence[Known], size: int) -> Iterator[Prepared]:
    """Lookups of `size` persons at a time."""
    for first in range(0, len(persons) - size + 1, size):
        nins = ",".join(f'"{person.nin}"' for person in persons[first : first + size])
        yield Prepared(post("/v1/gp-lookup/batch", f'{{"nins":[{nins}]}}'.encode()))


def constant(requests: Iterable[Prepared], body_bytes: int) -> Iterator[Prepared]:
    """The same requests to a server whose answer never changes."""
    for request in requests:
        yield Prepared(request.octets, body_bytes)


def patient_lists(contracts: Iterable[int]) -> Iterator[Prepared]:
    """The patient list of each contract, with the patients' particulars."""
    for contract in contracts:
        yield Prepared(get(f"/v1/contracts/{contract}/patients?includePatientData=true"))


def redis_command(*parts: bytes) -> bytes:
    """A command as Redis reads it."""
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


def redis_gets(persons: Iterable[Known]) -> Iterator[Prepared]:
    """GET of each person's answer."""
    for person in persons:
        yield Prepared(redis_command(b"GET", person.nin.encode()), len(person.body))
