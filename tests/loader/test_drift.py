"""The drift breaker: each count trips it alone, in both directions, past the fraction and the floor and not before."""

from pathlib import Path

import pytest

from loader import drift
from loader.drift import LIMITS, Limit
from loader.errors import BadFeed
from loader.load import load
from loader.progress import Progress
from loader.settings import Settings
from lookup.manifest import CURRENT, read_manifest, read_pointer
from tests.loader import feeds


def shifted(counts: dict[str, int], unplaced: int, name: str, by: int) -> tuple[dict[str, int], int]:
    if name == "persons without a GP":
        return counts, unplaced + by
    return counts | {name.replace(" ", "_"): counts[name.replace(" ", "_")] + by}, unplaced


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("was", [100, 10_000_000])
@pytest.mark.parametrize("sign", [1, -1])
def test_each_count_trips_alone(name: str, was: int, sign: int, tmp_path: Path) -> None:
    before = in_service(tmp_path)
    counts = {limit.replace(" ", "_"): was for limit in LIMITS if limit != "persons without a GP"}
    before = type(before)(
        **{field: getattr(before, field) for field in before.__struct_fields__} | {"counts": counts, "unplaced": was}
    )
    allowed = max(LIMITS[name].floor, int(LIMITS[name].fraction * was))
    assert drift.drift(before, *shifted(counts, was, name, sign * allowed)) == []
    tripped = drift.drift(before, *shifted(counts, was, name, sign * (allowed + 1)))
    assert [text.split(":")[0] for text in tripped] == [name]
    with pytest.raises(BadFeed, match="drift breaker"):
        drift.check_drift(before, *shifted(counts, was, name, sign * (allowed + 1)), None)
    assert drift.check_drift(before, *shifted(counts, was, name, sign * (allowed + 1)), "known") == tripped


def in_service(folder: Path) -> "drift.Manifest":
    feeds.write(folder / "first", feeds.tables())
    load(folder / "first", Settings(data_dir=folder / "data"), Progress(show=False))
    return read_manifest(folder / "data" / "gen" / str(read_pointer(folder / "data", CURRENT)))[0]


def test_a_feed_that_empties_the_register_is_refused_unless_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift, "LIMITS", {name: Limit(0.1, 1) for name in LIMITS})
    in_service(tmp_path)
    settings = Settings(data_dir=tmp_path / "data")
    current = read_pointer(settings.data_dir, CURRENT)
    empty = feeds.write(tmp_path / "empty", {table: [] for table in feeds.tables()}, sequence=8)
    with pytest.raises(BadFeed, match="drift breaker: persons: 6 in service, 0 in the feed"):
        load(empty, settings, Progress(show=False))
    assert read_pointer(settings.data_dir, CURRENT) == current
    report = load(empty, settings, Progress(show=False), accept_drift="the register is closed")
    assert report.accept_drift == "the register is closed"
    assert report.drift
    assert read_pointer(settings.data_dir, CURRENT) == report.generation


def test_the_documentation_has_the_limits() -> None:
    text = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    for name, limit in LIMITS.items():
        assert f"| {name} | {limit.fraction:.0%} | {limit.floor:,} |" in text
