"""The real service as processes: it starts, swaps, survives its workers, refuses what is unfit, and stops."""

import json
import os
import signal
import socket
import threading
from pathlib import Path

import msgspec
import pytest

from lookup.manifest import Refusal
from lookup.runfile import live_workers
from tests import tiny
from tests.lookup.swaps import LOOKUP, damage, serial_served, unopenable, until
from tests.service import PATIENCE_SECONDS, Service


def test_an_empty_folder_is_served_as_unready_until_a_generation_comes(data: Path) -> None:
    with Service(data) as service:
        status, headers, body = service.ask("/v1/gp-lookup", LOOKUP)
        assert (status, json.loads(body)["type"]) == (503, "urn:flr:problem:unready")
        assert "retry-after" in headers
        assert service.ask("/readyz")[0] == 503
        assert service.ask("/livez")[0] == 200
        assert {worker.state for worker in live_workers(data / "run")} == {"starting"}
        tiny.announce(data, tiny.generation(data).name)
        service.wait("serving", workers=2)
        assert service.ask("/readyz")[0] == 200
        assert serial_served(service) == 1
        assert [worker.state for worker in live_workers(data / "run")] == ["ready"] * 2
    assert list((data / "run").iterdir()) == []


def test_a_b_a(data: Path) -> None:
    a, b = (tiny.generation(data, serial) for serial in (1, 2))
    tiny.announce(data, a.name)
    with Service(data) as service:
        service.wait("serving", generation=a.name)
        for folder in (b, a, b, a):
            tiny.announce(data, folder.name)
            service.wait("serving", generation=folder.name)
            serial, digest8 = folder.name.split("-")
            assert serial_served(service) == int(serial)
            assert {(w.serial, w.digest8) for w in live_workers(data / "run")} == {(int(serial), digest8)}
        assert service.metric("flr_swaps_total") == 10


def test_swaps_under_load_drop_nothing_and_mix_nothing(data: Path) -> None:
    a, b = (tiny.generation(data, serial) for serial in (1, 2))
    tiny.announce(data, a.name)
    with Service(data) as service:
        service.wait("serving", generation=a.name)
        stop, failures, serials = threading.Event(), [], set()

        def ask() -> None:
            while not stop.is_set():
                try:
                    serials.add(serial_served(service))
                except Exception as error:  # noqa: BLE001 -- whatever it is, the test is to tell
                    failures.append(error)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for folder in (b, a) * 10:
            tiny.announce(data, folder.name)
            service.wait("serving", generation=folder.name)
        stop.set()
        for thread in threads:
            thread.join()
        assert failures == []
        assert serials == {1, 2}


def test_a_killed_worker_is_replaced_and_serves(data: Path) -> None:
    tiny.announce(data, tiny.generation(data).name)
    with Service(data) as service:
        service.wait("serving")
        killed = live_workers(data / "run")[0].pid
        os.kill(killed, signal.SIGKILL)
        assert service.wait("worker died")["pid"] == killed
        service.wait("serving", workers=2)
        workers = live_workers(data / "run")
        assert [worker.state for worker in workers] == ["ready"] * 2
        assert killed not in [worker.pid for worker in workers]
        assert not (data / "run" / f"{killed}.json").exists()
        assert service.metric("flr_worker_restarts_total") == 1
        assert service.metric("flr_workers") == 2


def test_a_generation_that_does_not_verify_is_refused_once_and_the_old_one_stays(data: Path) -> None:
    a, b, c = (tiny.generation(data, serial) for serial in (1, 2, 3))
    damage(b)
    tiny.announce(data, a.name)
    with Service(data) as service:
        service.wait("serving", generation=a.name)
        tiny.announce(data, b.name)
        refused = service.wait("generation refused")
        assert b.name in refused["why"]
        assert refused["serving"] == a.name
        assert serial_served(service) == 1
        until(lambda: service.metric("flr_not_served") == 1)
        tiny.announce(data, c.name)
        service.wait("serving", generation=c.name)
        until(lambda: service.metric("flr_not_served") == 0)
    assert sum(b.name in line for line in service.lines) == 1


def test_a_generation_that_workers_cannot_open_is_refused_too(data: Path) -> None:
    a = tiny.generation(data, 1)
    name = unopenable(tiny.generation(data, 2), 3)
    tiny.announce(data, a.name)
    with Service(data) as service:
        service.wait("serving", generation=a.name)
        tiny.announce(data, name)
        service.wait("generation not taken up", generation=name)
        assert serial_served(service) == 1
        assert service.metric("flr_failed_swaps_total") >= 1
        os.kill(live_workers(data / "run")[0].pid, signal.SIGKILL)
        service.wait("serving", generation=a.name)


def test_a_hang_up_looks_again_at_what_was_refused(data: Path) -> None:
    a, b = (tiny.generation(data, serial) for serial in (1, 2))
    whole = (b / "index.mdb").read_bytes()
    damage(b)
    tiny.announce(data, a.name)
    with Service(data) as service:
        service.wait("serving", generation=a.name)
        tiny.announce(data, b.name)
        service.wait("generation refused")
        (b / "index.mdb").write_bytes(whole)
        service.process.send_signal(signal.SIGHUP)
        service.wait("serving", generation=b.name)


def test_pin_holds_the_generation(data: Path) -> None:
    a, b = (tiny.generation(data, serial) for serial in (1, 2))
    tiny.announce(data, b.name)
    tiny.announce(data, a.name, "PIN")
    with Service(data) as service:
        service.wait("serving", generation=a.name)
        assert json.loads(service.ask("/v1/status")[2])["pinned"] is True
        assert service.metric("flr_pinned") == 1
        (data / "PIN").unlink()
        service.wait("serving", generation=b.name)
        assert json.loads(service.ask("/v1/status")[2])["pinned"] is False
        tiny.announce(data, b.name, "PIN")
        until(lambda: json.loads(service.ask("/v1/status")[2])["pinned"])
        assert serial_served(service) == 2


@pytest.mark.parametrize("current", ["9-0123abcd\n", "nonsense", None])
def test_an_invalid_current_at_start_falls_back_to_the_newest_valid_one(data: Path, current: str | None) -> None:
    _, b, c, d = (tiny.generation(data, serial) for serial in (1, 2, 3, 4))
    damage(d)
    refusal = Refusal(c.name, "bad data", "2026-11-24T02:00:00+01:00")
    (data / "refused.json").write_bytes(msgspec.json.encode([refusal]))
    if current is not None:
        (data / "CURRENT").write_text(current)
    with Service(data) as service:
        assert service.wait("fallback")["serving"] == b.name
        service.wait("serving", generation=b.name)
        assert service.metric("flr_fallback") == 1
        good = tiny.generation(data, 5)
        tiny.announce(data, good.name)
        service.wait("serving", generation=good.name)
        until(lambda: service.metric("flr_fallback") == 0)


def test_a_refused_generation_is_not_chosen_at_start(data: Path) -> None:
    a, b = (tiny.generation(data, serial) for serial in (1, 2))
    tiny.announce(data, b.name)
    refusal = Refusal(b.name, "bad data", "2026-11-24T02:00:00+01:00")
    (data / "refused.json").write_bytes(msgspec.json.encode([refusal]))
    with Service(data) as service:
        service.wait("serving", generation=a.name)


def test_files_touched_since_they_were_verified_are_verified_again(data: Path) -> None:
    a = tiny.generation(data)
    tiny.announce(data, a.name)
    with Service(data) as service:
        service.wait("serving")
        os.link(a / "index.mdb", data / "backup")  # changes the ctime, as a backup by hard links does
        os.kill(live_workers(data / "run")[0].pid, signal.SIGKILL)
        service.wait("worker died")
        service.wait("serving", workers=2)


def test_a_request_in_flight_is_finished_when_the_service_stops(data: Path) -> None:
    tiny.announce(data, tiny.generation(data).name)
    with Service(data, workers=1) as service:
        service.wait("serving")
        body = json.dumps(LOOKUP).encode()
        head = b"POST /v1/gp-lookup HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        with socket.create_connection(("127.0.0.1", service.address["port"])) as connection:
            connection.sendall(head % len(body))
            (worker,) = live_workers(data / "run")
            service.process.send_signal(signal.SIGTERM)
            service.wait("stopping")
            until(lambda: [w.state for w in live_workers(data / "run")] == ["draining"])
            connection.sendall(body)
            answer = connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200"), answer
        assert service.process.wait(PATIENCE_SECONDS) == 0
        assert not Path(f"/proc/{worker.pid}").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_with_exit_code_0(data: Path, number: signal.Signals) -> None:
    with Service(data) as service:
        service.process.send_signal(number)
        service.wait("stopped")
        assert service.process.wait(PATIENCE_SECONDS) == 0


def test_workers_end_when_the_supervisor_is_killed(data: Path) -> None:
    tiny.announce(data, tiny.generation(data).name)
    service = Service(data).__enter__()
    service.wait("serving")
    pids = [worker.pid for worker in live_workers(data / "run")]
    service.process.kill()
    until(lambda: live_workers(data / "run") == [] and not any(map(alive, pids)))
    assert service.process.wait() == -signal.SIGKILL


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_supervisor_has_one_thread_and_opens_no_generation(data: Path) -> None:
    tiny.announce(data, tiny.generation(data).name)
    with Service(data) as service:
        service.wait("serving")
        proc = Path(f"/proc/{service.process.pid}")
        assert len(list((proc / "task").iterdir())) == 1
        assert "index.mdb" not in (proc / "maps").read_text()


def test_a_unix_socket_and_an_admin_listener(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "flr.sock"
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()
    with Service(data, "--uds", str(path), "--admin", "[::1]:0") as service:
        admin = service.wait("listening", role="admin")
        assert service.address["uds"] == str(path)
        assert path.stat().st_mode & 0o777 == 0o660
        for family, address in ((socket.AF_UNIX, str(path)), (socket.AF_INET6, ("::1", admin["port"]))):
            with socket.socket(family) as connection:
                connection.connect(address)
                connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    assert not path.exists()
