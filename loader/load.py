"""A load from feed to service: read -> build (or apply) -> verify -> publish, under the lock, with a report.

Until CURRENT is replaced nothing that is in service has been touched; whatever stops the load leaves the old
generation. Nothing that fails after that undoes it, or hides that it has happened.
"""

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from loader.build import Build, Built
from loader.choose import Asked, Chosen, FlrExport, choose
from loader.drift import check_drift
from loader.errors import BadFeed, NotAdopted, as_loader_error
from loader.flr_source import sources
from loader.increment import Increment
from loader.lock import LoaderLock
from loader.progress import Progress
from loader.publish import (
    Staging,
    in_service,
    prepare,
    prune,
    require_space,
    sweep,
    wait_adopted,
)
from loader.report import LoadReport, write_report
from loader.settings import Settings
from loader.state import State
from loader.textfile import write_textfile
from loader.verify import ask_reader, check_tables_stored, structure, verify_built
from lookup.manifest import (
    FORMAT,
    GENERATIONS,
    INDEX,
    KINDS,
    NEEDED,
    PEOPLE,
    POINTERS,
    READER,
    FileEntry,
    Manifest,
    NotServable,
    read_manifest,
    write_manifest,
)
from lookup.tables import Window
from register.feed import file_sha256
from register.localtime import local_micros

# What a load writes at most, in bytes a record: rows and lines in the spool, and what comes of them.
PERSON_BYTES = 400
MEMBERSHIP_BYTES = 110


def load(
    folder: Path,
    settings: Settings,
    progress: Progress,
    *,
    rebuild: bool = False,
    allow_older: str | None = None,
    accept_drift: str | None = None,
    flr_export: FlrExport | None = None,
) -> LoadReport:
    """Load a feed, or of a folder of feeds what is pending there. Raises what loader.errors says.

    Leaves a report of what it did or what stopped it. A full feed and the incremental ones after it are two loads; the
    report is that of the last. With `flr_export` it is the real register's export that is loaded.
    """
    asked = Asked(folder, settings.feed_public_key, rebuild, allow_older, flr_export)
    report = _load(asked, settings, progress, accept_drift)
    while report.more:
        report = _load(asked, settings, progress, accept_drift)
    return report


def _load(asked: Asked, settings: Settings, progress: Progress, accept_drift: str | None) -> LoadReport:
    started = datetime.now(UTC)
    created = prepare(settings.data_dir, settings.run_folder)
    with LoaderLock(settings.data_dir, settings.stuck_after_seconds):
        before, _ = in_service(settings.data_dir)
        report = LoadReport(
            outcome="failed",
            generation=before,
            previous=before,
            started=_text(started),
            created=created,
            allow_older=asked.allow_older,
            accept_drift=accept_drift,
        )
        try:
            sweep(settings.data_dir)
            with sources(asked, settings, progress, report.warnings) as feeds:
                report.feed = feeds[-1].manifest.source
                chosen = choose(settings.data_dir, feeds, asked)
                report.serial = chosen.serial
                if not chosen.feeds:
                    report.outcome = "nothing new"
                elif chosen.feeds[0].manifest.kind == "full":
                    _run(chosen, settings, progress, report)
                else:
                    _run_increment(chosen, settings, progress, report)
            _follow_up(settings, progress, report)
        except BaseException as error:
            _note(settings.data_dir, report, error)
            raise
        finally:
            report.seconds = progress.seconds
            report.finished = _text(datetime.now(UTC))
            if report.outcome != "nothing new" or report.message is not None:
                _keep(settings.data_dir, started, report)
            if settings.metrics_file is not None:
                _tell(settings.metrics_file, settings.data_dir, report)
    return report


def _note(data_dir: Path, report: LoadReport, error: BaseException) -> None:
    """Say in the report what stopped the load."""
    if isinstance(error, Exception):
        known = as_loader_error(error)
        report.message, report.exit_code = str(known), known.exit_code
    else:
        report.message = "stopped by a signal"
        report.exit_code = error.code if isinstance(error, SystemExit) and isinstance(error.code, int) else 130
    if report.outcome == "failed":
        report.generation, _ = in_service(data_dir)
    if isinstance(error, BadFeed):
        report.outcome, report.omitted = "refused", list(error.faults or (str(error),))


def _keep(data_dir: Path, started: datetime, report: LoadReport) -> None:
    """Keep the report. When that fails, what the load came to stays what it was."""
    name = f"{started:%Y%m%dT%H%M%S.%f}" + ("" if report.serial is None else f"-{report.serial}")
    try:
        write_report(data_dir, name, report)
    except OSError as error:
        sys.stderr.write(f"flr-loader: the report could not be kept: {error.strerror}\n")


def _tell(path: Path, data_dir: Path, report: LoadReport) -> None:
    """Write the metrics. When that fails, what the load came to stays what it was."""
    try:
        write_textfile(path, data_dir, report)
    except OSError as error:
        sys.stderr.write(f"flr-loader: {path} could not be written: {error.strerror}\n")


def _run(chosen: Chosen, settings: Settings, progress: Progress, report: LoadReport) -> None:
    """Build, verify and publish a full feed."""
    (feed,) = chosen.feeds
    require_space(
        settings.data_dir, feed.records("persons") * PERSON_BYTES + feed.records("memberships") * MEMBERSHIP_BYTES
    )
    now = time.time()
    with Staging(settings.data_dir) as staging:
        build = Build(feed, staging.folder, local_micros(now), progress, settings.process_count)
        built = build.run()
        report.drift = _drift(settings.data_dir, chosen.current, built, report.accept_drift)
        verify_built(feed, staging.folder, built, progress, build.processes)
        _publish(staging, chosen, built, None, now, progress, report)
    report.more = chosen.more


def _run_increment(chosen: Chosen, settings: Settings, progress: Progress, report: LoadReport) -> None:
    """Apply incremental feeds to what is in service, verify and publish."""
    base = chosen.base
    assert base is not None
    require_space(settings.data_dir, 2 * sum(entry.bytes for entry in base.manifest.files))
    now = time.time()
    with progress.step("apply", len(chosen.feeds)):
        state = State(base)
        for feed in chosen.feeds:
            state.apply(feed)
            progress.advance()
        state.check()
    with Staging(settings.data_dir) as staging:
        increment = Increment(state, local_micros(now), progress)
        built = increment.run(staging.folder)
        report.rendered = increment.rendered
        report.drift = _drift(settings.data_dir, chosen.current, built, report.accept_drift)
        with progress.step("structure"):
            structure(staging.folder, settings.process_count)
            check_tables_stored(staging.folder, built.counts)
        _publish(staging, chosen, built, chosen.current, now, progress, report)


def _publish(
    staging: Staging,
    chosen: Chosen,
    built: Built,
    base: str | None,
    now: float,
    progress: Progress,
    report: LoadReport,
) -> None:
    """Seal what was built, ask the serving reader, and put it in service."""
    with progress.step("seal"):
        write_manifest(staging.folder, _manifest(chosen, staging.folder, built, base, now))
        staging.seal(chosen.serial)
    with progress.step("reader"):
        ask_reader(staging.folder, built.sample)
    report.generation = staging.publish()
    report.outcome, report.counts = "published", built.counts
    report.warnings += built.warnings


def _follow_up(settings: Settings, progress: Progress, report: LoadReport) -> None:
    """What comes after the swap. With nothing new too: what the last load did not live to see is looked at again."""
    try:
        _adopt(settings, progress, report)
    finally:
        if report.outcome == "published":
            _prune(settings, report)


def _adopt(settings: Settings, progress: Progress, report: LoadReport) -> None:
    assert report.generation is not None
    try:
        with progress.step("adoption"):
            adoption = wait_adopted(
                settings.data_dir, settings.run_folder, report.generation, settings.adopt_timeout_seconds
            )
    except NotAdopted:
        report.adoption = "not adopted"
        raise
    except OSError as error:
        raise NotAdopted(
            f"{report.generation} is announced; who serves it is not to be seen: {error.strerror}"
        ) from error
    report.adoption, report.workers = adoption.outcome, adoption.workers


def _prune(settings: Settings, report: LoadReport) -> None:
    try:
        pruned = prune(settings.data_dir, settings.run_folder, settings.keep_generations)
    except Exception as error:  # noqa: BLE001 -- the load has done its work, whatever this is
        report.warnings.append(f"old generations were not removed: {as_loader_error(error)}")
    else:
        report.pruned = pruned.removed
        report.warnings += pruned.warnings


def _drift(data_dir: Path, current: str | None, built: Built, accepted: str | None) -> list[str]:
    """Hold what was built against what is in service; a first load, or one over damage, is held against nothing."""
    if current is None:
        return []
    try:
        before, _ = read_manifest(data_dir / GENERATIONS / current)
    except NotServable:
        return []
    return check_drift(before, built.counts, built.unplaced, accepted)


def _manifest(chosen: Chosen, folder: Path, built: Built, base: str | None, now: float) -> Manifest:
    feed, files = chosen.feeds[-1], []
    for kind in (INDEX, POINTERS, PEOPLE):
        path = folder / KINDS[kind]
        size = path.stat().st_size
        files.append(FileEntry(name=path.name, kind=kind, needed=kind in NEEDED, bytes=size, sha256=file_sha256(path)))
    return Manifest(
        format=FORMAT,
        reader=READER,
        serial=chosen.serial,
        base=base,
        content_digest=built.content_digest,
        as_of=feed.manifest.as_of,
        source=feed.manifest.source,
        built_at=_text(datetime.fromtimestamp(now, UTC)),
        window=Window(*built.window),
        bits=built.bits,
        slots=built.slots,
        counts=built.counts,
        unplaced=built.unplaced,
        files=files,
    )


def _text(time: datetime) -> str:
    return time.isoformat(timespec="microseconds")
