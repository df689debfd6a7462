"""The service against the oracle, over HTTP, loader and service being real processes: who has which GP, at any time."""

import json
import random
import time
from collections import Counter
from contextlib import ExitStack
from datetime import datetime, timedelta
from datetime import time as clock
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.moments import AROUND, DAY, ends, hard_moments, meant, written
from tests.oracle import covers
from tests.served import BATCH, INVALID, UNKNOWN, Line, Served, wide_batch
from tests.service import Service

OSLO = ZoneInfo("Europe/Oslo")


def window(data_dir: Path) -> list[datetime]:
    """The ends of the time for which the generation holds rendered fragments."""
    (manifest,) = data_dir.glob("gen/*/manifest.json")
    said = json.loads(manifest.read_text())["window"]
    return [datetime(1970, 1, 1) + timedelta(microseconds=said[end]) for end in ("from", "to")]


def test_what_is_asked_about_is_of_every_kind(served: Served) -> None:
    register, now = served.register, datetime(2026, 11, 23, 12)
    statuses = Counter(register.lookup(nin, now)["status"] for nin in register.persons)
    assert set(statuses) == {"assigned", "vacant", "none"}
    assert min(statuses.values()) >= 50
    assert register.changes.keys() & set(register.changes.values()), "no number changed twice"
    assert any(map(register.protected, register.persons))
    assert any(datetime.fromisoformat(row["from"]) > now for row in register.tables["memberships"])


def test_everybody_at_many_times(served: Served, line: Line, chance: random.Random) -> None:
    start = datetime(2026, 11, 23) - 10 * 365 * DAY
    times = [start + timedelta(microseconds=chance.randrange(11 * 365 * 86_400_000_000)) for _ in range(12)]
    for at in [
        *times,
        datetime(2026, 11, 23, 12),
        *(edge + step for edge in window(served.data_dir) for step in AROUND),
    ]:
        numbers = [*served.numbers(), *UNKNOWN, *INVALID]
        wanted = [served.register.batch_result(nin, meant(at)) for nin in numbers]
        assert wide_batch(line, numbers, written(at, chance)) == wanted, at


def test_some_at_every_hard_moment(served: Served, line: Line, chance: random.Random) -> None:
    for at in hard_moments(served.register):
        numbers = chance.sample(served.numbers(), 60)
        wanted = [served.register.batch_result(nin, meant(at)) for nin in numbers]
        assert wide_batch(line, numbers, written(at, chance)) == wanted, at


def test_those_concerned_around_each_periods_ends(served: Served, line: Line, chance: random.Random) -> None:
    changing = sorted(ends(served.register).items())
    for end, concerned in chance.sample(changing, min(600, len(changing))):
        numbers = chance.sample(sorted(concerned), min(40, len(concerned)))
        for step in AROUND:
            at = end + step
            wanted = [served.register.batch_result(nin, meant(at)) for nin in numbers]
            assert wide_batch(line, numbers, written(at, chance)) == wanted, at


def test_singles_say_what_batches_say(served: Served, line: Line, chance: random.Random) -> None:
    for nin in chance.sample(served.numbers(), 150):
        at = datetime(2026, 11, 23) + timedelta(seconds=chance.randrange(-(10**8), 10**8))
        status, answer = line.post("/v1/gp-lookup", {"nin": nin, "at": written(at, chance)})
        wanted = served.register.batch_result(nin, meant(at))
        del wanted["nin"]
        assert (status, answer) == (200, wanted)
        assert list(answer) == list(wanted)


@pytest.mark.parametrize("path", ["/v1/gp-lookup", "/v1/gp-confirm", "/v1/gp-history"])
def test_unknown_and_invalid_are_problems(served: Served, path: str) -> None:
    more = {"hprNumber": 1} if path == "/v1/gp-confirm" else {}
    for numbers, status, word in ((UNKNOWN, 404, "unknown-person"), (INVALID, 400, "invalid-nin")):
        for nin in numbers:
            got, headers, problem = served.post(path, {"nin": nin, **more})
            assert (got, problem["type"]) == (status, f"urn:flr:problem:{word}")
            assert headers["content-type"].startswith("application/problem+json")
            assert not nin or nin == "null" or nin not in json.dumps(problem, ensure_ascii=False)


def test_confirm(served: Served, line: Line, chance: random.Random) -> None:
    register = served.register
    answers: Counter[bool] = Counter()
    changing = sorted(ends(register).items())
    for _ in range(400):
        end, concerned = chance.choice(changing)
        at, nin = end + chance.choice([*AROUND, DAY]), chance.choice(sorted(concerned))
        membership = register.membership(nin, meant(at))
        cycles = register.cycles[membership["contractId"]] if membership else register.tables["doctor_cycles"]
        current = [cycle for cycle in cycles if covers(cycle, meant(at))]
        hpr_number = chance.choice(chance.choice([cycles, current, current]) or [{"hprNumber": 999_999_999}])[
            "hprNumber"
        ]
        status, answer = line.post("/v1/gp-confirm", {"nin": nin, "hprNumber": hpr_number, "at": written(at, chance)})
        wanted = register.confirm(nin, hpr_number, meant(at))
        assert (status, answer) == (200, {"confirmed": wanted})
        answers[wanted] += 1
    assert min(answers[True], answers[False]) >= 50


def test_history(served: Served, line: Line, chance: random.Random) -> None:
    for nin in [*chance.sample(served.numbers(), 200), *served.register.changes]:
        status, answer = line.post("/v1/gp-history", {"nin": nin})
        got = [
            {
                **{name: row[name] for name in ("from", "to", "beginCode", "endCode", "contract")},
                "doctors": {(d["hprNumber"], d["relationship"], d["from"], d["to"]) for d in row["doctors"]},
            }
            for row in answer["memberships"]
        ]
        assert (status, got) == (200, served.register.history(nin))


def test_who_may_not_see_the_protected(served: Served, chance: random.Random) -> None:
    register, at = served.register, datetime(2026, 11, 23, 12)
    hidden = [nin for nin in served.numbers() if register.protected(nin)]
    others = chance.sample([nin for nin in served.numbers() if not register.protected(nin)], 200)
    with Service(served.data_dir, workers=1, FLR_WITHHOLD_PROTECTED="true") as service, ExitStack() as stack:
        service.wait("serving")
        line = stack.enter_context(Line(service))
        numbers = [*hidden, *others, *UNKNOWN, *INVALID]
        wanted = [register.batch_result(nin, at, withhold=True) for nin in numbers]
        assert wide_batch(line, numbers, at.isoformat()) == wanted
        for nin in hidden:
            for path, more in (("/v1/gp-confirm", {"hprNumber": 1}), ("/v1/gp-history", {})):
                status, problem = line.post(path, {"nin": nin, **more})
                assert (status, problem["type"]) == (403, "urn:flr:problem:forbidden")
        for contract_id in register.contracts:
            answer = json.loads(service.ask(f"/v1/contracts/{contract_id}/patients?at={at.isoformat()}")[2])
            rows, withheld = register.patients(contract_id, at, withhold=True)
            assert [row["nin"] for row in answer["patients"]] == [row["nin"] for row in rows]
            assert (answer["count"], answer["withheld"]) == (len(rows), withheld)


def seconds_until(local: datetime) -> float:
    """From now to a wall-clock time in Norway."""
    return local.replace(tzinfo=OSLO).timestamp() - time.time()


def test_now_is_the_clocks(served: Served) -> None:
    """The same generation at four o'clocks, one of them in a summer of ten years ago, asked without `at`."""
    register = served.register
    for noon in (datetime(2026, 11, 23, 12), datetime(2027, 11, 23, 12), datetime(2016, 7, 1, 12)):
        offset = f"{seconds_until(noon):.0f}"
        with Service(served.data_dir, "--clock-offset", offset, workers=1) as service, ExitStack() as stack:
            service.wait("serving")
            line = stack.enter_context(Line(service))
            wanted = [register.batch_result(nin, noon) for nin in served.numbers()]
            soon = noon + timedelta(minutes=10)
            changing = {nin for end, concerned in ends(register).items() if noon <= end < soon for nin in concerned}
            results = wide_batch(line, served.numbers(), None)
            for result, right in zip(results, wanted, strict=True):
                assert result == right or result["nin"] in changing


def test_answers_change_at_midnight_without_a_load(served: Served) -> None:
    """The clock stands some seconds before a midnight at which answers change: every answer is the old or the new."""
    register, microsecond = served.register, AROUND[2]
    for midnight, concerned in sorted(ends(register).items()):
        numbers = sorted(concerned)[:BATCH]
        before, after = (
            [register.batch_result(nin, midnight - back) for nin in numbers] for back in (microsecond, 0 * DAY)
        )
        if midnight > datetime(2026, 11, 23) and midnight.time() == clock(0) and before != after:
            break
    offset = f"{seconds_until(midnight) - 8:.3f}"
    with Service(served.data_dir, "--clock-offset", offset) as service, ExitStack() as stack:
        service.wait("serving")
        lines = [stack.enter_context(Line(service)) for _ in range(4)]
        patience = time.monotonic() + 60
        answers = [before]
        while any(answer != after for answer in answers) and time.monotonic() < patience:
            answers = [wide_batch(line, numbers, None) for line in lines]
            assert all(answer in (before, after) for answer in answers)
        assert all(answer == after for answer in answers)
        assert {service.ask("/v1/status")[1]["flr-generation"] for _ in range(10)} == {"1"}
