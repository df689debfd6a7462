"""The gate that both HTTP paths ask: who this is, and whether they may.

One for a worker. A credential is verified once, by the verifier of its scheme, and then kept by digest until it
expires, or the clients' file changes: then all are looked at anew. A refusal is kept for a second, so that whoever
repeats a wrong password costs little. What a caller is told never depends on why.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

import structlog

from lookup.access.basic import Busy
from lookup.access.caller import Caller, Refused
from lookup.access.failures import Failures
from lookup.access.jwks import Unavailable
from lookup.access.quota import Quotas
from lookup.access.roles import OPERATIONS, Operation
from lookup.access.tickets import BUSY, NOT_TAKEN, Bound
from lookup.canonical import ROUTES
from lookup.core import Account, Ticket, Tickets

log = structlog.get_logger()

REFUSED_NS = 10**9  # how long a refusal is kept
MAX_ASKED_AGAIN = 64
LONGEST_NS = 3600 * 10**9  # a credential is verified again after an hour, whatever it says
BY_NAME = {operation.name: operation for operation in OPERATIONS}
_OF_ROUTE = [BY_NAME[route.operation] for route in ROUTES]

BASIC = 'Basic realm="Fastlegeregisteret", charset="UTF-8"'

Verify = Callable[[bytes, float], Awaitable[Caller]]
Bind = Callable[[bytes, Caller], Bound]
Asked = tuple[Ticket, bytes, str, str]  # whose proof, the proof, method and path


class Gate:
    """`verifiers` by scheme, in small letters; `certificate` is that of the certificates that a proxy has verified."""

    def __init__(
        self,
        verifiers: Mapping[str, Verify],
        quotas: Quotas,
        secret: bytes,
        *,
        certificate: Verify | None = None,
        trusts: Callable[[str | None], bool] = lambda _: False,
        certificate_field: str = "Client-Cert",
        bind: Bind | None = None,
        challenge: str = BASIC,
        epoch_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """`secret` are 32 octets; `trusts` says whether the client at an address (None at a unix socket) is a proxy
        whose word on certificates is taken, in `certificate_field`; `bind` gives what the proofs of a credential's
        requests are held against; `challenge` is what a 401 asks for.
        """
        self.verifiers, self.quotas, self.certificate = verifiers, quotas, certificate
        self.trusts, self.certificate_field, self.bind = trusts, certificate_field, bind
        self.challenge, self.epoch_ns = challenge, epoch_ns
        self.looked_at: tuple[Asked, bool] | None = None  # the last proof, and whether it was good
        self._asked_again: dict[Asked, bool] = {}
        self.tickets, self.certificates = Tickets(secret), Tickets(secret)
        self.describe: Callable[[Caller], bytes] = lambda _: b""  # who that is, for the audit
        self.failures = Failures()
        self.on_refused: Callable[[], None] = lambda: None
        self._verifying: dict[tuple[bytes, bool], asyncio.Task[Ticket]] = {}

    async def admit(self, credential: bytes | None, certificate: bytes | None = None) -> Ticket:
        """The ticket of whoever shows this: an Authorization header's value, or else a certificate."""
        shown = certificate if credential is None else credential
        if shown is None:
            return self._refused(NOT_TAKEN)
        kept = self.certificates if credential is None else self.tickets
        ticket = kept.get(shown, self.epoch_ns())
        if ticket is not None:
            return ticket
        key = (shown, credential is None)
        task = self._verifying.get(key)
        if task is None:
            task = self._verifying[key] = asyncio.get_running_loop().create_task(self._verify(*key))
            task.add_done_callback(lambda _: self._verifying.pop(key))
        # Others wait for the same: whoever goes away must not take it with them.
        return await asyncio.shield(task)

    def is_signed(self, ticket: Ticket, proof: bytes | None, method: str, path: str) -> bool:
        """Whether a request of a caller whose key must sign every request is signed, and not for the second time."""
        if proof is None or ticket.bound is None:
            return False
        asked = ticket, proof, method, path
        signed = self._asked_again.pop(asked, None)
        if signed is None:
            signed = self._is_good(ticket.bound, proof, method, path)
        self.looked_at = asked, signed
        return signed

    def ask_again(self, looked_at: tuple[Asked, bool] | None = None) -> None:
        """The request of that proof (the last one) is met again, on the ordinary path: it is told the same, once."""
        looked_at = looked_at or self.looked_at
        if looked_at is not None and len(self._asked_again) < MAX_ASKED_AGAIN:
            asked, signed = looked_at
            self._asked_again[asked] = signed

    def _is_good(self, bound: Bound, proof: bytes, method: str, path: str) -> bool:
        try:
            bound.check(proof, method=method, path=path, now=self.epoch_ns() / 1e9)
        except Refused as refused:
            self.tell(refused, "proof")
            return False
        return True

    async def _verify(self, shown: bytes, is_certificate: bool) -> Ticket:
        ticket = await self._verified(shown, is_certificate)
        # In the same turn of the loop in which the verifier has looked at the clients: `forget` must not come between.
        if ticket.verdict != BUSY:
            (self.certificates if is_certificate else self.tickets).put(shown, ticket)
        return ticket

    async def _verified(self, shown: bytes, is_certificate: bool) -> Ticket:
        verify = self.certificate if is_certificate else self.verifiers.get(_scheme(shown))
        try:
            if verify is None:
                raise Refused("scheme")
            return self.ticket(shown, await verify(shown, self.epoch_ns() / 1e9))
        except (Busy, Unavailable):
            return self._refused(BUSY)
        except Refused as refused:
            scheme = _scheme(shown) if _scheme(shown) in self.verifiers else "other"
            self.tell(refused, "certificate" if is_certificate else scheme)
            return self._refused(NOT_TAKEN)
        except Exception as error:  # noqa: BLE001 -- what is wrong with a verifier must open nothing, nor tell anything
            log.error("a credential could not be verified", error=type(error).__name__)
            return self._refused(BUSY)

    def tell(self, refused: Refused, kind: str) -> None:
        """Count and log that a credential of some kind was not taken."""
        self.on_refused()
        self.failures.tell(refused, kind, time.monotonic())

    def ticket(self, shown: bytes, caller: Caller) -> Ticket:
        """The ticket of a caller who has been verified by what was shown. Raises Refused."""
        now = self.epoch_ns()
        if caller.key is not None and self.bind is None:
            raise Refused("binding")
        account = Account(self.quotas.slot(caller.client), self.quotas.secret, caller.limits)
        return Ticket(
            caller,
            routes=sum(1 << place for place, one in enumerate(_OF_ROUTE) if may(caller, one)),
            protected=caller.protected,
            bound=None if caller.key is None or self.bind is None else self.bind(shown, caller),
            expires=int(min(caller.expires * 1e9, now + LONGEST_NS)),
            account=account,
            text=self.describe(caller),
        )

    def _refused(self, verdict: int) -> Ticket:
        return Ticket(None, verdict=verdict, expires=self.epoch_ns() + REFUSED_NS)

    def forget(self) -> None:
        """Who was admitted may not be any more: look at every credential anew."""
        self.tickets.clear()
        self.certificates.clear()


def may(caller: Caller, operation: Operation) -> bool:
    """Whether a caller's roles admit it to an operation; what is its own unit's is for the operation to see."""
    return bool(caller.roles & (operation.roles | operation.own_unit))


def _scheme(credential: bytes) -> str:
    return credential.partition(b" ")[0].decode("latin-1").lower()
