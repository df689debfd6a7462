"""The log of credentials that were not taken."""

import re
from pathlib import Path

import structlog

from lookup.access.caller import Refused
from lookup.access.failures import Failures


def test_one_line_a_second_and_client_counts_the_others() -> None:
    failures = Failures()
    with structlog.testing.capture_logs() as lines:
        for now, client in ((0.0, None), (0.5, None), (0.9, "clinic"), (0.99, None), (1.0, None), (1.2, "clinic")):
            failures.tell(Refused("wrong-password", client), "basic", now)
        failures.tell(Refused("disabled", "clinic"), "basic", 2.0)
    assert [(line["client"], line["why"], line["untold"]) for line in lines] == [
        ("unknown", "wrong-password", 0),
        ("clinic", "wrong-password", 0),
        ("unknown", "wrong-password", 2),
        ("clinic", "disabled", 1),
    ]
    assert lines[0] == {
        "event": "credential refused",
        "log_level": "warning",
        "client": "unknown",
        "kind": "basic",
        "why": "wrong-password",
        "untold": 0,
    }


def test_a_clock_that_was_set_back_silences_nobody() -> None:
    failures = Failures()
    with structlog.testing.capture_logs() as lines:
        for now in (1000.0, 10.0, 10.5):
            failures.tell(Refused("malformed"), "basic", now)
    assert len(lines) == 2


def test_the_documentation_has_every_reason() -> None:
    root = Path(__file__).resolve().parents[2]
    sources = [root / "lookup" / "access" / name for name in ("basic.py", "certificate.py")]
    given = {why for path in sources for why in re.findall(r'Refused\("([a-z-]+)"', path.read_text())}
    assert len(given) == 8
    assert given <= set(re.findall(r"`([a-z-]+)`", (root / "docs" / "security.md").read_text()))
