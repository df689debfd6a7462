"""The calls of the register's REST interface, each described once: where it goes, what it says, how its answer is read.

Both clients ask by these descriptions. National ids stand in bodies, never in a path or query.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

from flr_client.events import Latest, Page
from flr_client.persons import BatchResult, Found, Invalid, PastMembership, Unknown
from flr_client.places import ContractDetails, DoctorDetails, HerOwner, OfficeContracts
from flr_client.status import Status

T = TypeVar("T")
MAX_BATCH = 1000


@dataclass(frozen=True, repr=False)
class Call(Generic[T]):
    """One call. `instead` holds the problems, by word, that are answers too."""

    method: str
    path: str
    read: Callable[[bytes], T]
    body: bytes | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    instead: Mapping[str, T] = field(default_factory=dict)


class _Confirmed(msgspec.Struct):
    confirmed: bool


class _History(msgspec.Struct):
    memberships: tuple[PastMembership, ...]


class _Number(msgspec.Struct):
    nin: str


class _Numbers(msgspec.Struct):
    results: list[_Number]


class _Batch(msgspec.Struct):
    generation: int
    results: list[Found | Invalid]


_confirmed = msgspec.json.Decoder(_Confirmed).decode
_history = msgspec.json.Decoder(_History).decode
_numbers = msgspec.json.Decoder(_Numbers).decode
_batch = msgspec.json.Decoder(_Batch).decode
_found: Callable[[bytes], Found] = msgspec.json.Decoder(Found).decode
_her = msgspec.json.Decoder(HerOwner).decode
_gp = msgspec.json.Decoder(DoctorDetails).decode
_contract = msgspec.json.Decoder(ContractDetails).decode
_office = msgspec.json.Decoder(OfficeContracts).decode
_page = msgspec.json.Decoder(Page).decode
_latest = msgspec.json.Decoder(Latest).decode
_status = msgspec.json.Decoder(Status).decode


def _time(at: datetime | None) -> dict[str, str]:
    return {} if at is None else {"at": at.isoformat()}


def _post(
    path: str, read: Callable[[bytes], T], asked: dict[str, Any], instead: Mapping[str, T] | None = None
) -> Call[T]:
    return Call("POST", path, read, msgspec.json.encode(asked), instead=instead or {})


def lookup(nin: str, at: datetime | None) -> Call[Found]:
    """POST /v1/gp-lookup; a number that the register has never seen is an answer."""
    return _post("/v1/gp-lookup", _found, {"nin": nin, **_time(at)}, {"unknown-person": Unknown()})


def batch(nins: Sequence[str], at: datetime | None) -> Call[list[BatchResult]]:
    """POST /v1/gp-lookup/batch, of at most MAX_BATCH numbers."""
    return _post("/v1/gp-lookup/batch", _batch_results, {"nins": nins, **_time(at)})


def _batch_results(body: bytes) -> list[BatchResult]:
    said, numbers = _batch(body), _numbers(body).results
    return [
        BatchResult(number.nin, said.generation, found) for number, found in zip(numbers, said.results, strict=True)
    ]


def confirm(nin: str, hpr_number: int, at: datetime | None) -> Call[bool]:
    """POST /v1/gp-confirm."""
    asked = {"nin": nin, "hprNumber": hpr_number, **_time(at)}
    return _post("/v1/gp-confirm", lambda body: _confirmed(body).confirmed, asked)


def history(nin: str) -> Call[tuple[PastMembership, ...]]:
    """POST /v1/gp-history."""
    return _post("/v1/gp-history", lambda body: _history(body).memberships, {"nin": nin})


def her(her_id: int, at: datetime | None) -> Call[HerOwner]:
    """GET /v1/her/{herId}."""
    return Call("GET", f"/v1/her/{her_id}", _her, query=_time(at))


def gp(hpr_number: int, at: datetime | None) -> Call[DoctorDetails]:
    """GET /v1/gps/{hprNumber}."""
    return Call("GET", f"/v1/gps/{hpr_number}", _gp, query=_time(at))


def contract(contract_id: int, at: datetime | None) -> Call[ContractDetails]:
    """GET /v1/contracts/{id}."""
    return Call("GET", f"/v1/contracts/{contract_id}", _contract, query=_time(at))


def office_contracts(organization_number: int, at: datetime | None) -> Call[OfficeContracts]:
    """GET /v1/offices/{organizationNumber}/contracts."""
    return Call("GET", f"/v1/offices/{organization_number}/contracts", _office, query=_time(at))


def patients(contract_id: int, at: datetime | None, *, particulars: bool) -> Call[bytes]:
    """GET /v1/contracts/{id}/patients; read as it comes (flr_client.patients)."""
    wanted = {"includePatientData": "true"} if particulars else {}
    return Call("GET", f"/v1/contracts/{contract_id}/patients", bytes, query={**_time(at), **wanted})


def events(after: str, limit: int) -> Call[Page]:
    """GET /v1/events."""
    return Call("GET", "/v1/events", _page, query={"after": after, "limit": str(limit)})


def latest() -> Call[Latest]:
    """GET /v1/events/latest."""
    return Call("GET", "/v1/events/latest", _latest)


def status() -> Call[Status]:
    """GET /v1/status."""
    return Call("GET", "/v1/status", _status)
