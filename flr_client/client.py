"""The client that waits for its answers. flr_client.asynchronous is the one that does not; both ask the same calls."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Self, TypeVar

import httpx

from flr_client import batching, calls
from flr_client.calls import Call
from flr_client.errors import FlrError
from flr_client.events import MAX_LIMIT, Following, Latest, Page
from flr_client.patients import PatientReader, Summary
from flr_client.persons import BatchResult, Found, PastMembership, Patient
from flr_client.places import ContractDetails, DoctorDetails, HerOwner, OfficeContracts
from flr_client.reply import OK, Answer, Lost, Provenance, lost, provenance, refused, settled
from flr_client.retries import Retries
from flr_client.status import Status

T = TypeVar("T")
TIMEOUT = httpx.Timeout(5.0, connect=2.0)


class Client:
    """Asks one register. From any thread; close it, or use it as a context manager.

    `url` is the register's address, `auth` who asks (`Basic`, `HelseId`, ...), `transport` another way to it, such as
    `httpx.HTTPTransport(uds=...)` or one with certificates. Every call raises FlrError; `at` is Norwegian wall-clock
    time, or a time with an offset, and unless given now.
    """

    def __init__(
        self,
        url: str,
        auth: httpx.Auth | None = None,
        *,
        timeout: httpx.Timeout | float = TIMEOUT,
        retries: Retries | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._http = httpx.Client(base_url=url, auth=auth, timeout=timeout, transport=transport)
        self._retries = retries or Retries()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    def lookup(self, nin: str, at: datetime | None = None) -> Answer[Found]:
        """A person's GP. Raises InvalidNin."""
        return self._ask(calls.lookup(nin, at))

    def batch(self, nins: Iterable[str], at: datetime | None = None) -> Answer[list[BatchResult]]:
        """The GPs of any number of persons, in the order asked; more than 1000 are asked for in parts."""
        return batching.together([self._ask(part) for part in batching.parts(nins, at)])

    def confirm(self, nin: str, hpr_number: int, at: datetime | None = None) -> Answer[bool]:
        """Whether a doctor is the person's GP. Raises InvalidNin, UnknownPerson, Forbidden of a protected person."""
        return self._ask(calls.confirm(nin, hpr_number, at))

    def history(self, nin: str) -> Answer[tuple[PastMembership, ...]]:
        """All that the person has had, newest first. Raises InvalidNin, UnknownPerson, Forbidden."""
        return self._ask(calls.history(nin))

    def her(self, her_id: int, at: datetime | None = None) -> Answer[HerOwner]:
        """What a HER-ID is. Raises UnknownHerId."""
        return self._ask(calls.her(her_id, at))

    def gp(self, hpr_number: int, at: datetime | None = None) -> Answer[DoctorDetails]:
        """A doctor, with the contracts in force at `at`, or all. Raises UnknownGp."""
        return self._ask(calls.gp(hpr_number, at))

    def contract(self, contract_id: int, at: datetime | None = None) -> Answer[ContractDetails]:
        """A contract, with what is in force at `at`, or all. Raises UnknownContract."""
        return self._ask(calls.contract(contract_id, at))

    def office_contracts(self, organization_number: int, at: datetime | None = None) -> Answer[OfficeContracts]:
        """An office, with the contracts in force at `at`, or all. Raises UnknownOffice."""
        return self._ask(calls.office_contracts(organization_number, at))

    def status(self) -> Answer[Status]:
        """The register in service."""
        return self._ask(calls.status())

    def latest(self) -> Answer[Latest]:
        """Where the change feed ends: where to begin to follow, before taking a copy."""
        return self._ask(calls.latest())

    def events(self, after: str, limit: int = MAX_LIMIT) -> Answer[Page]:
        """A page of the change feed. Raises Resync."""
        return self._ask(calls.events(after, limit))

    def follow(
        self,
        position: str,
        *,
        limit: int = MAX_LIMIT,
        poll_seconds: float | None = None,
        keep: Callable[[str], object] | None = None,
    ) -> Iterator[Page]:
        """The change feed from a position on, page by page; ends with the feed, unless `poll_seconds` is given.

        A page is done with when the next one is asked for: then `keep` is called with the position to go on from after
        a restart. With `poll_seconds` what can be waited for is, with backoff. Raises Resync: take everything anew.
        """
        following = Following(position, poll_seconds)
        while True:
            failure, wait = None, None
            try:
                page = self.events(following.position, limit).value
            except FlrError as error:
                failure = error
            if failure is not None:
                wait = following.failed(failure)
            else:
                yield page
                wait = following.took(page)
                if keep is not None:
                    keep(page.next)
            if wait is None:
                return
            time.sleep(wait)

    @contextmanager
    def patients(
        self, contract_id: int, at: datetime | None = None, *, particulars: bool = False
    ) -> Iterator["PatientList"]:
        """A contract's patient list, read while it comes. Raises UnknownContract, Forbidden."""
        response = self._response(calls.patients(contract_id, at, particulars=particulars), stream=True)
        try:
            if response.status_code != OK:
                raise refused(response)
            yield PatientList(response)
        finally:
            response.close()

    def _ask(self, call: Call[T]) -> Answer[T]:
        return settled(call, self._response(call))

    def _response(self, call: Call[T], *, stream: bool = False) -> httpx.Response:
        """What is answered, at last; of a stream only the head has been read, unless it is a refusal."""
        attempt = 1
        while True:
            outcome = self._once(call, stream=stream)
            wait = self._retries.wait(attempt, outcome)
            if wait is None:
                break
            attempt += 1
            time.sleep(wait)
        if isinstance(outcome, Lost):
            raise outcome.error()
        return outcome

    def _once(self, call: Call[T], *, stream: bool) -> httpx.Response | Lost:
        head = {} if call.body is None else {"Content-Type": "application/json"}
        request = self._http.build_request(
            call.method, call.path, content=call.body, params=call.query or None, headers=head
        )
        try:
            response = self._http.send(request, stream=stream)
            if stream and response.status_code != OK:
                response.read()
            return response
        except httpx.HTTPError as error:
            return lost(error)


class PatientList:
    """Patients as they come; `provenance` is there from the beginning, `summary` when all have come."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self.provenance: Provenance = provenance(response.headers)
        self.summary: Summary | None = None

    def __iter__(self) -> Iterator[Patient]:
        """Once. Raises Unavailable, after those that have come, when the list is not whole."""
        reader, broken = PatientReader(), None
        try:
            for octets in self._response.iter_bytes():
                yield from reader.feed(octets)
        except httpx.HTTPError as error:
            broken = lost(error)
        if broken is not None:
            raise broken.error()
        self.summary = reader.end()
