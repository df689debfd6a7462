"""What a load came to, for node_exporter's textfile collector: one small file, replaced after each load.

Whether data is fresh is seen from `flr_loader_as_of_timestamp_seconds`, whether cron still runs from
`flr_loader_run_timestamp_seconds`. A file that cannot be written never changes what a load came to.
"""

import contextlib
import time
from datetime import datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import write_to_textfile

from loader.changes import KINDS_OF_CHANGE
from loader.publish import in_service, read_pointer_safely
from loader.report import LoadReport
from lookup.manifest import GENERATIONS, PIN, NotServable, read_manifest, read_refused

WATCHED = ("persons", "memberships", "contracts")
HELP = {
    "flr_loader_run_timestamp_seconds": "When the last load ended.",
    "flr_loader_run_seconds": "How long it took.",
    "flr_loader_exit_code": "What it ended with; 0 is done, or nothing new.",
    "flr_loader_published": "Whether it put a generation in service.",
    "flr_loader_warnings": "Warnings in its report.",
    "flr_loader_changes": "Records that it changed, or would have, by table and kind of change.",
    "flr_loader_drift": "Limits of the drift breaker that it exceeded.",
    "flr_loader_canaries": "Canaries that it asked.",
    "flr_loader_canaries_differ": "Canaries that were answered otherwise than they must be.",
    "flr_loader_serial": "Sequence of the last feed applied to what CURRENT names.",
    "flr_loader_as_of_timestamp_seconds": "When the master's data was as what CURRENT names.",
    "flr_loader_pinned": "Whether PIN holds a generation in service.",
    "flr_loader_refused": "Generations that are refused.",
    "flr_loader_omitted_records": "Records of its feed that were left out of what CURRENT names.",
    "flr_loader_persons_without_gp": "Persons who were on no list when what CURRENT names was built.",
    "flr_loader_records": "Records of what CURRENT names, by table.",
}
LABELS = {"flr_loader_changes": ("table", "change"), "flr_loader_records": ("table",)}


def write_textfile(path: Path, data_dir: Path, report: LoadReport) -> None:
    """Write the file. Raises OSError."""
    registry = CollectorRegistry()
    _gauge(registry, "flr_loader_run_timestamp_seconds", time.time())
    _gauge(registry, "flr_loader_run_seconds", sum(report.seconds.values()))
    _gauge(registry, "flr_loader_exit_code", report.exit_code)
    _gauge(registry, "flr_loader_published", report.outcome == "published")
    _gauge(registry, "flr_loader_warnings", len(report.warnings))
    _gauge(registry, "flr_loader_drift", len(report.drift))
    _gauge(registry, "flr_loader_canaries", report.canaries)
    _gauge(registry, "flr_loader_canaries_differ", len(report.canaries_differ))
    changes = _labelled(registry, "flr_loader_changes")
    for table in WATCHED:
        for change in KINDS_OF_CHANGE:
            changes.labels(table, change).set((report.changes or {}).get(table, {}).get(change, 0))
    _gauge(registry, "flr_loader_pinned", read_pointer_safely(data_dir, PIN) is not None)
    with contextlib.suppress(NotServable):
        _gauge(registry, "flr_loader_refused", len(read_refused(data_dir)))
    current, serial = in_service(data_dir)
    if current is not None:
        _gauge(registry, "flr_loader_serial", serial)
        with contextlib.suppress(NotServable):
            manifest, _ = read_manifest(data_dir / GENERATIONS / current)
            as_of = datetime.fromisoformat(manifest.as_of).timestamp()
            _gauge(registry, "flr_loader_as_of_timestamp_seconds", as_of)
            _gauge(registry, "flr_loader_omitted_records", manifest.omitted)
            _gauge(registry, "flr_loader_persons_without_gp", manifest.unplaced)
            records = _labelled(registry, "flr_loader_records")
            for table, count in manifest.counts.items():
                records.labels(table).set(count)
    write_to_textfile(str(path), registry)


def _gauge(registry: CollectorRegistry, name: str, value: float) -> None:
    Gauge(name, HELP[name], registry=registry).set(value)


def _labelled(registry: CollectorRegistry, name: str) -> Gauge:
    return Gauge(name, HELP[name], LABELS[name], registry=registry)
