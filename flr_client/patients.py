"""A patient list read while it comes: patients as soon as they are there, and at the end whether it was whole."""

import codecs
import json
from datetime import datetime

import msgspec

from flr_client.errors import Unavailable
from flr_client.persons import Patient
from flr_client.places import Shape

_BEGIN, _SEPARATOR, _END = '"patients":[', ",", "]"
_decoder = json.JSONDecoder()


class Summary(Shape, frozen=True, kw_only=True):
    """What a list says of itself; `withheld` counts the protected persons who are left out."""

    contract_id: int
    at: datetime
    count: int
    withheld: int


class PatientReader:
    """Takes octets, gives patients. Raises Unavailable for what is no patient list, or only a part of one."""

    def __init__(self) -> None:
        self._text = codecs.getincrementaldecoder("utf-8")()
        self._rest = ""
        self._head: str | None = None
        self._read = 0

    def feed(self, octets: bytes) -> list[Patient]:
        """The patients who are whole with these octets."""
        self._rest += self._text.decode(octets)
        if self._head is None:
            head, begun, rest = self._rest.partition(_BEGIN)
            if not begun:
                return []
            self._head, self._rest = head + begun, rest
        return list(self._patients())

    def _patients(self) -> "list[Patient]":
        found, place = [], 0
        while True:
            if self._rest.startswith(_SEPARATOR, place):
                place += len(_SEPARATOR)
            try:
                record, place = _decoder.raw_decode(self._rest, place)
            except json.JSONDecodeError:  # not yet whole, or the end of the list
                break
            found.append(_patient(record))
        self._rest = self._rest[place:]
        self._read += len(found)
        return found

    def end(self) -> Summary:
        """There is no more to come. Raises Unavailable when the list is not whole."""
        summary = None
        if self._head is not None and self._rest.startswith(_END):
            try:
                summary = msgspec.json.decode(self._head + self._rest, type=Summary)
            except msgspec.DecodeError:
                summary = None
        if summary is None or summary.count != self._read:
            raise Unavailable("a patient list that is not whole")
        return summary


def _patient(record: object) -> Patient:
    try:
        return msgspec.convert(record, Patient)
    except msgspec.ValidationError:
        pass
    raise Unavailable("a patient list that is not of its shape")
