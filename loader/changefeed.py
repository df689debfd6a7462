"""The change feed of a generation that is being made: what the load has changed, behind what is kept of its base's.

A full load is held against what is in service; of incremental feeds each is a batch of its own, however many of them
one load takes. Where it cannot be told what has changed, or is more than is kept, the feed starts anew, and followers
have to start again: an event is never left out without their being told so.
"""

from __future__ import annotations

from pathlib import Path

from loader.changes import Changes
from loader.choose import Chosen
from loader.eventfile import NewBatch, write_events
from loader.full_events import FullEvents, unsealed, view
from loader.membership_changes import TooMany
from loader.progress import Progress
from loader.report import LoadReport
from loader.settings import Settings
from lookup.generation import Generation, NotServable, open_generation
from lookup.manifest import EVENTS, GENERATIONS, KINDS, read_refused
from lookup.record import Damaged


def base_of(data_dir: Path, current: str | None, report: LoadReport) -> Generation | None:
    """What a full load is held against: what is in service, if it is sound and not refused."""
    if current is None:
        return None
    try:
        if current not in {refusal.name for refusal in read_refused(data_dir)}:
            return open_generation(data_dir / GENERATIONS / current)
        reason = "it is refused"
    except NotServable as error:
        reason = str(error)
    report.warnings.append(f"the change feed starts anew: nothing is held against {current}: {reason}")
    return None


def write_full(
    folder: Path,
    chosen: Chosen,
    base: Generation | None,
    digest: str,
    changes: Changes | None,
    settings: Settings,
    progress: Progress,
    report: LoadReport,
) -> None:
    """Write the change feed of a full load, whose other files are in `folder`; `digest` is of its content.

    `changes`: what the load changes in its base, or None, where that could not be told; then there is no base either.
    """
    said = chosen.feeds[-1].manifest
    nothing = NewBatch(chosen.serial, digest, said.as_of, 0, ())
    if base is None or changes is None:
        report.events = write_events(folder / KINDS[EVENTS], None, [nothing], settings.keep_events)
        return
    if base.manifest.content_digest == digest:
        _write(folder, base, [nothing], settings, report)
        return
    with unsealed(folder) as new:
        try:
            events = FullEvents(view(base.folder, base.tables), new, changes.touched, settings.keep_events, progress)
        except (TooMany, Damaged) as error:
            reason = f"{base.name} is damaged" if isinstance(error, Damaged) else "more has changed than it keeps"
            report.warnings.append(f"the change feed starts anew: {reason}")
            batch = NewBatch(chosen.serial, digest, said.as_of, 0, None)
        else:
            batch = NewBatch(chosen.serial, digest, said.as_of, events.count, events)
        _write(folder, base, [batch], settings, report)


def write_increment(
    folder: Path, base: Generation, batches: list[NewBatch], settings: Settings, report: LoadReport
) -> None:
    """Write the change feed of an incremental load: a batch for each of its feeds."""
    _write(folder, base, batches, settings, report)


def _write(folder: Path, base: Generation, batches: list[NewBatch], settings: Settings, report: LoadReport) -> None:
    if base.events is None:  # of a generation from before there was a change feed, it begins where that one ends
        said = base.manifest
        batches = [NewBatch(said.serial, said.content_digest, said.as_of, 0, ()), *batches]
    report.events = write_events(folder / KINDS[EVENTS], base.events, batches, settings.keep_events)
