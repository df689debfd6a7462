"""The record of a load or a pull: what it came to, or what stopped it, in a report and in the metrics; and what comes
after the swap, which is the same for both.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from loader.errors import BadFeed, CanariesDiffer, NotAdopted, as_loader_error
from loader.progress import Progress
from loader.publish import in_service, prune, wait_adopted
from loader.report import LoadReport, write_report
from loader.settings import Settings


@contextmanager
def recorded(settings: Settings, started: datetime, progress: Progress, report: LoadReport) -> Iterator[None]:
    """Whatever comes of it inside the context stands in the report, which is kept, and in the metrics."""
    try:
        yield
    except BaseException as error:
        _note(settings.data_dir, report, error)
        raise
    finally:
        report.seconds = progress.seconds
        report.finished = text(datetime.now(UTC))
        if report.outcome != "nothing new" or report.message is not None:
            suffix = "" if report.serial is None else f"-{report.serial}"
            keep(settings.data_dir, f"{started:%Y%m%dT%H%M%S.%f}{suffix}", report)
        if settings.metrics_file is not None:
            _tell(settings.metrics_file, settings.data_dir, report)


def _note(data_dir: Path, report: LoadReport, error: BaseException) -> None:
    """Say in the report what stopped the load."""
    report.message, report.exit_code = told(error)
    if report.outcome == "failed":
        report.generation, _ = in_service(data_dir)
    if isinstance(error, CanariesDiffer):
        report.canaries_differ = list(error.faults)
    if isinstance(error, BadFeed):
        report.outcome, report.faults = "refused", list(error.faults or (str(error),))


def told(error: BaseException) -> tuple[str, int]:
    """(what a report says of what has ended it, the exit code)."""
    if isinstance(error, Exception):
        known = as_loader_error(error)
        return str(known), known.exit_code
    return "stopped by a signal", error.code if isinstance(error, SystemExit) and isinstance(error.code, int) else 130


def keep(data_dir: Path, name: str, report: msgspec.Struct) -> None:
    """Keep a report. When that fails, what it tells of stays what it was."""
    try:
        write_report(data_dir, name, report)
    except OSError as error:
        sys.stderr.write(f"flr-loader: the report could not be kept: {error.strerror}\n")


def _tell(path: Path, data_dir: Path, report: LoadReport) -> None:
    """Write the metrics. When that fails, what the load came to stays what it was."""
    try:
        from loader.textfile import write_textfile  # noqa: PLC0415 -- where nobody asks for it, it need not be there

        write_textfile(path, data_dir, report)
    except OSError as error:
        sys.stderr.write(f"flr-loader: {path} could not be written: {error.strerror}\n")


def follow_up(settings: Settings, progress: Progress, report: LoadReport) -> None:
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


def text(time: datetime) -> str:
    """A time as reports tell it."""
    return time.isoformat(timespec="microseconds")
