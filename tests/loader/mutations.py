"""Canonical lines with something done to them: to a byte, a token, or the order of members."""

import json
import random
import re

STRANGE_TIMES = (
    "2020-02-30T00:00:00 2019-02-29T00:00:00 2000-02-29T00:00:00 1900-02-29T00:00:00 0000-01-01T00:00:00 "
    "2020-01-01T24:00:00 2020-01-01T23:59:60 2020-01-01T00:00:00.000000 2020-01-01T00:00:00.1 2020-01-01T00:00:00.12 "
    "2020-01-01T00:00:00.100000 2020-01-01T00:00:00.1234567 2020-01-01T00:00:00Z 2020-01-01 2020-13-01T00:00:00 "
    "9999-12-31T23:59:59.999999 0001-01-01T00:00:00 2020-01-01T00:00:00+00:00 2020-01-01t00:00:00 2020-06-31T00:00:00"
).split()
STRANGE_NUMBERS = (
    "0 00 -0 -1 1 007 1e3 1.0 9007199254740992 9007199254740993 18446744073709551616 2147483648 12 5510".split()
)
STRANGE_TEXTS = [
    "",
    "A\u030a",
    "Å",
    "\u0300",
    "Ễ",
    "\0",
    "\x7f",
    "\\n",
    "\\u0041",
    "\\/",
    '"',
    "x" * 300,
    "\u02ff",
    "NO",
    "1",
    "RES",
]


def strange(kind: str, chance: random.Random) -> bytes:
    return chance.choice({"time": STRANGE_TIMES, "number": STRANGE_NUMBERS, "text": STRANGE_TEXTS}[kind]).encode()


def mutated(line: bytes, chance: random.Random) -> bytes:
    """A canonical line with something done to it: to a byte, a token, or the order of members."""
    at = chance.randrange(len(line))
    kind = chance.randrange(12)
    if kind == 0:
        return line[:at] + line[at + 1 :]
    if kind == 1:
        return line[:at] + bytes([chance.randrange(256)]) + line[at:]
    if kind == 2:
        return line[:at] + bytes([chance.randrange(256)]) + line[at + 1 :]
    if kind == 3:
        return line[:at] + bytes([line[at] ^ 1 << chance.randrange(8)]) + line[at + 1 :]
    if kind == 4:
        return line[:at] + chance.choice([b"", line[chance.randrange(at + 1) :]])
    if kind == 5:
        return line[:at] + chance.choice([b" ", b"\t", b"\r", b"\n", b"0", b"null", b",", b'"', b"\\"]) + line[at:]
    if kind == 6:
        members = list(json.loads(line).items())
        i, j = chance.sample(range(len(members)), 2)
        members[i], members[j] = members[j], members[i]
        return json.dumps(dict(members), ensure_ascii=False, separators=(",", ":")).encode()
    if kind == 7:
        return token_replaced(line, rb'(?<=")[0-9]{4}-[0-9-]+T[0-9:.]+(?=")', "time", chance)
    if kind == 8:
        return token_replaced(line, rb"(?<=:)[0-9]+(?=[,}])", "number", chance)
    if kind == 9:
        return token_replaced(line, rb'(?<=:")[^"]*(?=")', "text", chance)
    if kind == 10:
        return token_replaced(line, rb'(?<=:)(?:null|true|false|"[^"]*"|[0-9]+)', "value", chance)
    return line


def token_replaced(line: bytes, pattern: bytes, kind: str, chance: random.Random) -> bytes:
    found = list(re.finditer(pattern, line))
    if not found:
        return line
    one = chance.choice(found)
    new = chance.choice(found)[0] if kind == "value" else strange(kind, chance)
    return line[: one.start()] + new + line[one.end() :]


def mutated_block(line: bytes, chance: random.Random, lines: int) -> bytes:
    """`lines` mutations of a line, each ended by a line feed; there may be more lines in them."""
    return b"".join(mutated(line, chance) + b"\n" for _ in range(lines))
