"""What the audit's commands print: text for people, JSON for programs."""

from collections.abc import Sequence
from dataclasses import asdict

import msgspec

from lookup.audit.insight import Seen
from lookup.audit.verify import CHANGED, TORN_END, Verified, counts, worst

_VERDICTS = {
    None: "It is as it was written.",
    TORN_END: "Something is torn at the end of what was written, as a power cut leaves it. Nothing sealed was changed.",
    CHANGED: "It is NOT as it was written.",
}
_COLUMNS = ("time", "client", "organization", "unit", "person_behind", "operation", "outcome", "generation", "event_id")


def verified(reports: Sequence[Verified]) -> str:
    """What a verification has found."""
    lines = []
    for report in reports:
        sealed = f"sealed up to {report.sealed}, {report.unsealed} since" if report.sealed else "not sealed yet"
        lines.append(f"{report.name}: {report.segments} segments, {report.records} records, {sealed}")
        lines += [f"  {finding.kind}: {finding.where}: {finding.what}" for finding in report.findings]
    total = counts(reports)
    lines.append(f"{total['series']} series, {total['segments']} segments, {total['records']} records.")
    lines.append(_VERDICTS[worst(reports)])
    return "\n".join(lines) + "\n"


def verified_json(reports: Sequence[Verified]) -> str:
    """The same for a program."""
    told = {"verdict": worst(reports) or "whole", **counts(reports)}
    told["series"] = [asdict(report) for report in reports]
    return msgspec.json.encode(told, enc_hook=msgspec.to_builtins).decode() + "\n"


def seen(rows: Sequence[Seen], numbers: int) -> str:
    """Who looked at a person: a table."""
    table = [tuple(column.replace("_", " ") for column in _COLUMNS)]
    for row in rows:
        cells = tuple("" if (cell := getattr(row, column)) is None else str(cell) for column in _COLUMNS)
        table.append((*cells[:-1], cells[-1] + ("" if row.intact else "  (not as it was written: see audit verify)")))
    widths = [max(len(cells[i]) for cells in table) for i in range(len(_COLUMNS))]
    lines = [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip() for cells in table
    ]
    some = "1 number" if numbers == 1 else f"{numbers} numbers"
    return "\n".join([*lines, f"{len(rows)} records, of {some} of the person."]) + "\n"


def seen_json(rows: Sequence[Seen]) -> str:
    """The same for a program, a JSON object a line."""
    return "".join(msgspec.json.encode(row).decode() + "\n" for row in rows)


def heads(reports: Sequence[Verified]) -> str:
    """The newest seal of every series, a JSON object a line."""
    return "".join(msgspec.json.encode(report.last).decode() + "\n" for report in reports if report.last)
