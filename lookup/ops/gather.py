"""Puts together what the operations page shows: from counters, run files, pointers, manifests and reports.

Reads small files, and so runs on a thread of the worker that is asked. Whatever cannot be read is among the problems:
the page is for the moment in which something is wrong.
"""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from lookup import metrics
from lookup.exchange import age_seconds
from lookup.manifest import CURRENT, PIN, NotServable, folders, read_pointer, read_refused, split_name
from lookup.ops import pulse
from lookup.ops.clients import clients
from lookup.ops.findings import findings
from lookup.ops.pulse import Counted, Sample
from lookup.ops.reports import last_loads
from lookup.ops.state import Audit, Folder, Generation, Load, OpsState, Pace, Route, Worker
from lookup.runfile import live_workers
from register.ids import mask

if TYPE_CHECKING:
    from lookup.current import ServiceState

LOADER_LOCK = "loader.lock"
NOW_SECONDS = 60  # what "now" is about, on the page
ROUTES_SECONDS = 300
DAY_SECONDS = 86_400


def gather(state: "ServiceState") -> OpsState:
    """Everything, as it is now."""
    counters, at = state.counters, state.clock.epoch_ns() / 1e9
    problems: list[str] = []
    routes = pulse.by_route(counters)
    newest = pulse.sample(counters, at, routes)
    samples = state.pulse.samples() or [newest]
    minutes_ago = pulse.before(samples, at - ROUTES_SECONDS)
    expires = counters.supervised(metrics.CERTIFICATE_EXPIRES)
    told = OpsState(
        at=_text(at),
        host=socket.gethostname(),
        version=metrics.running_version(),
        ok=True,
        findings=[],
        generation=_generation(state),
        folder=_folder(state.settings.data_dir, problems),
        draining=state.draining,
        workers=_workers(state.settings.run_folder, problems),
        workers_wanted=counters.workers,
        restarts=newest.restarts - samples[0].restarts,
        failed_swaps=newest.failed_swaps - samples[0].failed_swaps,
        not_served=bool(counters.supervised(metrics.NOT_SERVED)),
        fallback=bool(counters.supervised(metrics.FALLBACK)),
        clients_unfit=sum(counters.head(metrics.CLIENTS_UNFIT)),
        certificate_days=round((expires - at) / DAY_SECONDS, 1) if expires else None,
        free=counters.free(),
        now=_pace(pulse.before(samples, at - NOW_SECONDS), newest),
        hour=[pace for one, two in pairwise(samples) if (pace := _pace(one, two)) is not None],
        routes=list(_routes(state.pulse.routes_at(minutes_ago.at), routes, at - minutes_ago.at)),
        routes_seconds=round(at - minutes_ago.at, 3),
        loads=_loads(state.settings.data_dir, problems),
        audit=_audit(state),
        clients=clients(state),
        clients_registered=None if state.credentials is None else len(state.credentials.registry),
    )
    found = findings(told, state.settings, problems)
    return msgspec.structs.replace(told, findings=found, ok=all(one.level == "known" for one in found))


def _text(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _generation(state: "ServiceState") -> Generation | None:
    generation = state.current.generation
    if generation is None:
        return None
    manifest = generation.manifest
    return Generation(
        name=generation.name,
        serial=generation.serial,
        as_of=manifest.as_of,
        age_seconds=round(age_seconds(state, generation)),
        source=mask(manifest.source),
        built_at=manifest.built_at,
        base=manifest.base,
        counts=manifest.counts,
        omitted=manifest.omitted,
        bytes=sum(entry.bytes for entry in manifest.files),
    )


def _folder(data_dir: Path, problems: list[str]) -> Folder:
    pointers: dict[str, str | None] = {CURRENT: None, PIN: None}
    for which in pointers:
        try:
            pointers[which] = read_pointer(data_dir, which)
        except NotServable as error:
            problems.append(str(error))
    refused: dict[str, str] = {}
    try:
        refused = {one.name: mask(one.reason) for one in read_refused(data_dir)}
    except NotServable as error:
        problems.append(str(error))
    there = [folder.name for folder in folders(data_dir)]
    return Folder(
        data_dir=str(data_dir.absolute()),
        current=(current := pointers[CURRENT]),
        pin=pointers[PIN],
        generations=there,
        refused=refused,
        before=None if current is None else _before(current, there, refused),
        loading_since=_loading_since(data_dir),
    )


def _before(current: str, there: list[str], refused: dict[str, str]) -> str | None:
    """The newest generation before this one that is not refused: `there` is newest first."""
    serial, _ = split_name(current)
    sound = (name for name in there if name != current and name not in refused and split_name(name)[0] <= serial)
    return next(sound, None)


def _loading_since(data_dir: Path) -> str | None:
    """Since when a loader has been at work, if one is: what counts is its lock, let go of at once."""
    with suppress(OSError, msgspec.DecodeError), (data_dir / LOADER_LOCK).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            since = msgspec.json.decode(file.read(), type=dict[str, int | str]).get("since")
            return None if since is None else str(since)
    return None


def _workers(run_folder: Path, problems: list[str]) -> list[Worker]:
    if not os.access(run_folder, os.R_OK | os.X_OK):
        problems.append(f"{run_folder} cannot be read")
    return [Worker(pid=o.pid, state=o.state, generation=o.name, since=o.since) for o in live_workers(run_folder)]


def _loads(data_dir: Path, problems: list[str]) -> list[Load]:
    try:
        return last_loads(data_dir)
    except OSError as error:
        problems.append(f"the reports of loads cannot be read: {error.strerror}")
        return []


def _pace(one: Sample, other: Sample) -> Pace | None:
    """What callers met with between two samples; None when there is no time between them."""
    seconds = other.at - one.at
    if seconds <= 0:
        return None
    asked = other.requests.since(one.requests)
    return Pace(
        at=other.at,
        seconds=round(seconds, 3),
        requests=round(asked.answered / seconds, 3),
        persons=round((other.persons - one.persons) / seconds, 3),
        failed=round(asked.failed / seconds, 3),
        refused=round(asked.refused / seconds, 3),
        p50=asked.percentile(0.5),
        p99=asked.percentile(0.99),
    )


def _routes(then: dict[str, Counted], now: dict[str, Counted], seconds: float) -> Iterator[Route]:
    """The routes that were asked meanwhile, the busiest first."""
    asked = [(route, counted.since(then[route]) if route in then else counted) for route, counted in now.items()]
    for route, counted in sorted(asked, key=lambda one: -one[1].answered):
        if counted.answered and seconds > 0:
            yield Route(
                route=route,
                requests=round(counted.answered / seconds, 3),
                failed=counted.failed,
                refused=counted.refused,
                p50=counted.percentile(0.5),
                p99=counted.percentile(0.99),
            )


def _audit(state: "ServiceState") -> Audit | None:
    if state.audit is None:
        return None
    settings = state.settings
    return Audit(
        folder=str(settings.audit_folder.absolute()),
        sync=settings.audit_sync,
        unavailable=sum(state.counters.head(metrics.AUDIT_UNAVAILABLE)),
        spooling=sum(state.counters.head(metrics.AUDIT_SPOOLING)),
        spool=None if settings.audit_spool_dir is None else str(settings.audit_spool_dir.absolute()),
    )
