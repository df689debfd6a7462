"""The persons who are always the same: beside a population, and never one of it."""

from pathlib import Path

import msgspec
import pytest

from bench.norway.agreements import hpr_number
from bench.norway.numbers import _TABLE, HALF, RESIDUES
from bench.norway.showcase import showcase
from bench.population import generate
from lookup.rest import examples
from register.feed import canonical_line
from register.ids import WEIGHTS_1, WEIGHTS_2, Series, is_national_id, series
from register.model import TABLES
from tests.bench.population_feed import KEYS, Read, shape


def numbers() -> list[str]:
    """All of them, that of nobody too."""
    tables = showcase()
    of_persons = [msgspec.to_builtins(record)["nin"] for record in tables["persons"]]
    return [*of_persons, examples.OLD_NIN, examples.UNKNOWN_NIN]


def test_their_numbers_are_synthetic_and_each_its_own() -> None:
    assert len(set(numbers())) == len(numbers()) == 8
    for nin in numbers():
        assert is_national_id(nin)
        assert series(nin) is not Series.REAL


@pytest.mark.parametrize("place", range(8))
def test_no_population_has_such_a_number(place: int) -> None:
    nin = numbers()[place]
    first, second = (
        sum(int(digit) * weight for digit, weight in zip(nin[:6], weights[:6], strict=True)) % 11
        for weights in (WEIGHTS_1, WEIGHTS_2)
    )
    for residue in range(RESIDUES):
        assert int(nin[6:]) not in _TABLE[residue, first * 11 + second, : 2 * HALF]


def test_no_population_has_such_a_doctor() -> None:
    most = hpr_number(0) + 8_999_993
    assert most < min(examples.HPR_NUMBER, examples.SUBSTITUTE_HPR_NUMBER)


def test_they_are_put_beside_the_population(tmp_path: Path) -> None:
    generate(shape(600), tmp_path / "without")
    generate(shape(600), tmp_path / "with", examples=True)
    without, with_them = Read.at(tmp_path / "without"), Read.at(tmp_path / "with")
    shown = {table: [msgspec.json.decode(canonical_line(one)) for one in some] for table, some in showcase().items()}
    for table in TABLES:
        assert with_them.tables[table] == without.tables[table] + shown.get(table, [])
        keys = [tuple(record[member] for member in KEYS[table]) for record in with_them.tables[table]]
        assert len(set(keys)) == len(keys)


def test_a_later_full_feed_has_them_too(tmp_path: Path) -> None:
    generate(shape(600), tmp_path / "days", days=1, examples=True)
    generate(shape(600), tmp_path / "later", sequence=2, examples=True)
    followed = Read.at(tmp_path / "days" / "000002-incremental").manifest
    assert Read.at(tmp_path / "later").manifest["content_digest"] == followed["content_digest"]
