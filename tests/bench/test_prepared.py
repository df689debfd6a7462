"""Requests as they are prepared: whole, and right for those they ask about."""

import json
from pathlib import Path

import httptools
import pytest

from bench.generator import ANY_LENGTH, Prepared, write_requests
from bench.prepared import (
    KILOBYTE_HEAD,
    Known,
    batches,
    constant,
    get,
    known,
    patient_lists,
    post,
    redis_command,
    redis_gets,
    singles,
)
from lookup.generation import Generation, open_generation
from lookup.resident import reply
from register.localtime import parse_at
from tests.lookup import village

PERSONS = [Known(f"8000000000{digit}", b"{}" + b" " * digit) for digit in range(7)]
AT = parse_at("2026-11-23T10:00:00")


class Heard:
    """What a strict parser makes of one request."""

    def __init__(self, octets: bytes) -> None:
        self.fields: dict[str, str] = {}
        self.body, self.url, self.whole = b"", b"", 0
        parser = httptools.HttpRequestParser(self)
        parser.feed_data(octets)
        self.method = parser.get_method().decode()

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        assert self.fields.setdefault(name.decode().lower(), value.decode()) == value.decode()

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.whole += 1


@pytest.mark.parametrize("fields", [(), KILOBYTE_HEAD])
def test_singles_are_whole_requests(fields: tuple[str, ...]) -> None:
    requests = list(singles(PERSONS, fields))
    assert [request.answer_bytes for request in requests] == [len(person.body) for person in PERSONS]
    for request, person in zip(requests, PERSONS, strict=True):
        heard = Heard(request.octets)
        assert (heard.method, heard.url, heard.whole) == ("POST", b"/v1/gp-lookup", 1)
        assert json.loads(heard.body) == {"nin": person.nin}
        assert int(heard.fields["content-length"]) == len(heard.body)


def test_the_large_head_has_a_kilobyte() -> None:
    head, _, _ = next(singles(PERSONS, KILOBYTE_HEAD)).octets.partition(b"\r\n\r\n")
    assert 1000 <= len(head) <= 1300


def test_batches_hold_so_many_each() -> None:
    asked = [json.loads(Heard(request.octets).body)["nins"] for request in batches(PERSONS, 3)]
    assert asked == [[person.nin for person in PERSONS[:3]], [person.nin for person in PERSONS[3:6]]]


def test_a_constant_is_asked_the_same() -> None:
    plain = list(singles(PERSONS))
    assert list(constant(plain, 77)) == [Prepared(request.octets, 77) for request in plain]


def test_lists_are_asked_by_contract() -> None:
    heard = [Heard(request.octets) for request in patient_lists([7, 12])]
    assert [one.url for one in heard] == [
        b"/v1/contracts/7/patients?includePatientData=true",
        b"/v1/contracts/12/patients?includePatientData=true",
    ]
    assert {(one.method, one.whole, one.body) for one in heard} == {("GET", 1, b"")}
    assert Heard(get("/x")).url == b"/x"
    assert Heard(post("/x", b"{}")).body == b"{}"


def test_redis_commands_are_bulk_strings() -> None:
    assert redis_command(b"SET", b"k", b"v\r\nw") == b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\nv\r\nw\r\n"
    gets = list(redis_gets(PERSONS))
    assert gets[2] == Prepared(b"*2\r\n$3\r\nGET\r\n$11\r\n80000000002\r\n", 4)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Generation:
    return open_generation(village.generation(tmp_path_factory.mktemp("village")))


def test_known_persons_have_the_answers_of_the_register(opened: Generation) -> None:
    persons = known(opened, 50_000, 3, AT)
    assert len({person.nin for person in persons}) == len(persons) > 3
    for person in persons:
        answer = reply(opened, int(person.nin), AT, withhold=False)
        assert answer is not None
        assert person.body == answer.body
    assert persons == known(opened, 50_000, 3, AT)
    assert persons[0].nin not in repr(persons)


def test_a_file_holds_lengths_and_octets(tmp_path: Path) -> None:
    path = write_requests(tmp_path / "file", [Prepared(b"abc", 5), Prepared(b"d")])
    assert path.read_bytes() == b"\3\0\0\0\5\0\0\0abc\1\0\0\0\xff\xff\xff\xffd"
    assert ANY_LENGTH == 0xFFFFFFFF
