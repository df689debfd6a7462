"""What is made of rounds: medians, ratios within a round, and what does not count in our favour."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.generator import Load, Round, Shape
from bench.rounds import Contest, Taken, busy_seconds, ratio, summary, table


def load(**counts: Any) -> Load:
    nothing = dict.fromkeys(Load.__struct_fields__, 0)
    return Load(**{**nothing, "bins": [], **counts})


def contest(name: str, *rounds: tuple[float, float], cpu_us: float = 5.0, **counts: Any) -> Contest:
    """A contest with rounds of (lookups a second, how busy the generator was)."""
    server: Any = SimpleNamespace(name=name)
    made = Contest("case", server, Path("requests"), Shape())
    for lookups, busy in rounds:
        told = Round(1.0, busy, busy, load(**{"measured": 10, "answers": 10, **counts}), load())
        made.taken.append(Taken(told, lookups, cpu_us, 0.0))
    return made


def test_contests_are_compared_round_by_round() -> None:
    ours = contest("ours", (10, 0.5), (100, 0.5), (1000, 0.5))
    nginx = contest("nginx", (20, 0.5), (100, 0.5), (500, 0.5))
    assert ratio(ours, nginx) == 1.0
    assert ratio(ours, ours) == 1.0


@pytest.mark.parametrize(("busy", "expected"), [(0.89, 2.0), (0.91, 1.0)])
def test_where_the_generator_was_the_limit_of_the_other_we_gain_nothing(busy: float, expected: float) -> None:
    assert ratio(contest("ours", (200, 0.5)), contest("nginx", (100, busy))) == expected


def test_a_loss_counts_whoever_was_the_limit() -> None:
    assert ratio(contest("ours", (50, 0.95)), contest("nginx", (100, 0.95))) == 0.5


def test_a_summary_hides_no_mistake() -> None:
    ours = contest("ours", (10, 0.95), (30, 0.5), (20, 0.5), lost=1, wrong_status=2, bytes=70, bins=[(200, 10)])
    told = summary(ours, contest("nginx", (10, 0.5), (10, 0.5), (10, 0.5), cpu_us=10.0))
    assert told["mistakes"] == {"lost": 3, "wrong_status": 6}
    assert told["lookups_per_second"] == 20
    assert told["of_each_round"] == [10, 30, 20]
    assert (told["times_reference"], told["times_reference_cpu"]) == (2.0, 0.5)
    assert (told["rounds_generator_bound"], told["generator_busy"]) == (1, 0.95)
    assert told["bytes_per_answer"] == 7
    assert told["latency_us"]["p50"] == 0.2
    lines = list(table([told]))
    assert len(lines) == 3
    assert lines[2].startswith("| ours | 20 | 2.00 | 5.00 |")
    assert "0.95 (1 rounds its limit)" in lines[2]


def test_the_machine_has_been_at_work() -> None:
    before = busy_seconds()
    assert 0 < before <= busy_seconds()
