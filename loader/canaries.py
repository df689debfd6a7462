"""Canaries: what the operator knows that the register must answer, asked of every candidate before it is published.

They stand in a file of the operator's own, one JSON object a line (docs/operations.md), and are asked of the reader
that serves, in its separate process, as services ask it. What differs is told by the line of that file, never by the
number that was asked about.
"""

import stat
from pathlib import Path
from typing import Literal

import msgspec

from loader.errors import ConfigurationError
from lookup.directory import her
from lookup.generation import Generation
from lookup.resident import reply
from lookup.shapes import HerAnswer, LookupAnswer
from register.ids import parse_national_id
from register.model import HerId, HprNumber, Id, Int, Nin

MAX_CANARIES = 10_000
FORBIDDEN_MODE = stat.S_IWGRP | stat.S_IRWXO  # there are national ids in the file
UNKNOWN, NONE = "unknown", "none"


class Canary(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel", omit_defaults=True):
    """One question, `nin` or `her_id`, and what must be answered. Its repr shows no content."""

    nin: Nin | None = None
    her_id: HerId | None = None
    status: Literal["assigned", "vacant", "none", "unknown"] | None = None
    contract_id: Id | None = None
    hpr_number: HprNumber | None = None
    organization_number: Int | None = None

    def __repr__(self) -> str:
        return "<Canary>"

    def problem(self) -> str | None:
        """What is wrong with it as a canary."""
        expected = (self.contract_id, self.hpr_number, self.organization_number)
        if (self.nin is None) == (self.her_id is None):
            return "one of nin and herId is asked about"
        if self.nin is not None and parse_national_id(self.nin) is None:
            return "nin is not a valid national id"
        if self.her_id is not None and self.status not in (None, UNKNOWN):
            return "the status of a HER-ID is unknown, or nothing is said of it"
        if self.status is None and expected == (None, None, None):
            return "it does not say what must be answered"
        if self.status in (UNKNOWN, NONE) and expected != (None, None, None):
            return "nobody is answered where the status is unknown or none"
        return None


class Canaries(msgspec.Struct, frozen=True):
    """Canaries with the lines that they stand in, the file's name, and the moment (local microseconds) of asking."""

    name: str = "canaries"
    at: int = 0
    lines: list[tuple[int, Canary]] = []


def read_canaries(path: Path | None, at: int) -> Canaries:
    """The canaries of a file, or none. Raises ConfigurationError, which names the line and nothing of its content."""
    if path is None:
        return Canaries()
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(path.stat().st_mode)
            lines = file.read().splitlines()
    except OSError as error:
        raise ConfigurationError(f"canaries: {path}: {error.strerror}") from None
    if mode & FORBIDDEN_MODE:
        raise ConfigurationError(f"canaries: {path}: mode {mode:04o}: only its owner may write it, others not read it")
    if len(lines) > MAX_CANARIES:
        raise ConfigurationError(f"canaries: {path}: more than {MAX_CANARIES} lines")
    return Canaries(path.name, at, [(number, _canary(path, number, line)) for number, line in enumerate(lines, 1)])


def _canary(path: Path, number: int, line: bytes) -> Canary:
    try:
        canary = msgspec.json.decode(line, type=Canary)
        problem = canary.problem()
    except (ValueError, msgspec.MsgspecError):
        problem = "not a canary: an object with nin or herId, and what must be answered"
    if problem is not None:
        raise ConfigurationError(f"canaries: {path}:{number}: {problem}")
    return canary


def differing(generation: Generation, canaries: Canaries) -> list[str]:
    """What is answered otherwise than it must be, by line of the file."""
    told = []
    for number, canary in canaries.lines:
        difference = (
            _of_person(generation, canary, canaries.at) if canary.nin else _of_her(generation, canary, canaries.at)
        )
        if difference is not None:
            told.append(f"{canaries.name}:{number}: {difference}")
    return told


def _of_person(generation: Generation, canary: Canary, at: int) -> str | None:
    answered = reply(generation, int(canary.nin or ""), at, withhold=False)
    status = UNKNOWN if answered is None else answered.status
    if canary.status not in (None, status):
        return f"{canary.status} is to be answered, {status} is"
    if canary.status in (UNKNOWN, NONE):
        return None
    said = None if answered is None else msgspec.json.decode(answered.body, type=LookupAnswer)
    contract, gp, office = (None, None, None) if said is None else (said.contract, said.gp, said.office)
    return _difference(
        canary,
        None if contract is None else contract.id,
        None if gp is None else gp.hpr_number,
        None if office is None else office.organization_number,
    )


def _of_her(generation: Generation, canary: Canary, at: int) -> str | None:
    entry = her(generation.tables, canary.her_id or 0, at)
    if entry is None:
        return None if canary.status == UNKNOWN else "the HER-ID is unknown"
    if canary.status == UNKNOWN:
        return "unknown is to be answered, the HER-ID is known"
    said = entry.body
    assert isinstance(said, HerAnswer)
    contracts = [contract.id for contract in said.contracts]
    contract = canary.contract_id if canary.contract_id in contracts else next(iter(contracts), None)
    return _difference(
        canary, contract, None if said.gp is None else said.gp.hpr_number, said.office.organization_number
    )


def _difference(canary: Canary, contract: int | None, gp: int | None, office: int | None) -> str | None:
    for what, expected, found in (
        ("contract", canary.contract_id, contract),
        ("GP", canary.hpr_number, gp),
        ("office", canary.organization_number, office),
    ):
        if expected not in (None, found):
            return f"another {what} is answered than must be, or none"
    return None
