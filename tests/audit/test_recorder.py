"""Refusals in the audit: of callers that are known every one, of those whom nobody knows a few a second."""

from pathlib import Path
from typing import Any

import pytest

from lookup.audit.record import OUTCOME
from lookup.audit.recorder import REFUSALS_A_SECOND, SECOND_NS, Recorder
from lookup.core import Ticket
from lookup.settings import Settings
from tests.audit.writing import KEYS, NOW


class Noting:
    """In the place of a ledger: who was refused, and when."""

    def __init__(self) -> None:
        self.noted: list[tuple[int, int]] = []

    def who(self, text: bytes) -> int:
        return len(text)

    def record(self, now_ns: int, who: int, operation: int, outcome: int, serial: int, *_: Any) -> bool:
        assert (operation, outcome, serial) == (3, OUTCOME["unauthenticated"], 0)
        self.noted.append((now_ns, who))
        return True


@pytest.mark.parametrize(
    ("ticket", "recorded"), [(None, REFUSALS_A_SECOND), (Ticket(None, expires=NOW, text=b"ward"), 25)]
)
def test_nobody_floods_the_audit_by_being_refused(tmp_path: Path, ticket: Ticket | None, recorded: int) -> None:
    recorder, ledger = Recorder(Settings(data_dir=tmp_path), KEYS), Noting()
    recorder.ledger = ledger  # type: ignore[assignment]
    first = NOW - NOW % SECOND_NS
    for second in (0, 1):
        for nth in range(25):
            now = first + second * SECOND_NS + nth * (SECOND_NS // 25)
            recorder.refused(now, 3, "unauthenticated", ticket, b"")
    of_first = [who for at, who in ledger.noted if at < first + SECOND_NS]
    assert len(of_first) == len(ledger.noted) - len(of_first) == recorded
    assert set(of_first) == {0 if ticket is None else len(ticket.text)}
