"""The credentials that have been verified, by digest: the plain twin of lookup._fast.tickets, and its specification."""

import hmac
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

from lookup.access.caller import Caller

TAKEN, NOT_TAKEN, BUSY = range(3)
SECRET_BYTES = DIGEST_BYTES = 32
SETS, WAYS = 1024, 4


class Bound(Protocol):
    """What the proof that comes with each request is held against."""

    def check(self, proof: bytes, *, method: str, path: str, now: float) -> None:
        """Raises Refused unless the proof is good for this request, now, and for the first time."""


@dataclass(frozen=True, repr=False)
class Ticket:
    """What came of a credential. `verdict` is TAKEN, or why there is no `caller`.

    `routes` has a bit for each place in canonical.ROUTES that the caller may ask. `expires` is in nanoseconds since
    1970. `bound`: what each request's proof is held against, or None. `account`: where its limits are counted, or None.
    `text`: who that is, for the audit.
    """

    caller: Caller | None
    verdict: int = TAKEN
    routes: int = 0
    protected: bool = False
    bound: Bound | None = None
    expires: int = 0
    account: object | None = None
    text: bytes = b""

    def __repr__(self) -> str:
        return f"<Ticket {self.caller}>"


class Tickets:
    """A cache of fixed size: what is not here is verified again. No credential is kept, only its keyed digest."""

    def __init__(self, secret: bytes) -> None:
        """`secret` are 32 octets."""
        if len(secret) != SECRET_BYTES:
            raise ValueError("a secret of 32 octets")
        self._secret = secret
        self.clear()

    def clear(self) -> None:
        """Forget all of them."""
        self._kept: list[tuple[bytes, Ticket] | None] = [None] * (SETS * WAYS)
        self._turn = 0

    def put(self, credential: bytes, ticket: Ticket) -> None:
        """Keep a ticket for a credential, in the place that it has, or one that is free or has a refusal, or an older
        one's. A refusal takes nobody's place who is admitted: it is not kept then.
        """
        digest, places = self._places(credential)
        kept = [self._kept[place] for place in places]
        same = [way for way, one in enumerate(kept) if one is not None and one[0] == digest]
        free = [way for way, one in enumerate(kept) if one is None or one[1].verdict != TAKEN]
        if not same and not free:
            if ticket.verdict != TAKEN:
                return
            self._turn += 1
        self._kept[places[(same or free or [self._turn % WAYS])[0]]] = digest, ticket

    def get(self, credential: bytes, now: int) -> Ticket | None:
        """The ticket of a credential that is in force at `now`, in nanoseconds since 1970, or None."""
        digest, places = self._places(credential)
        for one in map(self._kept.__getitem__, places):
            if one is not None and hmac.compare_digest(one[0], digest):
                return one[1] if one[1].expires > now else None
        return None

    def _places(self, credential: bytes) -> tuple[bytes, range]:
        digest = blake2b(credential, key=self._secret, digest_size=DIGEST_BYTES).digest()
        first = int.from_bytes(digest[:2], "big") % SETS * WAYS
        return digest, range(first, first + WAYS)
