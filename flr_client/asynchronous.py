"""The client for asyncio. It has the calls of flr_client.client, to be awaited; both ask the same descriptions."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Self, TypeVar

import httpx

from flr_client import batching, calls
from flr_client.calls import Call
from flr_client.client import TIMEOUT
from flr_client.errors import FlrError
from flr_client.events import MAX_LIMIT, Following, Latest, Page
from flr_client.patients import PatientReader, Summary
from flr_client.persons import BatchResult, Found, PastMembership, Patient
from flr_client.places import ContractDetails, DoctorDetails, HerOwner, OfficeContracts
from flr_client.reply import OK, Answer, Lost, Provenance, lost, provenance, refused, settled
from flr_client.retries import Retries
from flr_client.status import Status

T = TypeVar("T")


class AsyncClient:
    """Asks one register. In one event loop; close it, or use it as a context manager.

    Arguments and answers are Client's, with a transport of httpx's asynchronous sort.
    """

    def __init__(
        self,
        url: str,
        auth: httpx.Auth | None = None,
        *,
        timeout: httpx.Timeout | float = TIMEOUT,
        retries: Retries | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = httpx.AsyncClient(base_url=url, auth=auth, timeout=timeout, transport=transport)
        self._retries = retries or Retries()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let the connections go."""
        await self._http.aclose()

    async def lookup(self, nin: str, at: datetime | None = None) -> Answer[Found]:
        """A person's GP. Raises InvalidNin."""
        return await self._ask(calls.lookup(nin, at))

    async def batch(self, nins: Iterable[str], at: datetime | None = None) -> Answer[list[BatchResult]]:
        """The GPs of any number of persons, in the order asked; more than 1000 are asked for in parts."""
        return batching.together([await self._ask(part) for part in batching.parts(nins, at)])

    async def confirm(self, nin: str, hpr_number: int, at: datetime | None = None) -> Answer[bool]:
        """Whether a doctor is the person's GP. Raises InvalidNin, UnknownPerson, Forbidden of a protected person."""
        return await self._ask(calls.confirm(nin, hpr_number, at))

    async def history(self, nin: str) -> Answer[tuple[PastMembership, ...]]:
        """All that the person has had, newest first. Raises InvalidNin, UnknownPerson, Forbidden."""
        return await self._ask(calls.history(nin))

    async def her(self, her_id: int, at: datetime | None = None) -> Answer[HerOwner]:
        """What a HER-ID is. Raises UnknownHerId."""
        return await self._ask(calls.her(her_id, at))

    async def gp(self, hpr_number: int, at: datetime | None = None) -> Answer[DoctorDetails]:
        """A doctor, with the contracts in force at `at`, or all. Raises UnknownGp."""
        return await self._ask(calls.gp(hpr_number, at))

    async def contract(self, contract_id: int, at: datetime | None = None) -> Answer[ContractDetails]:
        """A contract, with what is in force at `at`, or all. Raises UnknownContract."""
        return await self._ask(calls.contract(contract_id, at))

    async def office_contracts(self, organization_number: int, at: datetime | None = None) -> Answer[OfficeContracts]:
        """An office, with the contracts in force at `at`, or all. Raises UnknownOffice."""
        return await self._ask(calls.office_contracts(organization_number, at))

    async def status(self) -> Answer[Status]:
        """The register in service."""
        return await self._ask(calls.status())

    async def latest(self) -> Answer[Latest]:
        """Where the change feed ends: where to begin to follow, before taking a copy."""
        return await self._ask(calls.latest())

    async def events(self, after: str, limit: int = MAX_LIMIT) -> Answer[Page]:
        """A page of the change feed. Raises Resync."""
        return await self._ask(calls.events(after, limit))

    async def follow(
        self,
        position: str,
        *,
        limit: int = MAX_LIMIT,
        poll_seconds: float | None = None,
        keep: Callable[[str], Awaitable[object]] | None = None,
    ) -> AsyncIterator[Page]:
        """The change feed from a position on, page by page; ends with the feed, unless `poll_seconds` is given.

        A page is done with when the next one is asked for: then `keep` is called with the position to go on from after
        a restart. With `poll_seconds` what can be waited for is, with backoff. Raises Resync: take everything anew.
        """
        following = Following(position, poll_seconds)
        while True:
            failure, wait = None, None
            try:
                page = (await self.events(following.position, limit)).value
            except FlrError as error:
                failure = error
            if failure is not None:
                wait = following.failed(failure)
            else:
                yield page
                wait = following.took(page)
                if keep is not None:
                    await keep(page.next)
            if wait is None:
                return
            await asyncio.sleep(wait)

    @asynccontextmanager
    async def patients(
        self, contract_id: int, at: datetime | None = None, *, particulars: bool = False
    ) -> AsyncIterator["AsyncPatientList"]:
        """A contract's patient list, read while it comes. Raises UnknownContract, Forbidden."""
        response = await self._response(calls.patients(contract_id, at, particulars=particulars), stream=True)
        try:
            if response.status_code != OK:
                raise refused(response)
            yield AsyncPatientList(response)
        finally:
            await response.aclose()

    async def _ask(self, call: Call[T]) -> Answer[T]:
        return settled(call, await self._response(call))

    async def _response(self, call: Call[T], *, stream: bool = False) -> httpx.Response:
        """What is answered, at last; of a stream only the head has been read, unless it is a refusal."""
        attempt = 1
        while True:
            outcome = await self._once(call, stream=stream)
            wait = self._retries.wait(attempt, outcome)
            if wait is None:
                break
            attempt += 1
            await asyncio.sleep(wait)
        if isinstance(outcome, Lost):
            raise outcome.error()
        return outcome

    async def _once(self, call: Call[T], *, stream: bool) -> httpx.Response | Lost:
        head = {} if call.body is None else {"Content-Type": "application/json"}
        request = self._http.build_request(
            call.method, call.path, content=call.body, params=call.query or None, headers=head
        )
        try:
            response = await self._http.send(request, stream=stream)
            if stream and response.status_code != OK:
                await response.aread()
            return response
        except httpx.HTTPError as error:
            return lost(error)


class AsyncPatientList:
    """Patients as they come; `provenance` is there from the beginning, `summary` when all have come."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self.provenance: Provenance = provenance(response.headers)
        self.summary: Summary | None = None

    async def __aiter__(self) -> AsyncIterator[Patient]:
        """Once. Raises Unavailable, after those that have come, when the list is not whole."""
        reader, broken = PatientReader(), None
        try:
            async for octets in self._response.aiter_bytes():
                for patient in reader.feed(octets):
                    yield patient
        except httpx.HTTPError as error:
            broken = lost(error)
        if broken is not None:
            raise broken.error()
        self.summary = reader.end()
