"""Heads of requests: what is canonical, what is not, and that both twins say so, however the octets come."""

import random
from itertools import permutations, product
from types import ModuleType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import lookup._fast.canonical
import lookup.canonical
from lookup._fast.canonical import read_in_pieces
from lookup.canonical import FIELDS, MAX_FIELDS, MAX_HEAD_BYTES, MORE, ONCE, OTHER, ROUTES, Head
from tests.wire.departures import DEPARTURES, Departure
from tests.wire.draft import Field, draft, fill

TWINS = pytest.mark.parametrize("twin", [lookup.canonical, lookup._fast.canonical], ids=["plain", "compiled"])
FRESH = range(25)  # seeds of requests that are tried where any request will do
POST = b"POST /v1/gp-lookup HTTP/1.1\r\n"
WANTED = (b"Host: h\r\n", b"Content-Type: application/json\r\n", b"Content-Length: 21\r\n")
TRACE = b"00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"


def posted(*fields: bytes, wanted: tuple[bytes, ...] = WANTED) -> bytes:
    """The head of a lookup with these fields more."""
    return POST + b"".join([*wanted, *(field + b"\r\n" for field in fields)]) + b"\r\n"


def asked(number: bytes) -> bytes:
    return b"GET /v1/her/" + number + b" HTTP/1.1\r\nHost: h\r\n\r\n"


def soap(target: str, media: str, before: bytes = b"", after: bytes = b"") -> bytes:
    """The head of an envelope, with fields before and behind its type."""
    fields = [b"Host: h", before, f"Content-Type: {media}".encode(), after, b"Content-Length: 3"]
    return f"POST {target} HTTP/1.1\r\n".encode() + b"".join(one + b"\r\n" for one in fields if one) + b"\r\n"


NO_CHARSETS = (
    "; charset=latin-1",
    '; charset="utf-8',
    "; charset=utf-8;",
    ";",
    "; charset=utf-8; charset=utf-8",
    "; x=y",
)
NO_CHARSETS += (" charset=utf-8", ";\tcharset=utf-8", '; charset="utf-8"x', "; charset=utf-88", "; charset=", "x")


def accepted(twin: ModuleType, data: bytes) -> Head:
    head = twin.read_head(data)
    assert isinstance(head, Head), data
    return head


@TWINS
class TestCanonical:
    @pytest.mark.parametrize("place", range(len(ROUTES)), ids=[row.name for row in ROUTES])
    def test_every_route(self, twin: ModuleType, place: int) -> None:
        row = ROUTES[place]
        place = next(i for i, one in enumerate(ROUTES) if one.target == row.target)  # what is in an envelope, it says
        body = f"Content-Type: {row.media[0]}\r\nContent-Length: 3\r\n".encode() if row.media else b""
        number = b"77" if row.numbered else b""
        data = f"{row.method} {row.target}".encode() + number + b" HTTP/1.1\r\nHost: h\r\n" + body + b"\r\n"
        expected = Head(place, len(data), 3 if row.media else 0, 77 if row.numbered else 0, b"", b"")
        assert accepted(twin, data) == expected
        assert accepted(twin, data + b"what follows is not looked at\0") == expected

    @pytest.mark.parametrize(
        ("target", "media", "action"),
        [
            ("/v2/flr/Basic", "text/xml", b""),
            ("/v2/flr/Basic", "TEXT/xml;charset=UTF-8", b""),
            ("/v2/flr/Basic", 'text/xml ; Charset="utf-8"', b""),
            ("/v2/flr", "application/soap+xml", b""),
            ("/v2/flr", "application/soap+xml; charset=utf-8", b""),
            ("/v2/flr", 'application/soap+xml; action="urn:x/Y"', b"urn:x/Y"),
            ("/v2/flr", 'application/soap+xml;charset="utf-8";action=""', b""),
            ("/v2/flr", 'Application/SOAP+xml; ACTION="x#y" ; charset=utf-8', b"x#y"),
        ],
    )
    def test_envelopes(self, twin: ModuleType, target: str, media: str, action: bytes) -> None:
        head = accepted(twin, soap(target, media))
        assert (ROUTES[head.route].target, head.action) == (target, action)
        for before, after in ((b'SOAPAction: "x"', b""), (b"", b'soapaction: "x"')):
            head = accepted(twin, soap(target, media, before, after))
            assert head.action == (b'"x"' if target == "/v2/flr/Basic" else action)

    @pytest.mark.parametrize(
        ("target", "media"),
        [
            *(("/v2/flr/Basic", f"text/xml{more}") for more in NO_CHARSETS),
            *(("/v2/flr", f"application/soap+xml{more}") for more in NO_CHARSETS),
            ("/v2/flr/Basic", "application/soap+xml"),
            ("/v2/flr/Basic", 'text/xml; action="x"'),
            ("/v2/flr/Basic", "application/json"),
            ("/v2/flr", "text/xml"),
            *(
                ("/v2/flr", f"application/soap+xml; action={action}")
                for action in ("x", '"x', 'x"', '"a b"', '"a;b"', '"a\\b"', '"a"b', '"x"; action="x"', '"x";', "")
            ),
            ("/v2/flr", 'application/soap+xml; charset=utf-8; action="x"; charset=utf-8'),
            ("/v1/gp-lookup", "text/xml"),
        ],
    )
    def test_what_is_no_envelope(self, twin: ModuleType, target: str, media: str) -> None:
        assert twin.read_head(soap(target, media)) == OTHER

    def test_an_action_comes_once(self, twin: ModuleType) -> None:
        assert twin.read_head(soap("/v2/flr/Basic", "text/xml", b"SOAPAction: x", b"SOAPAction: x")) == OTHER

    def test_fields_in_any_order(self, twin: ModuleType) -> None:
        for order in permutations([*WANTED, b"X: y\r\n", b"Connection: keep-alive\r\n"]):
            assert accepted(twin, posted(wanted=order)).length == 21

    def test_names_in_any_case(self, twin: ModuleType) -> None:
        for change in (bytes.upper, bytes.lower, bytes.swapcase):
            lines = tuple(change(name) + b":" + value for name, _, value in (line.partition(b":") for line in WANTED))
            assert accepted(twin, posted(wanted=lines)).length == 21
        assert accepted(twin, posted(b"CONNECTION: Keep-Alive", b"TraceParent: " + TRACE)).trace == TRACE

    @pytest.mark.parametrize("blanks", [b"", b" ", b"\t", b" \t \t "])
    def test_blanks_before_a_value(self, twin: ModuleType, blanks: bytes) -> None:
        lines = tuple(line.replace(b": ", b":" + blanks) for line in WANTED)
        head = accepted(twin, posted(b"traceparent:" + blanks + TRACE, b"X:" + blanks, wanted=lines))
        assert (head.length, head.trace) == (21, TRACE)

    @pytest.mark.parametrize("value", [b"y ", b"y\t", b"", b" ", b"\t \t", b"a\tb  c \t", b"!~", b'"\\,;()'])
    def test_fields_of_no_meaning_may_have_any_value(self, twin: ModuleType, value: bytes) -> None:
        assert accepted(twin, posted(b"X:" + value)).length == 21

    def test_names_of_every_token_character(self, twin: ModuleType) -> None:
        assert accepted(twin, posted(b"!#$%&'*+-.^_`|~0189AZaz: y", b"Hostx: y", b"Hos: y", b"x" * 200 + b": y")).length

    @pytest.mark.parametrize(
        "media",
        [
            b"application/json",
            b"APPLICATION/json",
            b"application/json;charset=utf-8",
            b"application/json; charset=UTF-8",
            b'application/json ; Charset="utf-8"',
            b"application/json  ;  charset=utf-8",
        ],
    )
    def test_every_form_of_the_media_type(self, twin: ModuleType, media: bytes) -> None:
        lines = (WANTED[0], b"Content-Type: " + media + b"\r\n", WANTED[2])
        assert accepted(twin, posted(wanted=lines)).length == 21

    @pytest.mark.parametrize("host", [b"localhost:8080", b"[::1]:80", b"10.0.0.1", b"A.no", b"a_b", b"h" * 255, b"0"])
    def test_hosts(self, twin: ModuleType, host: bytes) -> None:
        assert accepted(twin, posted(wanted=(b"Host: " + host + b"\r\n", *WANTED[1:]))).length == 21

    @pytest.mark.parametrize("length", [0, 1, 9, 10, 4096, 65536, 999_999, 1_000_000, 9_999_999])
    def test_lengths(self, twin: ModuleType, length: int) -> None:
        lines = (*WANTED[:2], b"Content-Length: %d\r\n" % length)
        assert accepted(twin, posted(wanted=lines)).length == length

    @pytest.mark.parametrize("number", [1, 9, 10, 4_657_988, 2**31 - 1, 2**31, 2**32, 2**32 + 1, 9_999_999_999])
    def test_numbers(self, twin: ModuleType, number: int) -> None:
        assert accepted(twin, asked(b"%d" % number)).number == number

    def test_each_field_of_who_asks_may_come_once(self, twin: ModuleType) -> None:
        fields = [name for name, kind in FIELDS.items() if kind == ONCE]
        assert fields
        assert accepted(twin, posted(*(name + b": some one" for name in fields))).length == 21
        assert accepted(twin, posted(*(name + b":" for name in fields))).length == 21

    @pytest.mark.parametrize("value", [b"Basic YTpi", b"x", b""])
    @pytest.mark.parametrize(
        ("name", "member"),
        [
            (b"Authorization", "credential"),
            (b"dPoP", "proof"),
            (b"Client-Cert", "client_cert"),
            (b"X-SSL-Client-Cert", "ssl_client_cert"),
        ],
    )
    def test_who_asks_is_kept_as_it_came(self, twin: ModuleType, name: bytes, member: str, value: bytes) -> None:
        head = accepted(twin, posted(name + b": \t" + value))
        told = {one: getattr(head, one) for one in ("credential", "proof", "client_cert", "ssl_client_cert")}
        assert told == {**dict.fromkeys(told), member: value}
        assert twin.read_head(posted(name + b": " + value, name + b": " + value)) == OTHER

    def test_64_fields(self, twin: ModuleType) -> None:
        more = [b"x%d: y" % n for n in range(MAX_FIELDS - 3)]
        assert accepted(twin, posted(*more)).length == 21
        assert twin.read_head(posted(*more, b"x: y")) == OTHER

    def test_8192_octets(self, twin: ModuleType) -> None:
        room = MAX_HEAD_BYTES - len(posted(b"x: "))
        assert accepted(twin, posted(b"x: " + b"y" * room)).size == MAX_HEAD_BYTES
        assert twin.read_head(posted(b"x: " + b"y" * (room + 1))) == OTHER

    def test_a_head_that_does_not_end_is_given_up(self, twin: ModuleType) -> None:
        begun = posted(b"x: ")[:-4]
        assert twin.read_head(begun + b"y" * (MAX_HEAD_BYTES - len(begun))) == MORE
        assert twin.read_head(begun + b"y" * (MAX_HEAD_BYTES - len(begun) + 1)) == OTHER

    @pytest.mark.parametrize(
        ("value", "returned"),
        [
            (TRACE, True),
            (TRACE.upper(), False),
            (TRACE[:-1], False),
            (TRACE + b"0", False),
            (TRACE.replace(b"-", b"_"), False),
            (TRACE.replace(b"a", b"g"), False),
            (b"", False),
        ],
    )
    def test_what_is_returned_as_a_trace(self, twin: ModuleType, value: bytes, returned: bool) -> None:
        assert accepted(twin, posted(b"traceparent: " + value)).trace == (value if returned else b"")

    @pytest.mark.parametrize(
        ("value", "returned"),
        [(b"e", True), (b"!~" * 64, True), (b"e" * 129, False), (b"e e", False), (b"e\te", False), (b"", False)],
    )
    def test_what_is_returned_as_an_event(self, twin: ModuleType, value: bytes, returned: bool) -> None:
        assert accepted(twin, posted(b"nhn-event-id: " + value)).event == (value if returned else b"")

    def test_a_head_shows_no_content(self, twin: ModuleType) -> None:
        assert repr(accepted(twin, asked(b"77"))) == "<Head>"

    @pytest.mark.parametrize("seed", FRESH)
    def test_any_canonical_request(self, twin: ModuleType, seed: int) -> None:
        new = draft(random.Random(seed))
        head = accepted(twin, new.octets())
        assert (head.route, head.length, head.number) == (new.route, len(new.body), new.number)
        assert head.size == len(new.octets()) - len(new.body)

    @pytest.mark.parametrize("seed", FRESH)
    def test_the_beginning_of_a_canonical_head_may_become_one(self, twin: ModuleType, seed: int) -> None:
        new = draft(random.Random(seed))
        octets = new.octets()
        for size in range(0, len(octets) - len(new.body), 1 if len(octets) < 1000 else 97):
            assert twin.read_head(octets[:size]) == MORE, octets[:size]


@TWINS
@pytest.mark.parametrize("departure", DEPARTURES, ids=[departure.name for departure in DEPARTURES])
def test_a_departure_is_for_the_ordinary_server(twin: ModuleType, departure: Departure) -> None:
    for seed in FRESH:
        data = departure.of(random.Random(seed))
        assert twin.read_head(data + b"more") == OTHER, data
        assert not isinstance(twin.read_head(data), Head)


def test_departures_have_names_of_their_own() -> None:
    names = [departure.name for departure in DEPARTURES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("seed", FRESH)
def test_a_head_split_in_two_anywhere_is_the_head_that_came_whole(seed: int) -> None:
    octets = draft(random.Random(seed)).octets()
    whole = lookup.canonical.read_head(octets)
    assert isinstance(whole, Head)
    for at in range(len(octets) + 1):
        assert read_in_pieces([octets[:at], octets[at:]]) == whole
    assert read_in_pieces([octets[i : i + 1] for i in range(whole.size)]) == whole
    assert read_in_pieces([octets[i : i + 1] for i in range(whole.size - 1)]) == MORE
    assert read_in_pieces([b"", octets[: whole.size], b"not looked at"]) == whole


def test_the_longest_head_octet_by_octet() -> None:
    new = draft(random.Random(1), body=True)
    fill(random.Random(2), new, MAX_HEAD_BYTES)
    octets = new.octets()
    assert read_in_pieces([octets[i : i + 1] for i in range(len(octets))]) == lookup.canonical.read_head(octets)
    new.fields.append(Field("x", "y"))
    octets = new.octets()
    assert read_in_pieces([octets[i : i + 1] for i in range(len(octets))]) == OTHER


# Parts that heads of requests, and things nearly like them, are put together from.
LINES = st.sampled_from(
    [
        *(POST, b"GET /v1/her/", b"GET /v1/her/4000001 HTTP/1.1\r\n", b"POST /v1/gp-confirm HTTP/1.1\r\n"),
        *(b"POST /v1/gp-lookup/batch HTTP/1.1\r\n", b"POST /v1/gp-lookup HTTP/1.0\r\n", b"GET /v1/her/0"),
    ]
)
NAMES = st.sampled_from(
    [*FIELDS, *(name.title() for name in FIELDS), b"x", b"", b"accept", b"host ", b" host", b"h\xff"]
)
VALUES = st.one_of(
    st.sampled_from(
        [
            *(b"h", b"5", b"05", b"application/json", b'application/json; charset="utf-8', b"keep-alive", b"close"),
            *(TRACE, b"", b"9999999", b"10000000", b"e" * 128, b"e" * 129, b"h" * 255, b"h" * 256),
        ]
    ),
    st.binary(max_size=6),
)
BLANKS = st.sampled_from([b"", b" ", b"\t", b"  "])
ENDS = st.sampled_from([b"\r\n"] * 8 + [b"\n", b"\r", b"\r\r\n", b"\r\n ", b""])
FIELD_LINES = st.builds(
    lambda *parts: b"".join(parts), NAMES, st.sampled_from([b":", b":", b" :", b""]), BLANKS, VALUES, BLANKS, ENDS
)
GOOD_LINES = st.builds(
    lambda name, before, value: name + b":" + before + value + b"\r\n",
    st.sampled_from([b"x", b"Cookie", b"TraceParent", b"nhn-event-id", b"host-"]),
    BLANKS,
    st.sampled_from([b"", b"y", TRACE, b"e" * 128, b"a\tb"]),
)
HEADS = st.builds(
    lambda line, some, more, end, rest: line + b"".join([*some, *more]) + end + rest,
    st.one_of(st.just(POST), LINES, st.binary(max_size=12)),
    st.sampled_from([WANTED, WANTED, WANTED[:1], WANTED[:2], WANTED[1:]]),
    st.one_of(st.lists(GOOD_LINES, max_size=3), st.lists(st.one_of(GOOD_LINES, FIELD_LINES), max_size=3)),
    st.sampled_from([b"\r\n", b"\r\n", b"\n", b"\r", b""]),
    st.binary(max_size=3),
)


@given(data=HEADS)
@example(data=b"")
@example(data=b"\r\n")
@example(data=POST[:-1])
@example(data=asked(b"") + b"x")
@example(data=b"GET /v1/her/1 HTTP/1.1 HTTP/1.1\r\nHost: h\r\n\r\n")
@example(data=posted(b"x: " + b" " * 2000 + b"\x80"))
def test_the_twins_agree(data: bytes) -> None:
    whole = lookup.canonical.read_head(data)
    assert lookup._fast.canonical.read_head(data) == whole
    assert read_in_pieces([data]) == whole
    assert read_in_pieces([data[i : i + 1] for i in range(len(data))]) == whole


@given(data=st.binary(max_size=40), seed=st.integers(0, 99))
def test_the_twins_agree_on_any_octets_in_a_canonical_head(data: bytes, seed: int) -> None:
    octets = draft(random.Random(seed)).octets()
    for at, over in product((0, 20, 40, len(octets) // 2), (0, len(data))):
        changed = octets[:at] + data + octets[at + over :]
        assert lookup._fast.canonical.read_head(changed) == lookup.canonical.read_head(changed)
        assert read_in_pieces([changed[:at], changed[at:]]) == lookup.canonical.read_head(changed)
