"""Each check of `flr-lookup doctor`, tripped alone on an installation that is whole but for that."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from loader.__main__ import parser as loader_parser
from loader.load import MEMBERSHIP_BYTES, PERSON_BYTES
from lookup.__main__ import parser as lookup_parser
from lookup.audit.record import HEAD_BYTES as FIRST_RECORD
from lookup.doctor import data
from lookup.doctor.command import CHECKS
from lookup.doctor.finding import OK, WRONG
from tests.doctor import trips, trips_access, trips_machine
from tests.doctor.house import House
from tests.doctor.trips import TRIPS, Trip, environment
from tests.service import PATIENCE_SECONDS, ROOT

PARSERS = {"flr-loader": loader_parser, "flr-lookup": lookup_parser}


@pytest.fixture(autouse=True)
def unchanged_environment() -> Iterator[None]:
    before = {name: value for name, value in os.environ.items() if name.startswith("FLR_")}
    yield
    for name in [name for name in os.environ if name.startswith("FLR_")]:
        del os.environ[name]
    os.environ.update(before)


def test_nothing_is_wrong_with_an_installation_that_is_whole(house: House) -> None:
    environment(house)
    found = house.found()
    assert [one for one in found if one.state != OK] == []
    assert {one.check for one in found} == set(CHECKS) - {"address"}  # the port is any that is free
    house.deep = True
    assert house.troubles() == []


@pytest.mark.parametrize(("trip", "state", "check", "says"), TRIPS)
def test_a_check_is_tripped_alone(house: House, tmp_path: Path, trip: Trip, state: str, check: str, says: str) -> None:
    trip(house, tmp_path)
    found = house.troubles()
    assert {(one.check, one.state) for one in found} == {(check, state)}, found
    assert any(says in one.what for one in found), found
    for one in found:
        assert one.mend
        understood(one.mend)


def understood(mend: str) -> None:
    """A command of ours is one that our programs understand, once what it leaves open is filled in."""
    program, *arguments = shlex.split(mend)
    if program in PARSERS:
        PARSERS[program]().parse_args([{"N": "999999999", "ROLE": "FlrRead"}.get(one, one) for one in arguments])


MENDED = [
    trips.open_to_others,
    trips.pinned,
    trips.a_damaged_generation_that_nobody_serves,
    trips_access.clients_that_others_may_read,
    trips_access.keys_that_others_may_read,
]


@pytest.mark.parametrize("trip", MENDED, ids=lambda trip: trip.__name__)
def test_the_command_that_is_told_mends_it(house: House, tmp_path: Path, trip: Trip) -> None:
    trip(house, tmp_path)
    (trouble,) = house.troubles()
    assert trouble.mend is not None
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    told = os.environ | {"FLR_DATA_DIR": str(house.data), "PATH": path}
    subprocess.run(["bash", "-c", trouble.mend], env=told, check=True, timeout=PATIENCE_SECONDS)
    assert house.troubles() == []


def test_older_segments_are_looked_at_when_somebody_asks_for_it(house: House) -> None:
    older = trips_access.newest(house)
    house.record()
    assert trips_access.newest(house) != older
    data = bytearray(older.read_bytes())
    data[FIRST_RECORD + 12] ^= 1
    older.write_bytes(data)
    assert house.troubles() == []
    house.deep = True
    assert {(one.check, one.state) for one in house.troubles()} == {("audit seals", WRONG)}


def test_every_check_is_tripped() -> None:
    assert {param.values[2] for param in TRIPS} == set(CHECKS)


def test_what_nobody_can_tell_is_no_trouble(house: House) -> None:
    trips_machine.another(house, memory_bytes=None, backlog=None, synchronised=None)
    assert house.troubles() == []


def test_a_load_is_reckoned_as_the_loader_does() -> None:
    assert (data.PERSON_BYTES, data.MEMBERSHIP_BYTES) == (PERSON_BYTES, MEMBERSHIP_BYTES)


def test_a_file_that_cannot_be_looked_at_is_told_and_the_others_are_looked_at(house: House) -> None:
    path = house.made().clients_path
    path.unlink()
    path.mkdir()
    (trouble,) = house.troubles()
    assert (trouble.check, trouble.state, str(path) in trouble.what) == ("clients", WRONG, True)


def test_the_documentation_names_every_check() -> None:
    table = (ROOT / "docs" / "operations" / "doctor.md").read_text().split("| check | what is looked at |")[1]
    assert re.findall(r"^\| `([^`]+)` \|", table, re.M) == list(CHECKS)
