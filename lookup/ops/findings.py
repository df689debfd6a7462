"""Judges what was gathered: is all well, and if not, what to look at and which commands to begin with.

The names are those of the alerts in deploy/prometheus and of the headings in docs/operations.md, so whoever was woken
by one finds the same word here. `now`: callers or data suffer; `soon`: they will; `known`: somebody has decided it.
"""

import shlex
from collections.abc import Iterator
from datetime import datetime

from lookup.ops.state import Finding, OpsState
from lookup.ops.words import span
from lookup.settings import Settings

FEW_REQUESTS = 20  # in a minute: fewer say nothing about a share of them
FAILED_SHARE = 0.01
SLOW_SECONDS = 0.25  # p99
NEAR_LIMIT = 0.8
CERTIFICATE_DAYS = 14
LEAST_FREE_BYTES = 2 * 10**9
_DONE = ("published", "nothing new")
_LEVELS = ("now", "soon", "known")


def findings(state: OpsState, settings: Settings, problems: list[str]) -> list[Finding]:
    """What is found, the most pressing first. `problems` are what could not be read."""
    where = f"--data-dir {shlex.quote(state.folder.data_dir)}"
    found = [
        *_served(state, settings, where, problems),
        *_workers(state, where),
        *_loaded(state, where),
        *_recorded(state, where),
        *_asked(state, where),
    ]
    return sorted(found, key=lambda one: _LEVELS.index(one.level))


def _served(state: OpsState, settings: Settings, where: str, problems: list[str]) -> Iterator[Finding]:
    status, verify = f"flr-loader status {where}", f"flr-loader verify {where}"
    folder, generation = state.folder, state.generation
    if generation is None:
        yield Finding(
            name="FlrNoGeneration",
            level="now",
            what="No generation is in service: every question about the register is answered 503.",
            run=[status, f"flr-loader load FEED {where}"],
        )
    if state.not_served:
        named = f"{'PIN' if folder.pin else 'CURRENT'} names {folder.pin or folder.current or 'nothing'}"
        instead = "another generation is served instead" if state.fallback else "what was in service stays"
        yield Finding(
            name="FlrFallback" if state.fallback else "FlrNotServed",
            level="now",
            what=f"{named}, which is not fit to serve; {instead}.",
            run=[verify, status],
        )
    if problems:
        yield Finding(name="FlrNotServed", level="now", what=f"{'; '.join(problems)}.", run=[status])
    if generation is not None and 0 < settings.stale_warn_hours * 3600 < generation.age_seconds:
        hours = generation.age_seconds / 3600
        yield Finding(
            name="FlrStale",
            level="now",
            what=f"The register is {hours:.0f} hours old; {settings.stale_warn_hours:g} is the limit.",
            run=[status, f"flr-loader load FEED {where}"],
        )
    if folder.pin is not None:
        yield Finding(
            name="FlrPinned",
            level="known",
            what=f"PIN holds {folder.pin}; CURRENT names {folder.current}. Loads go on, and are not served.",
            run=[f"flr-loader unpin {where}"],
        )


def _workers(state: OpsState, where: str) -> Iterator[Finding]:
    ready = [one for one in state.workers if one.state != "starting"]
    if len(ready) < state.workers_wanted or state.restarts:
        died = f", and {state.restarts} died within the hour" if state.restarts else ""
        yield Finding(
            name="FlrWorkersRestarting",
            level="now" if len(ready) < state.workers_wanted else "soon",
            what=f"{len(ready)} of {state.workers_wanted} workers are at work{died}.",
            run=["journalctl -u flr-lookup --since -1h", f"flr-loader status {where}"],
        )
    serving = {one.generation for one in ready}
    if len(serving) > 1 or state.failed_swaps:
        names = ", ".join(sorted(name or "none" for name in serving))
        failed = f" {state.failed_swaps} swaps failed within the hour." if state.failed_swaps else ""
        yield Finding(
            name="FlrSwapFailed",
            level="now" if len(serving) > 1 else "soon",
            what=f"The workers serve {names}.{failed}",
            run=["journalctl -u flr-lookup --since -1h", f"flr-loader verify {where}"],
        )
    if state.draining:
        yield Finding(name="FlrDraining", level="known", what="The service is about to stop.", run=[])


def _loaded(state: OpsState, where: str) -> Iterator[Finding]:
    """The newest load or pull: moves between generations do not make it good."""
    load = next((one for one in state.loads if one.outcome in (*_DONE, "refused", "failed")), None)
    if load is None or (load.exit_code == 0 and load.outcome in _DONE):
        return
    drifted = load.outcome == "refused" and load.drift
    ago = datetime.fromisoformat(state.at) - datetime.fromisoformat(load.at)
    said = f"The last {load.verb}, {span(ago.total_seconds())} ago, ended with {load.exit_code}"
    more = f", and {len(load.drift) - 1} limits more (below)" if drifted and len(load.drift) > 1 else ""
    advice = " Accept it only when the master says that it is right." if drifted else ""
    again = f"flr-loader {load.verb} {'FEED' if load.verb == 'load' else '--from STORE'}"
    yield Finding(
        name="FlrDrift" if drifted else "FlrLoadFails",
        level="soon",
        what=f"{said}: {(load.message or load.outcome).rstrip('.')}{more}.{advice}",
        run=[f"flr-loader status {where}", f"{again} {'--accept-drift REASON ' if drifted else ''}{where}"],
    )


def _recorded(state: OpsState, where: str) -> Iterator[Finding]:
    audit = state.audit
    if audit is not None and audit.unavailable:
        yield Finding(
            name="FlrAuditHalted",
            level="now",
            what=f"{audit.unavailable} workers cannot record who asks, and so tell nothing of persons (503).",
            run=[f"df -h {shlex.quote(audit.folder)}", f"flr-lookup audit verify {where}"],
        )
    if audit is not None and audit.spooling:
        yield Finding(
            name="FlrAuditSpooling",
            level="soon",
            what=f"{audit.spooling} workers record in the spool: the audit's own folder takes nothing.",
            run=[f"df -h {shlex.quote(audit.folder)}", f"flr-lookup audit verify {where}"],
        )
    least = LEAST_FREE_BYTES if state.generation is None else max(LEAST_FREE_BYTES, state.generation.bytes)
    for place, octets in state.free.items():
        if octets < (least if place == "data" else LEAST_FREE_BYTES):
            prune = f"flr-loader prune {where}" if place == "data" else f"flr-lookup audit prune {where}"
            yield Finding(
                name="FlrDiskLow",
                level="soon",
                what=f"{octets / 1e9:.1f} GB are free where the {place} {'are' if place == 'data' else 'is'}.",
                run=["df -h", prune],
            )


def _asked(state: OpsState, where: str) -> Iterator[Finding]:
    log, now = "journalctl -u flr-lookup --since -10min", state.now
    if now is not None and now.requests * now.seconds >= FEW_REQUESTS:
        if now.failed > FAILED_SHARE * now.requests:
            yield Finding(
                name="FlrErrors",
                level="now",
                what=f"{now.failed / now.requests:.1%} of the requests of the last minute failed (5xx).",
                run=[log],
            )
        if now.p99 is not None and now.p99 > SLOW_SECONDS:
            yield Finding(
                name="FlrSlow",
                level="soon",
                what=f"One request in a hundred takes more than {now.p99 * 1e3:.0f} ms.",
                run=["top", log],
            )
    if state.clients_unfit:
        yield Finding(
            name="FlrClientsUnfit",
            level="soon",
            what="The clients file is unfit or gone: the clients are those of before.",
            run=[f"flr-lookup clients list {where}", log],
        )
    near = [one for one in state.clients if one.used is not None and one.used >= NEAR_LIMIT]
    if near:
        names = ", ".join(f"{one.name} ({one.used:.0%} of {one.limit})" for one in near)
        yield Finding(
            name="FlrNearQuota",
            level="soon",
            what=f"Near or above a limit today: {names}.",
            run=[f"flr-lookup clients list {where}"],
        )
    if state.certificate_days is not None and state.certificate_days < CERTIFICATE_DAYS:
        yield Finding(
            name="FlrCertificateExpires",
            level="now" if state.certificate_days < 1 else "soon",
            what=f"The certificate is valid for {max(0.0, state.certificate_days):.1f} days yet.",
            run=["systemctl reload flr-lookup"],
        )
