"""What must hold between the small tables: keys, references, code values, HER-IDs, chains of changed numbers.

Persons and memberships are checked where they are packed and assembled (loader/pack.py, loader/buckets.py). A fault
is told as `file:line: what`, never with content.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from loader.buckets import DUPLICATE_CHANGE
from loader.errors import BadFeed
from loader.pack import EMPTY_PERIOD, NOT_VALID, UNKNOWN_CODE
from loader.read import MAX_FAULTS, Feed
from lookup._fast.key import parse
from lookup.answers import CONFIRMING, MAX_CONFIRMERS
from lookup.key import NOT_AN_ID
from register import codes
from register.ids import is_organization_number
from register.localtime import to_micros
from register.model import (
    Code,
    CodeRef,
    Contract,
    Doctor,
    DoctorCycle,
    ElectronicAddress,
    NinChange,
    Office,
    Outpost,
    PhysicalAddress,
    Record,
    Team,
)

MAX_CHAIN = 64  # of one person's changed numbers
BAD_CHAIN = f"a chain of changed numbers that leads back to itself, or is longer than {MAX_CHAIN}"
LANGUAGES, BUSINESS_TYPES = (codes.LANGUAGE, codes.LANGUAGE_OTHER), (codes.BUSINESS_TYPE,)


class Row(NamedTuple):
    """A record and where in the feed it stands."""

    record: Any
    file: int
    line: int


Rows = dict[str, list[Row]]
KEYS: dict[str, tuple[str, ...]] = {
    "codes": ("oid", "value"),
    "offices": ("organization_number",),
    "doctors": ("hpr_number",),
    "contracts": ("id",),
    "doctor_cycles": ("id",),
    "outposts": ("id",),
    "teams": ("id",),
}


class BadRecords(BadFeed):
    """Records that are wrong, in files that are what the manifest says."""


class Faults:
    """Collects faults; `raise_any` turns them into one BadRecords. `places` are (what, file, line) of the first few."""

    def __init__(self, feed: Feed, most: int = MAX_FAULTS) -> None:
        self._names = [entry.name for entry in feed.manifest.files]
        self._most = most
        self.texts: list[str] = []
        self.places: list[tuple[str, int, int]] = []
        self.count = 0

    def add(self, what: str, file: int, line: int) -> None:
        """Note that the record at `line` of file number `file` is wrong."""
        self.count += 1
        if len(self.texts) < MAX_FAULTS:
            self.texts.append(f"{self._names[file]}:{line}: {what}")
        if len(self.places) < self._most:
            self.places.append((what, file, line))

    def row(self, what: str, row: Row) -> None:
        """Note that a row is wrong."""
        self.add(what, row.file, row.line)

    def raise_any(self) -> None:
        """Raises BadRecords when there is a fault."""
        if self.texts:
            raise BadRecords(self.texts[0], tuple(self.texts))


def known_codes(rows: Rows, faults: Faults) -> dict[int, set[str]]:
    """oid -> values, of the closed systems and of the feed."""
    known: dict[int, set[str]] = {oid: set() for oid in codes.SYSTEMS}
    for oid, value in codes.closed_values():
        known[oid].add(value)
    for row in rows["codes"]:
        code: Code = row.record
        if code.oid not in known:
            faults.row("oid is not a code system of the register", row)
        elif not codes.SYSTEMS[code.oid].open:
            faults.row(f"code system {code.oid} is closed: its values do not come with the feed", row)
        else:
            known[code.oid].add(code.value)
    return known


def check_records(rows: Rows, known: dict[int, set[str]], faults: Faults) -> None:
    """What must hold of each record of the small tables alone; and that keys are used once."""
    _check_keys(rows, faults)
    _check_ids(rows, faults)
    for table in ("offices", "doctors", "contracts", "doctor_cycles", "outposts", "teams"):
        for row in rows[table]:
            for oid, value in _coded(row.record):
                if value is not None and value not in known.get(oid, ()):
                    faults.row(UNKNOWN_CODE.format(oid), row)
            for member, ref, systems in _code_refs(row.record):
                if ref.oid not in systems:
                    faults.row(f"{member} has a value of code system {ref.oid}", row)
                elif ref.value not in known[ref.oid]:
                    faults.row(UNKNOWN_CODE.format(ref.oid), row)
            if any(to is not None and to <= start for start, to in _periods(row.record)):
                faults.row(EMPTY_PERIOD, row)


def check_between(rows: Rows, faults: Faults) -> None:
    """What must hold between records of the small tables; but for the changed numbers."""
    _check_references(rows, faults)
    _check_her_ids(rows, faults)
    _check_confirmers(rows, faults)


def _check_keys(rows: Rows, faults: Faults) -> None:
    for table, members in KEYS.items():
        seen = set()
        for row in rows[table]:
            key = tuple(getattr(row.record, member) for member in members)
            if key in seen:
                faults.row("a record whose key is used twice", row)
            seen.add(key)


def _check_ids(rows: Rows, faults: Faults) -> None:
    numbers = (
        *((row, "organizationNumber", row.record.organization_number) for row in rows["offices"] + rows["teams"]),
        *((row, "parentOrganizationNumber", row.record.parent_organization_number) for row in rows["offices"]),
    )
    for row, member, number in numbers:
        if number is not None and not is_organization_number(number):
            faults.row(f"{member} is not a valid organisation number", row)
    for row in rows["doctors"]:
        if parse(row.record.nin) == NOT_AN_ID:
            faults.row(NOT_VALID, row)


def _code_refs(record: Record) -> Iterator[tuple[str, CodeRef, tuple[int, ...]]]:
    """(member, code with its system, the systems that it may be of) of every code that names its own system."""
    match record:
        case Office():
            if record.sector is not None:
                yield "sector", record.sector, BUSINESS_TYPES
            yield from (("industries", ref, BUSINESS_TYPES) for ref in record.industries)
            yield from (("properties", ref, BUSINESS_TYPES) for ref in record.properties)
        case Doctor():
            yield from (("languages", ref, LANGUAGES) for ref in record.languages)


def _places(record: Office | Outpost) -> Iterator[tuple[int, str | None]]:
    address: PhysicalAddress
    for address in record.physical_addresses:
        yield codes.ADDRESS_TYPE, address.type
        yield codes.MUNICIPALITY, address.municipality
        yield codes.COUNTRY, address.country
    electronic: ElectronicAddress
    for electronic in record.electronic_addresses:
        yield codes.ADDRESS_COMPONENT, electronic.type


def _coded(record: Record) -> Iterator[tuple[int, str | None]]:
    """(code system, value) of every coded member of a record of a small table whose system the format gives."""
    match record:
        case Office():
            yield codes.MUNICIPALITY, record.municipality
            yield codes.DISTRICT, record.district
            yield from _places(record)
        case Doctor():
            yield codes.SEX, record.sex
        case Contract():
            yield codes.MUNICIPALITY, record.municipality
            yield from ((codes.MUNICIPALITY, value) for value in record.coop_municipalities)
            yield codes.CONTRACT_STATUS, record.status
            yield codes.MEMBERSHIP_REQUIRED, record.requires_membership
            yield codes.END_REASON, record.end_reason
        case DoctorCycle():
            yield codes.RELATIONSHIP, record.relationship
        case Outpost():
            yield from _places(record)
        case Team():
            yield from ((codes.HEALTH_PERSONNEL, person.role) for person in record.people)


def _periods(record: Record) -> Iterator[tuple[datetime, datetime | None]]:
    if isinstance(record, Team):
        yield from ((person.valid_from, person.to) for person in record.people)
        yield from ((contract.valid_from, contract.to) for contract in record.contracts)
    elif isinstance(record, Office | Contract | DoctorCycle | Outpost):
        yield record.valid_from, record.to


def _check_references(rows: Rows, faults: Faults) -> None:
    offices = {row.record.organization_number for row in rows["offices"]}
    doctors = {row.record.hpr_number for row in rows["doctors"]}
    doctors_or_none = doctors | {None}
    contracts = {row.record.id for row in rows["contracts"]}
    teams = {row.record.id for row in rows["teams"]} | {None}

    def check(row: Row, name: str, value: object, known: set[Any]) -> None:
        if value not in known:
            faults.row(f"{name} names a record that is not in the feed", row)

    for row in rows["offices"]:
        check(row, "teamId", row.record.team_id, teams)
    for row in rows["contracts"]:
        check(row, "officeOrganizationNumber", row.record.office_organization_number, offices)
        check(row, "teamId", row.record.team_id, teams)
    for row in rows["doctor_cycles"]:
        check(row, "contractId", row.record.contract_id, contracts)
        check(row, "hprNumber", row.record.hpr_number, doctors)
        check(row, "substituteForHprNumber", row.record.substitute_for_hpr_number, doctors_or_none)
    for row in rows["outposts"]:
        check(row, "contractId", row.record.contract_id, contracts)
    for row in rows["teams"]:
        for contract in row.record.contracts:
            check(row, "contracts.contractId", contract.contract_id, contracts)


def _check_her_ids(rows: Rows, faults: Faults) -> None:
    """A HER-ID belongs to one thing at a time: a doctor at an office, an office, or a contract's service."""
    office_of = {row.record.id: row.record.office_organization_number for row in rows["contracts"]}
    uses: dict[int, list[tuple[int, int, tuple[object, ...], Row]]] = defaultdict(list)
    for table in ("offices", "contracts", "doctor_cycles"):
        for row in rows[table]:
            if row.record.her_id is not None:
                thing: tuple[object, ...] = (table, getattr(row.record, KEYS[table][0]))
                if table == "doctor_cycles":
                    thing = (table, row.record.hpr_number, office_of.get(row.record.contract_id))
                period = to_micros(row.record.valid_from), to_micros(row.record.to)
                uses[row.record.her_id].append((*period, thing, row))
    for users in uses.values():
        users.sort(key=lambda use: use[0])
        for i, (_, to, thing, _) in enumerate(users):
            for start, _, other, row in users[i + 1 :]:
                if start >= to:
                    break
                if other != thing:
                    faults.row("herId belongs to another thing at the same time", row)


def _check_confirmers(rows: Rows, faults: Faults) -> None:
    """No more doctors confirm a list's persons at one time than an answer's format has room for."""
    times: dict[int, list[tuple[int, bool, int]]] = defaultdict(list)
    for row in rows["doctor_cycles"]:
        cycle: DoctorCycle = row.record
        if cycle.relationship in CONFIRMING:
            times[cycle.contract_id].append((to_micros(cycle.to), False, cycle.hpr_number))
            times[cycle.contract_id].append((to_micros(cycle.valid_from), True, cycle.hpr_number))
    for row in rows["contracts"]:
        cycles = times.get(row.record.id, ())
        if len(cycles) > 2 * MAX_CONFIRMERS and _most_at_once(cycles) > MAX_CONFIRMERS:
            faults.row(f"more than {MAX_CONFIRMERS} doctors of the list at the same time", row)


def _most_at_once(times: Sequence[tuple[int, bool, int]]) -> int:
    """The greatest number of doctors at one time, of (time, whether it begins, doctor); one who ends makes room."""
    cycles: Counter[int] = Counter()
    most = doctors = 0
    for _, begins, doctor in sorted(times):
        if begins:
            doctors += cycles[doctor] == 0
            cycles[doctor] += 1
        else:
            cycles[doctor] -= 1
            doctors -= cycles[doctor] == 0
        most = max(most, doctors)
    return most


def resolve_changes(rows: list[Row], faults: Faults) -> list[tuple[int, int, int, int]]:
    """(old number, newest number, file, line) of every changed number, chains flattened."""
    step: dict[int, tuple[int, Row]] = {}
    for row in rows:
        change: NinChange = row.record
        old, new = parse(change.old_nin), parse(change.new_nin)
        if NOT_AN_ID in (old, new):
            faults.row(NOT_VALID, row)
        elif old in step:
            faults.row(DUPLICATE_CHANGE, row)
        else:
            step[old] = new, row
    out = []
    news = {old: new for old, (new, _) in step.items()}
    for old, (_, row) in step.items():
        newest = end_of_chain(news, old)
        if newest is None:
            faults.row(BAD_CHAIN, row)
        else:
            out.append((old, newest, row.file, row.line))
    return out


def end_of_chain(news: dict[int, int], old: int) -> int | None:
    """The newest number behind an old one, of old -> new number; None for a chain that is too long, or endless."""
    newest, hops = news[old], 0
    while newest in news:
        newest, hops = news[newest], hops + 1
        if hops > MAX_CHAIN:
            return None
    return newest
