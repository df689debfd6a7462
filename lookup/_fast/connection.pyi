import asyncio

from lookup._fast.desk import Desk

class Connection(asyncio.Protocol):
    desk: Desk
    transport: asyncio.Transport
    def __new__(cls, desk: Desk) -> Connection: ...
    def overdue(self, now: float) -> str | None: ...
    def finish(self, now: float) -> None: ...
