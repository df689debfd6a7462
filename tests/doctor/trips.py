"""Ways to break an installation, as a table: settings and the data folder here, the others in trips_*.py."""

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from loader.lock import LoaderLock
from lookup.doctor.finding import WARNING, WRONG
from tests.doctor.house import FIT, House
from tests.lookup.swaps import damage
from tests.tiny import announce

Trip = Callable[[House, Path], None]
TRIPS: list[Any] = []
NOBODY = 65534  # a user, of every system


def trips(state: str, check: str, says: str) -> Callable[[Trip], Trip]:
    """A way to break a house: afterwards this check, and no other, finds it in this state, and says this."""

    def add(trip: Trip) -> Trip:
        TRIPS.append(pytest.param(trip, state, check, says, id=f"{check}: {trip.__name__}"))
        return trip

    return add


def environment(house: House, **variables: str) -> None:
    house.asks = True
    os.environ.update({"FLR_DATA_DIR": str(house.data)} | variables)


@trips(WARNING, "settings", "FLR_WORKER is no setting, and nobody reads it; FLR_WORKERS may be meant")
def a_misspelt_variable(house: House, _tmp: Path) -> None:
    environment(house, FLR_WORKER="3")


@trips(WARNING, "settings", "'loadr' is read by nobody")
def a_misspelt_table(house: House, tmp: Path) -> None:
    (tmp / "flr.toml").write_text("[lookup]\nport = 80\n[loadr]\ntolerate = 3\n")
    environment(house, FLR_CONFIG=str(tmp / "flr.toml"))


@trips(WRONG, "settings", "tolerate (from the settings file): Expected `int`")
def a_setting_of_the_loader(house: House, tmp: Path) -> None:
    (tmp / "flr.toml").write_text('[loader]\ntolerate = "many"\n')
    environment(house, FLR_CONFIG=str(tmp / "flr.toml"))


@trips(WARNING, "settings", "flr-loader publishes in /srv/elsewhere, and flr-lookup serves")
def another_folder_of_the_loader(house: House, tmp: Path) -> None:
    (tmp / "flr.toml").write_text('[loader]\ndata_dir = "/srv/elsewhere"\n')
    environment(house, FLR_CONFIG=str(tmp / "flr.toml"), FLR_DATA_DIR="")


# -- the data folder


@trips(WARNING, "folder", "0755: others get in")
def open_to_others(house: House, _tmp: Path) -> None:
    house.data.chmod(0o755)


@trips(WARNING, "folder", "root may do what")
def another_users(house: House, _tmp: Path) -> None:
    house.machine = msgspec.structs.replace(FIT, root=True)
    if os.geteuid() == 0:
        os.chown(house.data, NOBODY, NOBODY)


@trips(WRONG, "room", "a load takes")
def no_room(house: House, _tmp: Path) -> None:
    house.rewrite(counts={"persons": 10**12, "memberships": 0})


@trips(WRONG, "generation", "index.mdb is not what the manifest says")
def a_damaged_generation(house: House, _tmp: Path) -> None:
    (house.folder / "index.mdb").chmod(0o640)
    damage(house.folder)


@trips(WRONG, "generation", "which is refused")
def a_refused_generation(house: House, _tmp: Path) -> None:
    refusal = {"name": house.current, "reason": "a test", "at": "2026-11-26T00:00:00Z"}
    (house.data / "refused.json").write_bytes(msgspec.json.encode([refusal]))


@trips(WRONG, "generation", "nothing is in service")
def nothing_in_service(house: House, _tmp: Path) -> None:
    (house.data / "CURRENT").unlink()


@trips(WRONG, "generation", "CURRENT is not one line that names a generation")
def a_pointer_of_something_else(house: House, _tmp: Path) -> None:
    (house.data / "CURRENT").write_text("yesterday's\n")


@trips(WARNING, "generation", "index.mdb is not what the manifest says; nobody serves it")
def a_damaged_generation_that_nobody_serves(house: House, _tmp: Path) -> None:
    house.deep = True
    other = house.folder
    copy = shutil.copytree(other, other.with_name("copy"))
    house.rewrite(source="another")
    copy.rename(other)
    (other / "index.mdb").chmod(0o640)
    damage(other)


@trips(WARNING, "pin", "is served whatever is loaded")
def pinned(house: House, _tmp: Path) -> None:
    announce(house.data, house.current, "PIN")


@trips(WARNING, "age", "0.001 is the limit")
def stale(house: House, _tmp: Path) -> None:
    house.settings["stale_warn_hours"] = 0.001


@trips(WRONG, "age", "on nobody is answered")
def too_old(house: House, _tmp: Path) -> None:
    house.settings["stale_refuse_hours"] = 0.001


@trips(WARNING, "age", "is the limit")
def too_old_for_the_loader(house: House, _tmp: Path) -> None:
    environment(house, FLR_STALE_AFTER_SECONDS="1")


@trips(WRONG, "age", "which has not been yet")
def of_tomorrow(house: House, _tmp: Path) -> None:
    house.rewrite(as_of=(datetime.now(UTC) + timedelta(hours=1)).isoformat())


@trips(WARNING, "loader", "has been loading for")
def a_load_that_does_not_end(house: House, _tmp: Path) -> None:
    environment(house, FLR_STUCK_AFTER_SECONDS="0")
    house.held.enter_context(LoaderLock(house.data, 0))


@trips(WARNING, "loader", "the last load ended with 65: no such feed")
def a_load_that_failed(house: House, _tmp: Path) -> None:
    (house.data / "reports" / "99990101T000000.json").write_text(
        '{"verb": "load", "exit_code": 65, "message": "no such feed"}'
    )
