"""What a load test asks, and that it tells right answers from wrong ones without telling what was asked."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from bench import callers
from register.ids import Series, is_national_id, series
from tests import crooked

NIN = callers.made_up(random.Random(5))
GP = {"hprNumber": 7000001, "herId": 4000001, "firstName": "Kari", "middleName": None, "lastName": "Lie"}
BARE = {"herId": None, "gp": None, "sharedWith": [], "substitutes": [], "contract": None, "office": None}
ASSIGNED = {
    **BARE,
    "status": "assigned",
    "herId": 4000001,
    "gp": GP,
    "contract": {"id": 1},
    "office": {"organizationNumber": 123456785, "herId": 81234},
    "membership": {"from": "2020-01-01T00:00:00"},
}
NONE = {**BARE, "status": "none", "membership": None}
VACANT = {**ASSIGNED, "status": "vacant", "gp": None}


def problem(word: str, status: int) -> bytes:
    return json.dumps({"type": f"urn:flr:problem:{word}", "title": "", "status": status}).encode()


def lookup(answer: Any, *, status: int = 200, valid: bool = True) -> tuple[str, str | None]:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return callers.of_lookup(status, body, valid)


def batch(results: list[Any], asked: list[str], valid: list[bool], generation: int = 1) -> str | None:
    body = json.dumps({"generation": generation, "results": results}).encode()
    return callers.of_batch(200, body, asked, valid).wrong


@pytest.mark.parametrize("answer", [ASSIGNED, NONE, VACANT, {**NONE, "status": "withheld"}])
def test_right_answers_are_right(answer: dict[str, Any]) -> None:
    assert lookup(answer) == (answer["status"], None)
    assert batch([{"nin": NIN, **answer}], [NIN], [True]) is None


@pytest.mark.parametrize(
    "answer",
    [
        {**ASSIGNED, "gp": None},
        {**ASSIGNED, "gp": {}},
        {**ASSIGNED, "office": None},
        {**ASSIGNED, "sharedWith": None},
        {**ASSIGNED, "more": 1},
        {name: ASSIGNED[name] for name in ASSIGNED if name != "substitutes"},
        {**ASSIGNED, "status": "none"},
        {**ASSIGNED, "status": "vacant"},
        {**VACANT, "contract": None},
        {**NONE, "status": "withheld", "membership": ASSIGNED["membership"]},
        {**NONE, "status": "unknown"},
        {**NONE, "status": None},
        {**NONE, "status": []},
    ],
)
def test_wrong_answers_are_wrong(answer: dict[str, Any]) -> None:
    assert lookup(answer)[1] is not None
    assert batch([{"nin": NIN, **answer}], [NIN], [True]) is not None


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b'"assigned"', b"\xff"])
def test_what_is_no_answer_is_wrong(body: bytes) -> None:
    verdicts = [
        callers.of_lookup(200, body, valid=True),
        callers.of_lookup(404, body, valid=True),
        callers.of_batch(200, body, [NIN], [True]),
        callers.of_confirm(200, body),
        callers.of_her(200, body, 7),
    ]
    assert [verdict for verdict in verdicts if verdict.wrong is None] == []
    assert callers.told_by(body) == (None, [])


def test_problems() -> None:
    assert lookup(problem("unknown-person", 404), status=404) == ("unknown-person", None)
    assert lookup(problem("invalid-nin", 400), status=400, valid=False) == ("invalid-nin", None)
    for word, status, valid in (
        ("unknown-person", 404, False),
        ("invalid-nin", 400, True),
        ("unready", 503, True),
        ("unauthenticated", 401, True),
        ("unknown-person", 400, True),
    ):
        answer = lookup(problem(word, 404 if status == 400 and valid else status), status=status, valid=valid)
        assert answer == (word, f"status {status}, {word}")
    assert lookup(ASSIGNED, valid=False)[1] is not None
    assert callers.of_batch(404, problem("unknown-person", 404), [NIN], [True]).wrong is not None


def test_a_batch_keeps_to_its_order() -> None:
    other, bad = callers.made_up(random.Random(6)), callers.mistyped(NIN, random.Random(1))
    unknown = [{"nin": nin, "status": "unknown"} for nin in (NIN, other)]
    assert batch(unknown, [NIN, other], [True, True]) is None
    assert batch(unknown, [other, NIN], [True, True]) is not None
    assert batch(unknown[:1], [NIN, other], [True, True]) is not None
    assert batch([{"nin": bad, "status": "invalid"}], [bad], [False]) is None
    assert batch([{"nin": NIN, "status": "invalid"}], [NIN], [True]) is not None
    assert batch([{"nin": bad, "status": "unknown"}], [bad], [False]) is not None
    assert batch([{"status": "unknown"}], [NIN], [True]) is not None
    assert batch([{**ASSIGNED, "nin": "12"}], [NIN], [True]) is not None


def test_confirmations_and_her_ids() -> None:
    assert callers.of_confirm(200, b'{"confirmed":true}') == ("confirmed", None)
    assert callers.of_confirm(200, b'{"confirmed":false}') == ("not-confirmed", None)
    assert callers.of_confirm(200, b'{"confirmed":1}').wrong is not None
    assert callers.of_her(200, b'{"kind":"gp","herId":7}', 7) == ("her-id", None)
    assert callers.of_her(200, b'{"kind":"gp","herId":8}', 7).wrong is not None
    assert callers.of_her(404, problem("unknown-her-id", 404), 7) == ("unknown-her-id", None)


def test_answers_tell_whom_to_ask_about_next() -> None:
    assert callers.told_by(json.dumps({**ASSIGNED, "gp": GP}).encode()) == (7000001, [4000001, 81234])
    assert callers.told_by(json.dumps(NONE).encode()) == (None, [])


def test_made_up_and_mistyped_numbers() -> None:
    chance = random.Random(2)
    numbers = [callers.made_up(chance) for _ in range(300)]
    assert {series(nin) for nin in numbers} == {Series.SKATTEETATEN}
    assert all(is_national_id(nin) for nin in numbers)
    assert not any(is_national_id(callers.mistyped(nin, chance)) for nin in numbers)


def test_numbers_of_a_feed_and_of_a_file(tmp_path: Path) -> None:
    feed = crooked.write_feed(tmp_path / "feed", seed=1)
    numbers = callers.read_numbers(feed)
    assert sorted(numbers) == sorted(crooked.World(1).current)
    file = tmp_path / "numbers"
    file.write_text("\n".join(numbers) + "\n\n")
    assert sorted(callers.read_numbers(file)) == sorted(numbers)
    few = callers.read_numbers(file, most=20)
    assert len(set(few)) == 20
    assert set(few) <= set(numbers)
    assert set(few) != set(numbers[:20])


@pytest.mark.parametrize("text", ["01010012356", "01018012345", "0101801234", "80000000000", "x"])
def test_only_synthetic_numbers_are_asked_for(tmp_path: Path, text: str) -> None:
    file = tmp_path / "numbers"
    file.write_text(f"{NIN}\n{text}\n")
    with pytest.raises(callers.NotSynthetic, match="number 2 of") as caught:
        callers.read_numbers(file)
    assert text == "x" or text not in str(caught.value)


def test_a_file_without_numbers(tmp_path: Path) -> None:
    (tmp_path / "numbers").touch()
    with pytest.raises(ValueError, match="holds no numbers"):
        callers.read_numbers(tmp_path / "numbers")
