"""Streams of requests that have come to harm: octets, lines and framing changed at random, what belongs together cut.

Unlike a departure, a mutation may leave a request canonical; whether it has is not known here.
"""

import random
from collections.abc import Callable

TOKENS = [
    *(b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b"\x0b", b"\x0c", b"\x7f", b"\x80", b"\x85", b"\xa0", b"\xff", b":"),
    *(b"\r\n\r\n", b"\n\n", b"\r\n ", b"\r\n\t", b" :", b",", b";", b"+", b"-", b"0", b"00", b"0x", b"_", b"1e1"),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding:\x0bchunked\r\n", b"transfer-encoding : chunked\r\n"),
    *(
        b"Content-Length: 0\r\n",
        b"Content-Length: 5\r\n",
        b"Content-Length:\r\n",
        b"Content-Length: 18446744073709551617",
    ),
    *(
        b"Host: other\r\n",
        b"Connection: close\r\n",
        b"Connection: Upgrade\r\n",
        b"Upgrade: h2c\r\n",
        b"TE: trailers\r\n",
    ),
    *(
        b"Expect: 100-continue\r\n",
        b"Trailer: x\r\n",
        b"Content-Encoding: gzip\r\n",
        b"If-None-Match: *\r\n",
        b"X:\r\n",
    ),
    *(
        b"0\r\n\r\n",
        b"5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.0",
        b"HTTP/1.1",
        b"HTTP/2.0",
        b"http://localhost",
        b"?",
        b"#",
        b"%20",
    ),
    *(
        b"GET ",
        b"POST ",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"/v1/her/1",
        b"/v1/gp-lookup",
    ),
    *(b"\xef\xbc\x91", b"\xd9\xa1", b"\xc2\xb2", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc0\x80"),
    *(
        b'"',
        b"\\",
        b'\\"',
        b"\\u0030",
        b"{",
        b"}",
        b"[",
        b"]",
        b'"nin":',
        b'"nins":',
        b'"at":',
        b'"hprNumber":',
        b"null",
    ),
    *(b"true", b"1.0", b"-1", b"1e5", b"999999999", b"1000000000", b"4294967297", b"/*x*/", b'"nin":"1",', b'"x":1,'),
]

Mutation = Callable[[random.Random, bytes], bytes]


def _range(chance: random.Random, data: bytes) -> tuple[int, int]:
    start = chance.randint(0, len(data))
    return start, min(len(data), start + chance.choice([1, 1, 2, 4, 16, 64]))


def _flip(chance: random.Random, data: bytes) -> bytes:
    if not data:
        return data
    place = chance.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :]


def _insert(chance: random.Random, data: bytes) -> bytes:
    place = chance.randint(0, len(data))
    return data[:place] + chance.choice(TOKENS) + data[place:]


def _insert_line(chance: random.Random, data: bytes) -> bytes:
    places = [place + 2 for place in range(len(data)) if data.startswith(b"\r\n", place)] or [0]
    place = chance.choice(places)
    return data[:place] + chance.choice(TOKENS) + data[place:]


def _overwrite(chance: random.Random, data: bytes) -> bytes:
    place, token = chance.randint(0, len(data)), chance.choice(TOKENS)
    return data[:place] + token + data[place + len(token) :]


def _delete(chance: random.Random, data: bytes) -> bytes:
    start, end = _range(chance, data)
    return data[:start] + data[end:]


def _double(chance: random.Random, data: bytes) -> bytes:
    start, end = _range(chance, data)
    return data[:end] + data[start:]


def _move(chance: random.Random, data: bytes) -> bytes:
    start, end = _range(chance, data)
    rest, place = data[:start] + data[end:], chance.randint(0, len(data))
    return rest[:place] + data[start:end] + rest[place:]


def _case(chance: random.Random, data: bytes) -> bytes:
    start, end = _range(chance, data)
    return data[:start] + data[start:end].swapcase() + data[end:]


def _lines(change: Callable[[random.Random, list[bytes]], None]) -> Mutation:
    def mutate(chance: random.Random, data: bytes) -> bytes:
        lines = data.split(b"\r\n")
        change(chance, lines)
        return b"\r\n".join(lines)

    return mutate


def _double_line(chance: random.Random, lines: list[bytes]) -> None:
    lines.insert(chance.randint(0, len(lines)), chance.choice(lines))


def _drop_line(chance: random.Random, lines: list[bytes]) -> None:
    del lines[chance.randrange(len(lines))]


def _swap_lines(chance: random.Random, lines: list[bytes]) -> None:
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]


def _number(chance: random.Random, data: bytes) -> bytes:
    """Another number where one stands, often nearly the same."""
    ends = [place for place in range(len(data)) if data[place : place + 1].isdigit()]
    if not ends:
        return data
    start = end = chance.choice(ends)
    while end < len(data) and data[end : end + 1].isdigit():
        end += 1
    number = int(data[start:end][:18])
    other = chance.choice([number + 1, max(0, number - 1), 0, number * 10, 2**31, 2**32 + number, 2**64 + number])
    return data[:start] + b"%d" % other + data[end:]


def _other_line_ends(chance: random.Random, data: bytes) -> bytes:
    return data.replace(b"\r\n", chance.choice([b"\n", b"\r", b"\n\r", b"\r\r\n"]), chance.choice([1, 2, -1]))


MUTATIONS: list[Mutation] = [
    *(
        _flip,
        _insert,
        _insert_line,
        _insert_line,
        _overwrite,
        _delete,
        _double,
        _move,
        _case,
        _number,
        _other_line_ends,
    ),
    *(_lines(change) for change in (_double_line, _drop_line, _swap_lines)),
]


def mutated(chance: random.Random, data: bytes) -> bytes:
    """The stream after one to three mutations."""
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        data = chance.choice(MUTATIONS)(chance, data)
    return data


def spliced(chance: random.Random, one: bytes, other: bytes) -> bytes:
    """The beginning of one stream and the end of another."""
    return one[: chance.randint(0, len(one))] + other[chance.randint(0, len(other)) :]
