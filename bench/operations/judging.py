"""Whether an answer is right: of its shape (bench.callers), and what the feed of its generation says (truth).

A question is asked at one moment and answered at a later one, and what is right may change between; either is taken.
What is wrong is said in words that hold nothing of the question or the answer.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

import msgspec

from bench import callers
from bench.callers import Verdict
from bench.operations.truth import NO_GP, Facts, Truth

UNTRUE = "not what the register holds"
NO_GENERATION = "of a generation that nobody has loaded"
NO_GP_FAULT = "ArgumentException: Personen er ikke tilknyttet fastlegekontrakt"
BAD_NUMBER_FAULT = "ArgumentException: patientNin er ugyldig"
FLR = "{http://schemas.nhn.no/reg/flr}"
MESSAGE = ".//{http://register.nhn.no/Common}GenericFault/{http://register.nhn.no/Common}Message"
SINCE = f"{FLR}Period/{{http://schemas.nhn.no/reg/Common/en}}From"


class Answer(NamedTuple):
    """What came back, when it was asked for and when it was there, and what the register held by then."""

    status: int
    body: bytes
    truth: Truth
    times: tuple[datetime, datetime]

    def holds(self, claim: Callable[[datetime], bool]) -> bool:
        """Whether something is so at either time."""
        return any(claim(at) for at in self.times)


class _Told(msgspec.Struct, rename="camel"):
    """What is looked at of an answer about a person."""

    status: str
    her_id: int | None = None
    gp: dict[str, Any] | None = None
    contract: dict[str, Any] | None = None
    membership: dict[str, Any] | None = None
    nin: str | None = None

    def facts(self) -> Facts | None:
        if self.status == "unknown":
            return None
        if self.contract is None or self.membership is None:
            return Facts(self.status)
        gp = None if self.gp is None else self.gp["hprNumber"]
        return Facts(self.status, self.her_id, gp, self.contract["id"], _time(self.membership["from"]))


class _Batch(msgspec.Struct):
    results: list[_Told]


class _Listed(msgspec.Struct):
    nin: str


class _List(msgspec.Struct):
    patients: list[_Listed]
    count: int


class Page(msgspec.Struct):
    """A page of the change feed, as far as it is looked at."""

    events: list[msgspec.Raw]
    next: str
    more: bool


def _settled(verdict: Verdict, true: bool) -> Verdict:
    return verdict if true else Verdict(verdict.outcome, UNTRUE)


def lookup(answer: Answer, nin: str, valid: bool) -> Verdict:
    """Of gp-lookup."""
    verdict = callers.of_lookup(answer.status, answer.body, valid)
    if verdict.wrong is not None or not valid:
        return verdict
    ok = answer.status == HTTPStatus.OK
    told = msgspec.json.decode(answer.body, type=_Told).facts() if ok else None
    return _settled(verdict, answer.holds(lambda at: answer.truth.facts(nin, at) == told))


def batch(answer: Answer, nins: Sequence[str]) -> Verdict:
    """Of gp-lookup/batch, all of whose numbers are valid."""
    verdict = callers.of_batch(answer.status, answer.body, nins, [True] * len(nins))
    if verdict.wrong is not None:
        return verdict
    truth = answer.truth

    def right(nin: str, result: _Told) -> bool:
        told = result.facts()
        named = nin if told is None else truth.newest(nin)
        return result.nin == named and answer.holds(lambda at: truth.facts(nin, at) == told)

    results = msgspec.json.decode(answer.body, type=_Batch).results
    return _settled(verdict, all(map(right, nins, results)))


def confirm(answer: Answer, nin: str, hpr_number: int) -> Verdict:
    """Of gp-confirm."""
    verdict = callers.of_confirm(answer.status, answer.body)
    if verdict.wrong is not None:
        return verdict
    told = {"confirmed": True, "not-confirmed": False}.get(verdict.outcome)
    return _settled(verdict, answer.holds(lambda at: answer.truth.confirms(nin, hpr_number, at) is told))


def her(answer: Answer, her_id: int) -> Verdict:
    """Of a HER-ID. Whose it was when nobody has it now is not held against anything."""
    verdict = callers.of_her(answer.status, answer.body, her_id)
    if verdict.wrong is not None:
        return verdict
    body = msgspec.json.decode(answer.body)
    part, number = {"gp": ("gp", "hprNumber"), "office": ("office", "organizationNumber")}.get(
        body.get("kind"), ("", "")
    )
    told = None if not part else (body["kind"], body[part][number])
    owners = [answer.truth.owner(her_id, at) for at in answer.times]
    return _settled(verdict, None in owners or told in owners)


def patients(answer: Answer, contract_id: int) -> Verdict:
    """Of a patient list."""
    if answer.status != HTTPStatus.OK:
        return Verdict("?", f"status {answer.status}")
    try:
        told = msgspec.json.decode(answer.body, type=_List)
    except msgspec.DecodeError:
        return Verdict("?", "not a patient list")
    nins = [one.nin for one in told.patients]
    right = told.count == len(nins) and answer.holds(lambda at: answer.truth.patients(contract_id, at) == nins)
    return _settled(Verdict("list"), right)


def soap_details(answer: Answer, nin: str, valid: bool) -> Verdict:
    """Of GetPatientGPDetails: the list, since when, and the HER-ID; or the fault that says there is none."""
    if answer.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        message = _envelope(answer.body).findtext(MESSAGE)
        if not valid:
            return Verdict("invalid", None if message == BAD_NUMBER_FAULT else "not the fault of a bad number")
        right = answer.holds(lambda at: answer.truth.facts(nin, at) in {None, NO_GP})
        return _settled(Verdict("none"), message == NO_GP_FAULT and right)
    result = _result(answer)
    if result is None:
        return Verdict("?", f"status {answer.status}")
    told = [result.findtext(f"{FLR}{name}") or None for name in ("GPHerId", "GPContractId")]
    since, named = _time(result.findtext(SINCE)), result.findtext(f"{FLR}PatientNIN")

    def right_at(at: datetime) -> bool:
        facts = answer.truth.facts(nin, at)
        if facts is None or facts.contract_id is None:
            return False
        return [*told, since] == [facts.her_id and str(facts.her_id), str(facts.contract_id), facts.since]

    return _settled(Verdict("details"), valid and named == answer.truth.newest(nin) and answer.holds(right_at))


def soap_confirm(answer: Answer, nin: str, hpr_number: int) -> Verdict:
    """Of ConfirmGP: false too of a number never seen."""
    result = _result(answer)
    if result is None:
        return Verdict("?", f"status {answer.status}")
    told = result.text == "true"
    right = answer.holds(lambda at: bool(answer.truth.confirms(nin, hpr_number, at)) is told)
    return _settled(Verdict("confirmed" if told else "not-confirmed"), right)


def events(answer: Answer) -> Verdict:
    """Of a page of the change feed, or of where it ends."""
    return Verdict("events", None if answer.status == HTTPStatus.OK else f"status {answer.status}")


def _time(text: str | None) -> datetime | None:
    """A time of an answer; SOAP leaves out zeros at the end, as today's register does."""
    return None if text is None else datetime.fromisoformat(text)


def _result(answer: Answer) -> ET.Element | None:
    """What an operation came to; None of a fault, and of what is no envelope."""
    found = _envelope(answer.body).find("{*}Body/*/*") if answer.status == HTTPStatus.OK else None
    return found if found is not None and found.tag.endswith("Result") else None


def _envelope(body: bytes) -> ET.Element:
    try:
        return ET.fromstring(body)  # noqa: S314 -- from a service of our own
    except ET.ParseError:
        return ET.Element("nothing")
