"""What the callers of a load test ask, and what an answer must be like: everything but the loading itself.

Numbers are synthetic, always, and are refused where they are not. A verdict says what came of a question in one word,
and what is wrong with the answer, if anything, in words that hold nothing of the question or the answer.
"""

import io
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import msgspec
import zstandard

from register.feed import MANIFEST, Manifest
from register.ids import Series, control_digits, is_national_id, series
from register.model import Person, Record

MOST_NUMBERS = 200_000
SHOWN = {"status", "herId", "gp", "sharedWith", "substitutes", "contract", "office", "membership"}
LISTS = ("sharedWith", "substitutes")
PLACE = ("contract", "office", "membership")
R = TypeVar("R", bound=Record)
WORD = re.compile(r"urn:flr:problem:([a-z-]{1,30})")


class NotSynthetic(ValueError):
    """A number to ask about that may be a real person's, or is no number; says where it stands, never what it is."""


class Verdict(NamedTuple):
    """What came of a question, and what is wrong with the answer."""

    outcome: str
    wrong: str | None = None


def read_numbers(source: Path, most: int = MOST_NUMBERS) -> list[str]:
    """National ids of a feed folder or of a file with one a line: all, or a random `most` of them, in random order.

    Raises NotSynthetic, and ValueError when there are none.
    """
    chance = random.Random(1)
    kept: list[str] = []
    for place, nin in enumerate(_numbers_of(source), 1):
        if not is_national_id(nin) or series(nin) is Series.REAL:
            raise NotSynthetic(f"number {place} of {source} is not a synthetic national id")
        if len(kept) < most:
            kept.append(nin)
        elif (at := chance.randrange(place)) < most:
            kept[at] = nin
    if not kept:
        raise ValueError(f"{source} holds no numbers")
    chance.shuffle(kept)
    return kept


def records(feed: Path, table: str, kind: type[R]) -> Iterator[R]:
    """The records of one table of a feed, one by one."""
    manifest = msgspec.json.decode((feed / MANIFEST).read_bytes(), type=Manifest)
    decoder = msgspec.json.Decoder(kind)
    for entry in manifest.files:
        if entry.table != table:
            continue
        path = feed / entry.name
        with path.open("rb") as file:
            plain = zstandard.ZstdDecompressor().stream_reader(file) if path.suffix == ".zst" else file
            with io.BufferedReader(cast("io.RawIOBase", plain), 1 << 20) as lines:
                yield from map(decoder.decode, lines)


def _numbers_of(source: Path) -> Iterator[str]:
    if source.is_dir():
        yield from (person.nin for person in records(source, "persons", Person))
        return
    with source.open() as file:
        yield from filter(None, map(str.strip, file))


def made_up(chance: random.Random) -> str:
    """A valid number of the +80 series, hardly anybody's."""
    while True:
        nine = f"{chance.randint(1, 28):02d}{chance.randint(81, 92)}{chance.randrange(100_000):05d}"
        digits = control_digits(nine)
        if digits is not None:
            return nine + digits


def mistyped(nin: str, chance: random.Random) -> str:
    """The number with another last digit, which no rule of control digits admits."""
    return nin[:-1] + str((int(nin[-1]) + chance.randint(1, 9)) % 10)


def of_lookup(status: int, body: bytes, valid: bool) -> Verdict:
    """The verdict on an answer of gp-lookup; `valid` is whether the number asked for was one."""
    if status != 200 or not valid:
        return _of_problem(status, body, "unknown-person" if valid else "invalid-nin")
    answer = _read(body)
    return Verdict(_outcome(answer), _wrong_with(answer, SHOWN))


def of_batch(status: int, body: bytes, asked: Sequence[str], valid: Sequence[bool]) -> Verdict:
    """The verdict on an answer of gp-lookup/batch: as many results, each in its place."""
    if status != 200:
        return _of_problem(status, body)
    answer = _read(body)
    if answer.keys() != {"generation", "results"} or not isinstance(answer["results"], list):
        return Verdict("?", "not the members of a batch")
    if len(answer["results"]) != len(asked):
        return Verdict("?", "not as many results as numbers")
    wrongs = map(_wrong_with_result, answer["results"], asked, valid)
    return Verdict("batch", next(filter(None, wrongs), None))


def of_confirm(status: int, body: bytes) -> Verdict:
    """The verdict on an answer of gp-confirm."""
    if status != 200:
        return _of_problem(status, body, "unknown-person")
    answer = _read(body)
    if answer.keys() != {"confirmed"} or not isinstance(answer["confirmed"], bool):
        return Verdict("?", "not the members of a confirmation")
    return Verdict("confirmed" if answer["confirmed"] else "not-confirmed")


def told_by(body: bytes) -> tuple[int | None, list[int]]:
    """The HPR number of the GP in an answer of gp-lookup, and the HER-IDs in it."""
    answer = _read(body)
    told = [answer.get("gp") or {}, answer.get("office") or {}]
    return told[0].get("hprNumber"), [part["herId"] for part in told if part.get("herId")]


def of_her(status: int, body: bytes, her_id: int) -> Verdict:
    """The verdict on an answer about a HER-ID."""
    if status != 200:
        return _of_problem(status, body, "unknown-her-id")
    answer = _read(body)
    if answer.get("kind") not in {"gp", "office", "service"} or answer.get("herId") != her_id:
        return Verdict("?", "not an answer about the HER-ID asked for")
    return Verdict("her-id")


def _read(body: bytes) -> dict[str, Any]:
    """The JSON object of a body; an empty one when it is none."""
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError):
        return {}


def _outcome(answer: dict[str, Any]) -> str:
    status = answer.get("status")
    return status if status in ("assigned", "vacant", "none", "withheld", "unknown", "invalid") else "?"


def _of_problem(status: int, body: bytes, *expected: str) -> Verdict:
    """The verdict on an answer that is no 200, or ought to be none."""
    problem = _read(body)
    word = WORD.fullmatch(str(problem.get("type")))
    if word is None:
        return Verdict("?", f"status {status} without a problem")
    right = word[1] in expected and problem.get("status") == status
    return Verdict(word[1], None if right else f"status {status}, {word[1]}")


def _wrong_with(answer: dict[str, Any], members: Iterable[str]) -> str | None:
    """What is wrong with the answer about one person, members and all."""
    if answer.keys() != set(members):
        return "not the members of an answer"
    if any(not isinstance(answer[name], list) for name in LISTS):
        return "a list that is none"
    placed = [isinstance(answer[name], dict) for name in PLACE]
    match answer["status"]:
        case "assigned":
            gp = answer["gp"]
            if not isinstance(gp, dict) or not isinstance(gp.get("hprNumber"), int):
                return "assigned without a gp"
            return None if all(placed) else "assigned without its place"
        case "vacant":
            if answer["gp"] is not None:
                return "vacant with a gp"
            return None if all(placed) else "vacant without its place"
        case "none" | "withheld":
            bare = all(not answer[name] for name in SHOWN - {"status"})
            return None if bare else "no GP, and yet something is told"
    return "a status that is none"


def _wrong_with_result(result: Any, asked: str, valid: bool) -> str | None:
    """What is wrong with one result of a batch."""
    if not isinstance(result, dict) or "nin" not in result:
        return "not a result of a batch"
    outcome = _outcome(result)
    if (outcome == "invalid") == valid:
        return "a valid number called invalid, or the other way round"
    if outcome in {"unknown", "invalid"}:
        right = result == {"nin": asked, "status": outcome}
        return None if right else "a result that is not about the number asked for"
    # The number may be a newer one of the same person, so only its form can be held against anything.
    if not is_national_id(str(result["nin"])):
        return "a result that is about no number"
    return _wrong_with(result, SHOWN | {"nin"})
