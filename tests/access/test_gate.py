"""The gate, without a service: what is forgotten while a credential is being verified, and what is met twice."""

import asyncio
import os
from pathlib import Path
from typing import Any, ClassVar

import pytest

from lookup.access.caller import Caller, Limits, Refused
from lookup.access.gate import Gate
from lookup.access.quota import REQUESTS, Quotas
from lookup.access.roles import Role
from lookup.access.tickets import NOT_TAKEN, TAKEN
from lookup.core import Account, Ticket
from lookup.generation import open_generation
from tests.lookup import village
from tests.lookup.wires import request
from tests.wire.loopless import LooplessFront, Outcome, straight


def test_who_is_disabled_just_after_being_verified_is_not_kept() -> None:
    """The clients change in the very next turn of the loop: what was found before must not be put in place after."""

    async def asked() -> list[int]:
        disabled = False

        async def verify(_: bytes, now: float) -> Caller:
            await asyncio.sleep(0)
            if disabled:
                raise Refused("disabled")
            return Caller(client="ward", kind="basic", roles=frozenset({Role.LOOKUP}), expires=now + 60)

        gate = Gate({"basic": verify}, Quotas(), os.urandom(32))
        first = asyncio.get_running_loop().create_task(gate.admit(b"Basic x"))
        while gate.tickets.get(b"Basic x", gate.epoch_ns()) is None:
            await asyncio.sleep(0)
            assert not first.done()  # it is kept before anybody who waits goes on
        disabled = True
        gate.forget()
        return [(await first).verdict, (await gate.admit(b"Basic x")).verdict]

    assert asyncio.run(asked()) == [TAKEN, NOT_TAKEN]


class Signed:
    """What a proof is held against: it must be of its request, and is good once."""

    def __init__(self) -> None:
        self.used: list[bytes] = []

    def check(self, proof: bytes, *, method: str, path: str, now: float) -> None:
        if proof != f"{method} {path}".encode() or proof in self.used:
            raise Refused("proof")
        self.used.append(proof)


class TestProofs:
    """A request that both paths meet: what came of its proof counts once more, for that request alone."""

    PROOF, OTHER = b"POST /v2/flr", b"other"
    REQUEST: ClassVar[dict[str, str]] = {"method": "POST", "path": "/v2/flr"}

    def asked(self, *, again: bool) -> tuple[Gate, Ticket, list[str]]:
        """A gate that has met a good proof and a bad one, and what it has refused."""
        gate, refused = Gate({}, Quotas(), os.urandom(32)), list[str]()
        gate.on_refused = lambda: refused.append("refused")
        ticket = Ticket(None, bound=Signed(), expires=2**62)
        for proof in (self.PROOF, self.OTHER):
            assert gate.is_signed(ticket, proof, **self.REQUEST) == (proof == self.PROOF)
            if again:
                gate.ask_again()
        return gate, ticket, refused

    @pytest.mark.parametrize("again", [True, False])
    def test_is_told_the_same_once(self, again: bool) -> None:
        gate, ticket, refused = self.asked(again=again)
        assert gate.is_signed(ticket, self.PROOF, **self.REQUEST) == again
        assert not gate.is_signed(ticket, self.OTHER, **self.REQUEST)
        assert len(refused) == (1 if again else 3)
        for _ in range(2):
            assert not gate.is_signed(ticket, self.PROOF, **self.REQUEST)
            assert not gate.is_signed(ticket, self.OTHER, **self.REQUEST)

    def test_is_told_of_no_other_request(self) -> None:
        gate, ticket, _ = self.asked(again=True)
        assert not gate.is_signed(ticket, self.PROOF, method="POST", path="/v2/flr/Basic")
        assert not gate.is_signed(ticket, self.PROOF, method="GET", path="/v2/flr")
        another = Ticket(None, bound=Signed(), expires=2**62)
        another.bound.used.append(self.PROOF)
        assert not gate.is_signed(another, self.PROOF, **self.REQUEST)  # whose token this proof is not for
        assert gate.is_signed(ticket, self.PROOF, **self.REQUEST)


@pytest.mark.parametrize(
    ("path", "question"),
    [
        ("/v1/gp-lookup", {"nin": village.LISTED}),
        ("/v1/gp-lookup/batch", {"nins": [village.LISTED]}),
        ("/v1/gp-lookup/batch", {"nins": [*["00000000000"] * 200, village.LISTED]}),  # found in the batch's last turn
    ],
)
def test_what_is_damaged_is_counted_by_the_path_that_says_so(
    path: str, question: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The compiled path finds it when it has counted the request already, and looked at its proof."""
    quotas, bound, other = Quotas(), Signed(), Signed()
    gate = Gate({}, quotas, os.urandom(32))
    account = Account(quotas.slot("ward"), quotas.secret, Limits())
    gate.tickets.put(b"Basic x", Ticket(None, routes=2**32 - 1, bound=bound, expires=2**62, account=account))
    gate.tickets.put(b"Basic y", Ticket(None, routes=2**32 - 1, bound=other, expires=2**62))
    front = LooplessFront(open_generation(village.generation(tmp_path)), gate)
    at = {"at": "2036-01-01T00:00:00"}
    asked = request(path, question | at, "Authorization: Basic x", f"DPoP: POST {path}")

    def damaged(*_: object) -> None:
        raise LookupError

    monkeypatch.setattr(front, "render", damaged)
    transport = front.connect()
    transport.protocol.data_received(asked)
    assert bool(front.turns) == (len(question.get("nins", ())) > 64)
    # Somebody else asks meanwhile.
    proof = "DPoP: POST /v1/gp-lookup"
    another = straight(front, request("/v1/gp-lookup", {"nin": village.UNKNOWN}, "Authorization: Basic y", proof))
    assert another.answers.startswith(b"HTTP/1.1 404 ")
    while front.turns:
        front.turns.popleft()()
    outcome = Outcome(transport)
    assert (outcome.answers, outcome.handed) == (b"", asked)
    assert quotas.slot("ward")[REQUESTS] == 0
    assert bound.used == [f"POST {path}".encode()]
    ticket = gate.tickets.get(b"Basic x", 0)
    assert ticket is not None
    assert gate.is_signed(ticket, f"POST {path}".encode(), "POST", path)
