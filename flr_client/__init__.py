"""A client of the register: typed, small, and the same whether it waits or is awaited.

    with Client("https://flr.example", Basic("OrgUsr974767880", password)) as register:
        match register.lookup(nin).value:
            case Assigned(gp=gp, her_id=her_id): ...

Imports nothing of the service's. Tokens are in `flr_client.tokens`. docs/integrators/python.md.
"""

from flr_client.asynchronous import AsyncClient
from flr_client.client import Client
from flr_client.credentials import Basic, Bearer
from flr_client.errors import (
    AuditUnavailable,
    CannotSay,
    FlrError,
    Forbidden,
    InvalidNin,
    InvalidRequest,
    NotKnown,
    NotServedHere,
    Quota,
    Resync,
    TokenRefused,
    Unauthenticated,
    Unavailable,
    UnknownContract,
    UnknownGp,
    UnknownHerId,
    UnknownOffice,
    UnknownPerson,
    Unready,
)
from flr_client.events import Event, Page
from flr_client.persons import Assigned, BatchResult, Found, Invalid, NoGp, Unknown, Vacant, Withheld
from flr_client.reply import Answer
from flr_client.retries import NEVER, Retries

__all__ = [
    "NEVER",
    "Answer",
    "Assigned",
    "AsyncClient",
    "AuditUnavailable",
    "Basic",
    "BatchResult",
    "Bearer",
    "CannotSay",
    "Client",
    "Event",
    "FlrError",
    "Forbidden",
    "Found",
    "Invalid",
    "InvalidNin",
    "InvalidRequest",
    "NoGp",
    "NotKnown",
    "NotServedHere",
    "Page",
    "Quota",
    "Resync",
    "Retries",
    "TokenRefused",
    "Unauthenticated",
    "Unavailable",
    "Unknown",
    "UnknownContract",
    "UnknownGp",
    "UnknownHerId",
    "UnknownOffice",
    "UnknownPerson",
    "Unready",
    "Vacant",
    "Withheld",
]
