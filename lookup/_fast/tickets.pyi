from lookup._fast.quota import Account
from lookup.access.caller import Caller
from lookup.access.tickets import Bound

class Ticket:
    caller: Caller | None
    verdict: int
    routes: int
    protected: bool
    bound: Bound | None
    expires: int
    account: Account | None
    text: bytes
    def __init__(
        self,
        caller: Caller | None,
        *,
        verdict: int = 0,
        routes: int = 0,
        protected: bool = False,
        bound: Bound | None = None,
        expires: int,
        account: Account | None = None,
        text: bytes = b"",
    ) -> None: ...

class Tickets:
    def __init__(self, secret: bytes) -> None: ...
    def put(self, credential: bytes, ticket: Ticket) -> None: ...
    def get(self, credential: bytes, now: int) -> Ticket | None: ...
    def clear(self) -> None: ...
