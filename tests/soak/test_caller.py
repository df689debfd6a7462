"""The soak sees what it is there to see: each fault of a peer that is otherwise right ends it, and says what it was."""

import re
from collections.abc import Mapping

import pytest

from tests.soak import line, peer
from tests.soak.answers import Wrong
from tests.soak.caller import Caller, Share
from tests.soak.line import ENDINGS

FAULTS = {
    "another's event": "the event id of another request",
    "no event": "the event id of no request",
    "another's body": "another body",
    "another generation's body": "another body",
    "an octet more": "more than was asked for|no status line",
    "twice": "more than was asked for|the event id of another request",
    "cut": "closed, [0-9]+ unanswered",
    "another status": "status 404 for 200",
    "said to be closed": "to be closed",
    "a field twice": "content-length twice",
    "refusal answered": "status 200 for what is to be refused",
    "refusal not closed": "refused, and not closed",
    "no answer": "the event id of another request|nothing for",
}


def asked(port: int, answers: int, endings: Mapping[str, int] = ENDINGS) -> Caller:
    caller = Caller(Share(0, port, answers, 8, 3, endings), peer.decks(), lambda _: True)
    caller.run()
    return caller


def test_a_right_peer_is_right() -> None:
    with peer.serving() as port:
        caller = asked(port, 20_000)
    assert caller.answers >= 20_000
    assert {name for name in ENDINGS if caller.tally[name]} == set(ENDINGS)
    assert caller.tally["unanswered when left"] > 0


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_seen(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "PATIENCE_SECONDS", 1.0)
    endings = {"refused": 1} if fault.startswith("refusal") else {"polite": 1}
    with peer.serving(fault) as port, pytest.raises(Wrong, match=FAULTS[fault]) as caught:
        asked(port, 20_000, endings)
    assert not re.search(r"[0-9]{11}", str(caught.value))
