"""Ways to break an installation: the service that runs, and the machine that it is on."""

import socket
import threading
from pathlib import Path
from typing import Any

import msgspec

from lookup.doctor import host
from lookup.doctor.finding import WARNING, WRONG
from tests.doctor.house import FIT, House
from tests.doctor.trips import trips
from tests.service import PATIENCE_SECONDS


@trips(WARNING, "workers", "none is alive")
def no_worker(house: House, _tmp: Path) -> None:
    house.run.remove()


@trips(WARNING, "workers", "1 are alive, of 2")
def a_worker_too_few(house: House, _tmp: Path) -> None:
    house.settings["workers"] = 2


@trips(WARNING, "workers", "is draining since")
def a_worker_that_stops(house: House, _tmp: Path) -> None:
    house.serve(house.current, "draining")


@trips(WRONG, "workers", "serves 1-00000000, and 1-")
def a_worker_that_serves_something_else(house: House, _tmp: Path) -> None:
    house.serve("1-00000000")


@trips(WRONG, "address", "nobody listens at 127.0.0.1:")
def a_service_that_listens_elsewhere(house: House, _tmp: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        house.settings["port"] = free.getsockname()[1]


@trips(WRONG, "address", "no service of ours")
def somebody_else_answers(house: House, _tmp: Path) -> None:
    other = house.held.enter_context(socket.create_server(("127.0.0.1", 0)))
    other.settimeout(PATIENCE_SECONDS)
    answering = threading.Thread(target=hang_up, args=(other,))
    answering.start()
    house.held.callback(answering.join)
    house.settings["port"] = other.getsockname()[1]


def hang_up(listening: socket.socket) -> None:
    listening.accept()[0].close()


@trips(WRONG, "address", "a unix socket's path has 107 octets at most")
def a_path_that_is_too_long(house: House, tmp: Path) -> None:
    house.settings["uds"] = tmp / ("x" * 107)


# -- the machine


def another(house: House, **facts: Any) -> None:
    house.machine = msgspec.structs.replace(FIT, **facts)


@trips(WRONG, "core", "the service does not start without it")
def no_compiled_core(house: House, _tmp: Path) -> None:
    another(house, compiled=False)


@trips(WARNING, "core", "answers are slow")
def the_plain_core(house: House, _tmp: Path) -> None:
    another(house, compiled=False)
    house.settings["allow_plain"] = True


@trips(WARNING, "open files", "LimitNOFILE is to be 20256, or max_connections 768")
def few_open_files(house: House, _tmp: Path) -> None:
    another(house, open_files=1024)


@trips(WARNING, "memory", "requests wait for the disk")
def little_memory(house: House, _tmp: Path) -> None:
    another(house, memory_bytes=host.WORKER_BYTES)


@trips(WARNING, "clock", "nothing keeps it right")
def a_clock_that_nobody_sets(house: House, _tmp: Path) -> None:
    another(house, synchronised=False)


@trips(WARNING, "clock", "clock_offset is set")
def a_clock_that_is_another(house: House, _tmp: Path) -> None:
    house.settings["clock_offset"] = 1.0


@trips(WARNING, "kernel", "before 5.14")
def an_old_kernel(house: House, _tmp: Path) -> None:
    another(house, kernel=(5, 10))


@trips(WARNING, "kernel", "net.core.somaxconn is 128")
def a_short_queue(house: House, _tmp: Path) -> None:
    another(house, backlog=128)


@trips(WARNING, "dumps", "core_dumps lets the system dump memory")
def core_dumps(house: House, _tmp: Path) -> None:
    house.settings["core_dumps"] = True


@trips(WARNING, "dumps", "/dev/sda2: swap")
def open_swap(house: House, _tmp: Path) -> None:
    another(house, swaps=("/dev/zram0", "/dev/sda2"))
