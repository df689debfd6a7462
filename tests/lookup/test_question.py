"""Bodies that the compiled path reads itself: both twins, and what the ordinary path (msgspec) makes of the same."""

import json
import random
from itertools import permutations
from types import ModuleType
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import lookup._fast.question
import lookup.question
from lookup.canonical import ROUTES
from lookup.question import MAX_NUMBERS, Question
from lookup.rest.asking import GpConfirm, GpLookup, GpLookupBatch
from tests.wire.draft import JSON_TEXT, draft

TWINS = pytest.mark.parametrize("twin", [lookup.question, lookup._fast.question], ids=["plain", "compiled"])
PLACE = {row.name: place for place, row in enumerate(ROUTES)}
TYPES: dict[str, type] = {"lookup": GpLookup, "batch": GpLookupBatch, "confirm": GpConfirm}
NIN = "01810012381"


def question(*nins: str, at: str | None = None, hpr_number: int = 0) -> Question:
    return Question(tuple(nin.encode() for nin in nins), None if at is None else at.encode(), hpr_number)


def ordinary(name: str, body: bytes) -> Question | None:
    """The question that the ordinary path reads in a body; None for a body that it refuses."""
    try:
        asked: Any = msgspec.json.decode(body, type=TYPES[name])
    except (msgspec.DecodeError, UnicodeError):
        return None
    nins = asked.nins if name == "batch" else [asked.nin]
    return question(*nins, at=asked.at, hpr_number=getattr(asked, "hpr_number", 0))


@TWINS
class TestQuestion:
    @pytest.mark.parametrize(
        ("name", "body", "expected"),
        [
            ("lookup", b'{"nin":"01810012381"}', question(NIN)),
            ("lookup", b'{"nin":""}', question("")),
            ("lookup", b'{"nin":"01810012381","at":null}', question(NIN)),
            ("lookup", b'{"at":"2026-11-24T12:00:00","nin":"x"}', question("x", at="2026-11-24T12:00:00")),
            ("lookup", b'{"nin":"x","at":""}', question("x", at="")),
            ("lookup", b'\r\n\t {\n"nin"\t:\r"x"\n,  "at" :\nnull }\r\n ', question("x")),
            ("lookup", f'{{"nin":{json.dumps(JSON_TEXT)}}}'.encode(), question(JSON_TEXT)),
            ("batch", b'{"nins":[]}', question()),
            ("batch", b'{"nins":[ ]}', question()),
            ("batch", b'{"nins":["x"]}', question("x")),
            ("batch", b'{ "nins" : [ "x" , "y"\n,\t"x" ] , "at" : "z" }', question("x", "y", "x", at="z")),
            ("batch", b'{"nins":["]",",","{"]}', question("]", ",", "{")),
            ("confirm", b'{"nin":"x","hprNumber":1}', question("x", hpr_number=1)),
            ("confirm", b'{"hprNumber" : 999999999 , "nin":"x"}', question("x", hpr_number=999_999_999)),
            ("confirm", b'{"nin":"x","at":"y","hprNumber":42\n}', question("x", at="y", hpr_number=42)),
        ],
    )
    def test_what_a_canonical_body_asks(self, twin: ModuleType, name: str, body: bytes, expected: Question) -> None:
        assert twin.read_question(PLACE[name], body) == expected
        assert ordinary(name, body) == expected
        for size in range(len(body.rstrip())):
            assert twin.read_question(PLACE[name], body[:size]) is None

    def test_members_in_any_order(self, twin: ModuleType) -> None:
        for order in permutations(['"nin":"x"', '"hprNumber":7', '"at":"y"']):
            body = f"{{{','.join(order)}}}".encode()
            assert twin.read_question(PLACE["confirm"], body) == question("x", at="y", hpr_number=7)

    def test_a_thousand_numbers_and_no_more(self, twin: ModuleType) -> None:
        nins = [f"{n:011}" for n in range(MAX_NUMBERS)]
        body = json.dumps({"nins": nins}).encode()
        assert twin.read_question(PLACE["batch"], body) == question(*nins)
        assert twin.read_question(PLACE["batch"], json.dumps({"nins": [*nins, ""]}).encode()) is None

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b" ",
            b"{}",
            b"[]",
            b'"nin"',
            b"null",
            b'{"at":null}',  # without what is asked about
            b'{"nin":"x"',
            b'{"nin":"x",}',
            b'{,"nin":"x"}',
            b'{"nin":"x" "at":null}',
            b'{"nin" "x"}',
            b'{"nin"::"x"}',
            b'{"nin":"x"}}',
            b'{"nin":"x"} x',
            b'{"nin":"x"}{"nin":"y"}',
            b'{"nin":"x"}\0',
            b'\xef\xbb\xbf{"nin":"x"}',  # a byte order mark
            b'{"nin":"x"}\x0c',  # blanks of other languages
            b'\x0b{"nin":"x"}',
            b'\xa0{"nin":"x"}',
            b'{"nin":"x","nin":"x"}',  # a member twice
            b'{"nin":"x","at":null,"at":null}',
            b'{"nin":"x","at":null,"at":"y"}',
            b'{"nin":"x","other":1}',  # a member of none, or of another route
            b'{"nin":"x","":1}',
            b'{"nin":"x","nins":[]}',
            b'{"nin":"x","hprNumber":1}',
            b'{"Nin":"x"}',
            b'{"nin ":"x"}',
            b'{"ni":"x"}',
            b'{nin:"x"}',
            b"{'nin':'x'}",
            b'{"nin":x}',
            b'{"nin":null}',
            b'{"nin":1}',
            b'{"nin":true}',
            b'{"nin":["x"]}',
            b'{"nin":{"x":"y"}}',
            b'{"nin":"x}',
            b'{"nin":"\\u0030"}',  # escapes, also in a name
            b'{"nin":"\\n"}',
            b'{"nin":"\\""}',
            b'{"\\u006ein":"x"}',
            b'{"n\\u0069n":"x"}',
            b'{"nin":"a\tb"}',  # control characters, and octets of no ASCII
            b'{"nin":"a\nb"}',
            b'{"nin":"a\0b"}',
            b'{"nin":"a\x7fb"}',
            b'{"nin":"\xc3\xb8"}',
            b'{"nin":"\xff"}',
            b'{"nin":"\xef\xbc\x91"}',
            b'{"nin":"x","at":nul}',
            b'{"nin":"x","at":nullx}',
            b'{"nin":"x","at":NULL}',
            b'{"nin":"x","at":false}',
            b'{"nin":"x","at":0}',
            b'{"nin":"x","at":["y"]}',
            b'/* */{"nin":"x"}',
            b'{"nin":"x"//\n}',
        ],
    )
    def test_departures_of_a_lookup(self, twin: ModuleType, body: bytes) -> None:
        assert twin.read_question(PLACE["lookup"], body) is None

    @pytest.mark.parametrize(
        "nins",
        [
            *("", "x", '"x"', "null", "1", "{}", "[", "]", "[,]", '["x",]', '[,"x"]', '["x""y"]', '["x" "y"]', "[x]"),
            *(
                "[1]",
                "[null]",
                '["x",1]',
                '["x",null]',
                '[["x"]]',
                '["x"',
                '["x"]]',
                '["\\u0030"]',
                '["x";"y"]',
                "[\x0c]",
            ),
        ],
    )
    def test_departures_of_a_batch(self, twin: ModuleType, nins: str) -> None:
        assert twin.read_question(PLACE["batch"], f'{{"nins":{nins}}}'.encode()) is None

    @pytest.mark.parametrize(
        "number",
        [
            *(
                "",
                "0",
                "00",
                "01",
                "-1",
                "+1",
                "1.0",
                "1.",
                ".1",
                "1e0",
                "1E2",
                "1e",
                "1-",
                "1+",
                "1000000000",
                "0x1",
                "1_0",
            ),
            *(
                "true",
                "null",
                '"1"',
                "[1]",
                "1 2",
                "1x",
                "4294967297",
                "18446744073709551617",
                "1" * 400,
                "١",
                "１",
                "²",
            ),
        ],
    )
    def test_departures_of_a_confirmation(self, twin: ModuleType, number: str) -> None:
        for body in (f'{{"nin":"x","hprNumber":{number}}}', f'{{"hprNumber":{number},"nin":"x"}}'):
            assert twin.read_question(PLACE["confirm"], body.encode()) is None

    def test_a_member_that_is_wanted(self, twin: ModuleType) -> None:
        for name, members in (("batch", '"at":null'), ("confirm", '"nin":"x"'), ("confirm", '"hprNumber":1,"at":null')):
            assert twin.read_question(PLACE[name], f"{{{members}}}".encode()) is None

    def test_a_route_without_a_body_has_no_question(self, twin: ModuleType) -> None:
        for body in (b"", b"{}", b'{"nin":"x"}', b'{"at":null}'):
            assert twin.read_question(PLACE["her"], body) is None

    def test_a_question_shows_no_content(self, twin: ModuleType) -> None:
        assert repr(twin.read_question(PLACE["lookup"], b'{"nin":"01810012381"}')) == "<Question>"

    @pytest.mark.parametrize("seed", range(200))
    def test_any_canonical_body(self, twin: ModuleType, seed: int) -> None:
        new = draft(random.Random(seed), body=True)
        asked: dict[str, Any] = new.question
        nins = asked.get("nins", [asked.get("nin")])
        expected = question(*nins, at=asked.get("at"), hpr_number=asked.get("hprNumber", 0))
        assert twin.read_question(new.route, new.body) == expected == ordinary(ROUTES[new.route].name, new.body)


# Parts that bodies, and things nearly like them, are put together from.
PARTS = st.sampled_from(
    [
        *(
            '{"nin":"x"',
            '{"nins":["x"',
            ',"at":"2026-11-24T12:00:00"',
            ',"hprNumber":7',
            '"nin":"x"',
            "{",
            "}",
            "[",
            "]",
            ":",
        ),
        *(
            '"',
            '"nin"',
            '"nins"',
            '"at"',
            '"hprNumber"',
            ",",
            " ",
            "\n",
            "\t\r",
            "null",
            "1",
            "0",
            "123456789",
            "-",
            ".5",
            "e",
        ),
        *("\\", "\\u0030", "x", "\0", "\x7f", "ø", '"x"', '"y",', '["x","y"]', "true"),
    ]
)
BODIES = st.one_of(
    st.lists(PARTS, max_size=12).map(lambda parts: "".join(parts).encode()),
    st.lists(PARTS, max_size=6).map(lambda parts: f'{{"nin":"x"{"".join(parts)}}}'.encode()),
    st.lists(PARTS, max_size=6).map(lambda parts: f'{{"nins":[{"".join(parts)}]}}'.encode()),
    st.binary(max_size=20),
)


@given(body=BODIES, name=st.sampled_from(sorted(TYPES)))
@example(body=b'{"nin":"x","hprNumber":1234567890}', name="confirm")
def test_the_twins_agree_and_accept_nothing_that_the_ordinary_path_reads_otherwise(body: bytes, name: str) -> None:
    plain = lookup.question.read_question(PLACE[name], body)
    assert lookup._fast.question.read_question(PLACE[name], body) == plain
    if plain is not None:
        assert ordinary(name, body) == plain


@given(seed=st.integers(0, 2**32), data=st.binary(max_size=4), at=st.floats(0, 1), over=st.integers(0, 4))
def test_the_twins_agree_on_a_body_that_came_to_harm(seed: int, data: bytes, at: float, over: int) -> None:
    new = draft(random.Random(seed), body=True)
    place = int(at * len(new.body))
    body = new.body[:place] + data + new.body[place + over :]
    plain = lookup.question.read_question(new.route, body)
    assert lookup._fast.question.read_question(new.route, body) == plain
    if plain is not None:
        assert ordinary(ROUTES[new.route].name, body) == plain
