"""A service in which all is well, as the operations page would show it; tests take something of it away."""

from typing import Any

import msgspec

from lookup.ops import state
from lookup.ops.state import OpsState

NAME = "7-0a1b2c3d"
AT = "2026-11-26T03:00:00+00:00"


def load(**members: Any) -> state.Load:
    usual: dict[str, Any] = {
        "verb": "load",
        "at": "2026-11-26T02:00:00+00:00",
        "outcome": "published",
        "generation": NAME,
        **dict.fromkeys(("previous", "reason", "feed", "message", "adoption")),
        "exit_code": 0,
        "workers": 2,
        "drift": [],
        "drift_accepted": False,
        "faults": [],
        "warnings": [],
        "omitted": 0,
        "changes": {},
        "seconds": 80.0,
    }
    return state.Load(**usual | members)


def client(**members: Any) -> state.Client:
    usual: dict[str, Any] = {
        "name": "clinic",
        "requests": 10,
        "numbers": 10,
        "unknown": 0,
        "persons": 10,
        "refused": {},
        "used": 0.1,
        "limit": "persons a day",
    }
    return state.Client(**usual | members)


def pace(**members: Any) -> state.Pace:
    usual: dict[str, Any] = {
        "at": 1.0,
        "seconds": 60.0,
        "requests": 100.0,
        "persons": 120.0,
        "failed": 0.0,
        "refused": 0.0,
        "p50": 0.0001,
        "p99": 0.002,
    }
    return state.Pace(**usual | members)


SOUND = OpsState(
    at=AT,
    host="flr-1",
    version="0",
    ok=True,
    findings=[],
    generation=state.Generation(
        name=NAME,
        serial=7,
        as_of="2026-11-26T01:00:00+00:00",
        age_seconds=7200,
        source="test",
        built_at="2026-11-26T02:00:00+00:00",
        base=None,
        counts={"persons": 3},
        omitted=0,
        bytes=10**9,
    ),
    folder=state.Folder(
        data_dir="/srv/flr data",
        current=NAME,
        pin=None,
        generations=[NAME],
        refused={},
        before=None,
        loading_since=None,
    ),
    draining=False,
    workers=[state.Worker(pid=pid, state="ready", generation=NAME, since=AT) for pid in (1, 2)],
    workers_wanted=2,
    restarts=0,
    failed_swaps=0,
    not_served=False,
    fallback=False,
    clients_unfit=0,
    certificate_days=60.0,
    free={"data": 10**12, "audit": 10**12},
    now=pace(),
    hour=[],
    routes=[],
    routes_seconds=300.0,
    loads=[load()],
    audit=state.Audit(folder="/srv/audit", sync="interval", unavailable=0, spooling=0, spool=None),
    clients=[client()],
    clients_registered=1,
)


def but(**members: Any) -> OpsState:
    """The same, but for these members."""
    return msgspec.structs.replace(SOUND, **members)


def with_folder(**members: Any) -> OpsState:
    return but(folder=msgspec.structs.replace(SOUND.folder, **members))
