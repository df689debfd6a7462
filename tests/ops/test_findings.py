"""The verdict: nothing is found where all is well; each thing that can be wrong is found, alone, with its command."""

import re
import shlex
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lookup.ops.findings import findings
from lookup.ops.state import OpsState
from lookup.settings import Settings
from tests.ops.sound import SOUND, but, client, load, pace, with_folder

OPERATIONS = Path(__file__).resolve().parents[2] / "docs" / "operations.md"
assert SOUND.generation is not None
assert SOUND.audit is not None
OTHER = msgspec.structs.replace(SOUND.workers[0], generation="6-0a1b2c3d")
OLD = msgspec.structs.replace(SOUND.generation, age_seconds=27 * 3600)
HALTED, SPOOLING = (msgspec.structs.replace(SOUND.audit, **{what: 1}) for what in ("unavailable", "spooling"))
DRIFTED = load(outcome="refused", exit_code=65, message="drift breaker: persons", drift=["persons: 1", "contracts: 2"])

CASES: list[tuple[str, str, OpsState]] = [
    ("FlrNoGeneration", "now", but(generation=None)),
    ("FlrNotServed", "now", but(not_served=True)),
    ("FlrFallback", "now", but(not_served=True, fallback=True)),
    ("FlrStale", "now", but(generation=OLD)),
    ("FlrPinned", "known", with_folder(pin="6-0a1b2c3d")),
    ("FlrWorkersRestarting", "now", but(workers=SOUND.workers[:1])),
    ("FlrWorkersRestarting", "soon", but(restarts=3)),
    ("FlrSwapFailed", "now", but(workers=[*SOUND.workers[:1], OTHER])),
    ("FlrSwapFailed", "soon", but(failed_swaps=1)),
    ("FlrDraining", "known", but(draining=True)),
    ("FlrDrift", "soon", but(loads=[load(verb="pin", outcome="6-0a1b2c3d"), DRIFTED, load()])),
    ("FlrLoadFails", "soon", but(loads=[load(outcome="refused", exit_code=65, message="contracts.ndjson:2: x")])),
    ("FlrLoadFails", "soon", but(loads=[load(exit_code=70, adoption="not adopted")])),
    ("FlrAuditHalted", "now", but(audit=HALTED)),
    ("FlrAuditSpooling", "soon", but(audit=SPOOLING)),
    ("FlrDiskLow", "soon", but(free={"data": 10**9})),
    ("FlrDiskLow", "soon", but(free={"data": 10**12, "audit": 10**9})),
    ("FlrErrors", "now", but(now=pace(failed=1.5))),
    ("FlrSlow", "soon", but(now=pace(p99=0.3))),
    ("FlrClientsUnfit", "soon", but(clients_unfit=2)),
    ("FlrNearQuota", "soon", but(clients=[client(), client(name="hungry", used=0.81)])),
    ("FlrCertificateExpires", "soon", but(certificate_days=13.0)),
    ("FlrCertificateExpires", "now", but(certificate_days=-1.0)),
]


def test_where_all_is_well_nothing_is_found() -> None:
    assert findings(SOUND, Settings(), []) == []


@pytest.mark.parametrize(
    "state",
    [
        but(now=None),
        but(now=pace(requests=0.1, failed=0.1)),  # one of six is no share
        but(now=pace(failed=1.0)),
        but(certificate_days=None),
        but(audit=None),
        but(loads=[load(outcome="nothing new"), DRIFTED]),
        but(loads=[]),
        but(workers=[msgspec.structs.replace(one, state="draining") for one in SOUND.workers]),
        but(free={}),
    ],
    ids=range(9),
)
def test_what_is_no_trouble_is_none(state: OpsState) -> None:
    assert findings(state, Settings(), []) == []


@pytest.mark.parametrize(("name", "level", "state"), CASES)
def test_each_trouble_is_found_alone_and_says_what_to_run(name: str, level: str, state: OpsState) -> None:
    (found,) = findings(state, Settings(), [])
    assert (found.name, found.level) == (name, level)
    assert found.what.endswith(".")
    commands = [shlex.split(line) for line in found.run]
    assert commands or name == "FlrDraining"
    for command in commands:
        if command[0].startswith("flr-"):
            assert command[-2:] == ["--data-dir", "/srv/flr data"]


def test_what_cannot_be_read_is_found() -> None:
    (found,) = findings(SOUND, Settings(), ["CURRENT cannot be read: no"])
    assert found.what == "CURRENT cannot be read: no."


def test_age_is_no_trouble_where_it_has_no_limit() -> None:
    assert findings(but(generation=OLD), Settings(stale_warn_hours=0), []) == []


def test_the_most_pressing_comes_first() -> None:
    state = but(draining=True, restarts=1, audit=HALTED)
    assert [one.level for one in findings(state, Settings(), [])] == ["now", "soon", "known"]


def test_a_drifted_load_tells_how_long_ago_and_what_it_would_take() -> None:
    (found,) = findings(but(loads=[DRIFTED]), Settings(), [])
    assert found.what == (
        "The last load, 1 h 0 min ago, ended with 65: drift breaker: persons, and 1 limits more (below)."
        " Accept it only when the master says that it is right."
    )
    assert found.run[1].startswith("flr-loader load FEED --accept-drift REASON ")


def test_every_name_has_a_paragraph_in_the_documentation() -> None:
    headings: Any = re.findall(r"^### (Flr\w+)$", OPERATIONS.read_text(), re.M)
    assert {name for name, _, _ in CASES} <= set(headings)
