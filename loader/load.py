"""A load from feed to service: read -> build (or apply) -> verify -> publish, under the lock, with a report.

Until CURRENT is replaced nothing that is in service has been touched; whatever stops the load leaves the old
generation. Nothing that fails after that undoes it, or hides that it has happened.
"""

import time
from datetime import UTC, datetime
from pathlib import Path

from loader.breaker import hold_full, hold_increment
from loader.build import Build, Built
from loader.canaries import Canaries, read_canaries
from loader.changefeed import base_of, write_full, write_increment
from loader.choose import Asked, Chosen, FlrExport, choose
from loader.content import check_content, check_content_since
from loader.copies import copying
from loader.digests import Digests
from loader.increment import Increment
from loader.lock import LoaderLock
from loader.progress import Progress
from loader.publish import (
    Staging,
    in_service,
    prepare,
    require_space,
    sweep,
)
from loader.reader import ask_reader
from loader.recorded import follow_up, recorded, text
from loader.report import LoadReport
from loader.settings import Settings
from loader.source import opened
from loader.state import State
from loader.tolerance import build_tolerating
from loader.verify import check_list, check_parts, check_tables_stored, structure, verify_built
from lookup.manifest import (
    CONTRACTS,
    FORMAT,
    INDEX,
    KINDS,
    NEEDED,
    PEOPLE,
    POINTERS,
    READER,
    SOAP,
    FileEntry,
    Manifest,
    write_manifest,
)
from lookup.tables import Window
from register.localtime import local_micros

# What a load writes at most, in bytes a record: rows and lines in the spool, and what comes of them.
PERSON_BYTES = 400
MEMBERSHIP_BYTES = 110
FINISHED = (INDEX, POINTERS, PEOPLE, SOAP, CONTRACTS)  # files, before the change feed is written


def load(
    feed: Path | str,
    settings: Settings,
    progress: Progress,
    *,
    rebuild: bool = False,
    allow_older: str | None = None,
    accept_drift: str | None = None,
    flr_export: FlrExport | None = None,
) -> LoadReport:
    """Load a feed, or of several what is pending. Raises what loader.errors says.

    `feed` is a folder that is one or holds several, or the URL of a store that is, which they are fetched from first.
    Leaves a report of what it did or what stopped it. A full feed and the incremental ones after it are two loads; the
    report is that of the last. With `flr_export` it is the real register's export that is loaded.
    """
    store = feed if isinstance(feed, str) else None
    asked = Asked(Path(feed), settings.feed_public_key, rebuild, allow_older, flr_export, store)
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
            started=text(started),
            created=created,
            allow_older=asked.allow_older,
            accept_drift=accept_drift,
        )
        with recorded(settings, started, progress, report):
            canaries = read_canaries(settings.canaries, local_micros(time.time()))
            sweep(settings.data_dir)
            with opened(asked, settings, progress, report.warnings) as source:
                report.feed = source.feeds[-1].manifest.source
                chosen = choose(settings.data_dir, source.feeds, asked)
                report.serial = chosen.serial
                report.fetched_bytes = source.fetch(chosen.feeds)
                if not chosen.feeds:
                    report.outcome = "nothing new"
                elif chosen.feeds[0].manifest.kind == "full":
                    _run(chosen, settings, canaries, progress, report)
                else:
                    _run_increment(chosen, settings, canaries, progress, report)
            follow_up(settings, progress, report)
    return report


def _run(chosen: Chosen, settings: Settings, canaries: Canaries, progress: Progress, report: LoadReport) -> None:
    """Build, verify and publish a full feed."""
    (feed,) = chosen.feeds
    require_space(
        settings.data_dir, feed.records("persons") * PERSON_BYTES + feed.records("memberships") * MEMBERSHIP_BYTES
    )
    now = time.time()
    with Staging(settings.data_dir) as staging:
        build = Build(feed, staging.folder, local_micros(now), progress, settings.process_count)
        built = build_tolerating(build, settings.tolerate)
        report.omitted = built.omitted
        verify_built(feed, staging.folder, built, progress)
        check_content(staging.folder, built.content_digest, progress, build.processes)
        changes = hold_full(settings.data_dir, chosen.current, staging.folder, built, progress, build.processes, report)
        base = base_of(settings.data_dir, chosen.current, report)
        write_full(staging.folder, chosen, base, built.content_digest, changes, settings, progress, report)
        with Digests(staging.folder, FINISHED) as digests:
            _publish(
                staging, chosen, built, None if base is None else base.name, now, digests, canaries, progress, report
            )
    report.more = chosen.more


def _run_increment(
    chosen: Chosen, settings: Settings, canaries: Canaries, progress: Progress, report: LoadReport
) -> None:
    """Apply incremental feeds to what is in service, verify and publish."""
    base = chosen.base
    assert base is not None
    require_space(settings.data_dir, 2 * sum(entry.bytes for entry in base.manifest.files))
    now = time.time()
    with Staging(settings.data_dir) as staging:
        state = State(base)
        # Before anything is known of the feeds, so that the disk writes meanwhile.
        with progress.step("apply", len(chosen.feeds)), copying(base.folder, staging.folder):
            for feed in chosen.feeds:
                state.apply(feed)
                progress.advance()
            state.check()
        increment = Increment(state, local_micros(now), progress)
        built = increment.run(staging.folder)
        report.rendered = increment.rendered
        report.parts_rendered, report.parts_compacted = increment.parts_rendered, increment.parts_compacted
        with Digests(staging.folder, FINISHED) as digests:
            hold_increment(settings.data_dir, chosen.current, state, built, report)
            with progress.step("structure"):
                structure(staging.folder)
                check_tables_stored(staging.folder, built.counts)
                check_parts(staging.folder, built)
                check_list(staging.folder, built)
            with progress.step("content"):
                changed = [table for table, records in state.before.items() if records]
                check_content_since(base, staging.folder, built.content_digest, increment.buckets, changed)
            write_increment(staging.folder, base, state.batches, settings, report)
            _publish(staging, chosen, built, chosen.current, now, digests, canaries, progress, report)


def _publish(
    staging: Staging,
    chosen: Chosen,
    built: Built,
    base: str | None,
    now: float,
    digests: Digests,
    canaries: Canaries,
    progress: Progress,
    report: LoadReport,
) -> None:
    """Seal what was built, ask the serving reader meanwhile, and put it in service."""
    with progress.step("digests"):
        write_manifest(staging.folder, _manifest(chosen, staging.folder, built, base, now, digests))
    with progress.step("seal"), staging.sealing(chosen.serial):
        report.canaries = len(canaries.lines)
        ask_reader(staging.folder, built.sample, canaries)
    report.generation = staging.publish()
    report.outcome, report.counts = "published", built.counts
    report.warnings += built.warnings


def _manifest(chosen: Chosen, folder: Path, built: Built, base: str | None, now: float, digests: Digests) -> Manifest:
    feed, files = chosen.feeds[-1], []
    for kind in KINDS:
        path = folder / KINDS[kind]
        size = path.stat().st_size
        files.append(FileEntry(name=path.name, kind=kind, needed=kind in NEEDED, bytes=size, sha256=digests.of(kind)))
    return Manifest(
        format=FORMAT,
        reader=READER,
        serial=chosen.serial,
        base=base,
        content_digest=built.content_digest,
        as_of=feed.manifest.as_of,
        source=feed.manifest.source,
        built_at=text(datetime.fromtimestamp(now, UTC)),
        window=Window(*built.window),
        bits=built.bits,
        slots=built.slots,
        counts=built.counts,
        unplaced=built.unplaced,
        municipalities=built.municipalities,
        omitted=len(built.omitted),
        files=files,
    )
