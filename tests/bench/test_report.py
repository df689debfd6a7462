"""What is written of a run, from rounds that were made up: every figure is in its place, and no mistake is left out."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench import compare, report, tail
from bench.compare import BATCHES, KILOBYTE, ONE, SMALL
from bench.contenders import Nginx
from bench.generator import Load, Round, Shape
from bench.latency import bin_of
from bench.rounds import Contest, Taken

NOTHING = Load(**{**dict.fromkeys(Load.__struct_fields__, 0), "bins": []})


def contest(case: str, name: str, rate: float, latency_us: float, **mistakes: int) -> Contest:
    server: Any = Nginx.__new__(Nginx) if name == "nginx" else SimpleNamespace()
    server.name = name
    made = Contest(case, server, Path("requests"), Shape())
    bins = [(bin_of(round(latency_us * 1000)), 100)]
    for _ in range(3):
        load = Load(**{**dict.fromkeys(Load.__struct_fields__, 0), "measured": 100, "bins": bins, **mistakes})
        made.taken.append(Taken(Round(1.0, 0.5, 0.5, load, NOTHING), rate, 5.0, 0.0))
    return made


@pytest.fixture
def compared() -> dict[str, Any]:
    run = [
        contest(SMALL, "ours", 120_000, 400),
        contest(SMALL, "nginx", 100_000, 500),
        contest(SMALL, "Go net/http", 40_000, 900),
        contest(KILOBYTE, "ours", 110_000, 400),
        contest(KILOBYTE, "nginx", 80_000, 500),
        contest(BATCHES, "ours", 960_000, 1000),
        contest(ONE, "ours", 15_000, 60, lost=2),
        contest(ONE, "nginx", 15_000, 60),
    ]
    rows = compare.told(run)
    return {"rounds": 3, "seconds": 1.0, "sample": 10, "rows": rows, "bars": compare.bars(rows)}


def test_the_bars_are_told(compared: dict[str, Any]) -> None:
    assert compared["bars"] == {
        "small head / nginx": 1.2,
        "1 kB head / nginx": 1.375,
        "batch of 100 / own singles": 8.0,
        "small head / Go net/http": 3.0,
    }
    text = "\n".join(compare.lines(compared))
    assert "| ours | 120,000 | 1.20 | 5.00 | 400 | 400 |" in text
    assert 'Mistakes: {"one connection, ours": {"lost": 6}}.' in text


def test_tails_are_told_as_ratios() -> None:
    contests = [
        contest(tail.CALM, "ours", 20_000, 300),
        contest(tail.CALM, "nginx", 20_000, 200),
        contest(tail.CALM, "nginx again", 20_000, 100),
        contest(tail.SWAPS, "ours", 20_000, 600, wrong_status=1),
        contest(tail.HEAVY, "ours", 20_000, 450),
    ]
    told = tail.told(contests)
    ratios = {name: round(ratio["p999"], 1) for name, ratio in told["ratios"].items()}
    assert list(ratios.values()) == [0.5, 1.5, 2.0, 1.5]
    text = "\n".join(tail.lines({"rate": 20_000, "rounds": 3, "seconds": 1.0, "swaps": 5, **told}))
    assert "| ours / nginx | 1.50 | 1.50 | 1.50 | 1.50 to 1.50 |" in text
    assert 'Mistakes: {"ours, during swaps": {"wrong_status": 3}}.' in text


def test_the_chart_is_of_single_lookups(compared: dict[str, Any]) -> None:
    drawn = report.chart({"compare": compared})
    assert drawn.count('class="ours"') == 2
    assert "1.20 x nginx (120,000/s)" in drawn
    assert "ours, 1 kB head" in drawn
    assert "960,000" not in drawn
