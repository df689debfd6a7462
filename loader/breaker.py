"""Holding what a load has built against what is in service, before it is published.

What the generation in service cannot tell is not held against it, with a warning: a first load is held against
nothing, one over damage only against what the manifest says.
"""

from pathlib import Path

from loader.build import Built
from loader.changes import Changes, changes_of, changes_to
from loader.drift import After, drift
from loader.errors import BadFeed
from loader.progress import Progress
from loader.report import LoadReport
from loader.state import State
from lookup.generation import open_generation
from lookup.manifest import GENERATIONS, Manifest, NotServable, read_manifest
from lookup.record import Damaged

NOT_COUNTED = "what the load changes was not counted, nor held against the limits: what is in service is damaged"
HOW_TO_ACCEPT = "--accept-drift REASON takes it"


def hold_full(
    data_dir: Path,
    current: str | None,
    folder: Path,
    built: Built,
    progress: Progress,
    processes: int,
    report: LoadReport,
) -> Changes | None:
    """Hold a full load's files, whose structure is sound, against what is in service. Raises BadFeed at a trip.

    Returns what the load changes, None where that cannot be told.
    """
    if current is None:
        return None
    changes = None
    try:
        changes = changes_to(folder, open_generation(data_dir / GENERATIONS / current), progress, processes)
    except (NotServable, Damaged):
        report.warnings.append(NOT_COUNTED)
    _hold(data_dir / GENERATIONS / current, _after(built, changes), report)
    return changes


def hold_increment(data_dir: Path, current: str | None, state: State, built: Built, report: LoadReport) -> None:
    """Hold what events have made against what they were applied to. Raises BadFeed when the breaker trips."""
    if current is not None:
        _hold(data_dir / GENERATIONS / current, _after(built, changes_of(state)), report)


def hold_offered(data_dir: Path, current: str | None, manifest: Manifest, report: LoadReport) -> None:
    """Hold what another node has built against what is in service, as far as its manifest tells. Raises BadFeed."""
    if current is not None:
        after = After(manifest.counts, manifest.unplaced, manifest.municipalities, None)
        _hold(data_dir / GENERATIONS / current, after, report)


def _after(built: Built, changes: Changes | None) -> After:
    return After(built.counts, built.unplaced, built.municipalities, changes)


def _hold(folder: Path, after: After, report: LoadReport) -> None:
    try:
        before, _ = read_manifest(folder)
    except NotServable:
        return
    report.changes = None if after.changes is None else after.changes.by_table()
    report.drift = drift(before, after)
    if report.drift and report.accept_drift is None:
        first, *more = report.drift
        raise BadFeed(f"drift breaker: {first}", (f"drift breaker: {first}", *more, HOW_TO_ACCEPT))
