"""The public list of all contracts, `contracts.bin`: ready to be sent whole, and contract by contract.

Rendered when the generation is built, in the shape that today's public list has (docs/api.md): nothing of patients. It
holds every contract that has not ended by then; who reads it goes by the periods in it. Works on a block of bytes, and
every offset is checked against it. Layout in docs/generation-format.md.
"""

import struct
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

import msgspec

from lookup.answers import ContractView
from lookup.index import Buffer
from lookup.record import Damaged
from lookup.views import in_order
from register import codes
from register.localtime import to_micros
from register.model import DoctorCycle, PhysicalAddress

MAGIC = b"FLRLIST1"
TRAILER = struct.Struct("<QQQQI4x16s")  # where gzip, zstd and the table begin; where they end; contracts; digest
ENTRY = struct.Struct("<QQIHxx")  # contract; where it begins; octets; municipality
BEGIN, BETWEEN, END = b"[", b",\n", b"]\n"
PHONE = "E_TLF"
IDENTITY, GZIP, ZSTD = "identity", "gzip", "zstd"


class Item(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of the list; members as today's has them."""


class Value(Item, frozen=True):
    """A code and its text."""

    value: str
    name: str | None


class Period(Item, frozen=True):
    """A half-open period."""

    valid_from: datetime = msgspec.field(name="from")
    to: datetime | None = None


class Place(Item, frozen=True):
    """An address of an office: the postal code is a number, 0 where there is none."""

    street_address: str | None
    postal_code: int
    city: str | None
    municipality: Value | None
    postal_box: str | None
    address_type: Value


class ListedOffice(Item, frozen=True):
    """The office."""

    organization_number: int
    legal_name: str
    display_name: str | None
    phone_number: str | None
    is_group_office: bool
    addresses: list[Place]
    municipality: Value | None


class ListedDoctor(Item, frozen=True):
    """Who a doctor is."""

    hpr_number: int
    first_name: str
    middle_name: str | None
    last_name: str
    gender: Value | None


class ListedCycle(Item, frozen=True):
    """A doctor on the contract."""

    id: int
    relationship: Value
    doctor: ListedDoctor
    period: Period


class ListedContract(Item, frozen=True):
    """A contract of the list."""

    id: int
    office: ListedOffice
    period: Period
    doctor_cycles: list[ListedCycle]
    municipality: Value
    max_number_of_patients: int
    number_of_vacant_spots: int
    number_of_patients_on_waiting_list: int


class Listed(NamedTuple):
    """One rendered contract."""

    contract_id: int
    municipality: int
    json: bytes


_encoder = msgspec.json.Encoder()
_CLOSED = codes.closed_values()


def render(views: Iterable[ContractView], since: int) -> Iterator[Listed]:
    """The list's contracts, of views in ascending order of ids; those, and doctor cycles, that end before `since` are
    left out.
    """
    for view in views:
        if to_micros(view.contract.to) > since:
            yield Listed(view.contract.id, int(view.contract.municipality), _encoder.encode(_contract(view, since)))


def _contract(view: ContractView, since: int) -> ListedContract:
    contract, office = view.contract, view.office
    return ListedContract(
        id=contract.id,
        office=ListedOffice(
            organization_number=office.organization_number,
            legal_name=office.name,
            display_name=office.display_name,
            phone_number=next((one.address for one in office.electronic_addresses if one.type == PHONE), None),
            is_group_office=office.is_group_office,
            addresses=[_place(view, one) for one in office.physical_addresses],
            municipality=_municipality(view, office.municipality),
        ),
        period=Period(valid_from=contract.valid_from, to=contract.to),
        doctor_cycles=[_cycle(view, one) for one in in_order(view.cycles) if to_micros(one.to) > since],
        municipality=_named(view, contract.municipality),
        max_number_of_patients=contract.max_patients,
        number_of_vacant_spots=contract.places_available or 0,
        number_of_patients_on_waiting_list=contract.patients_on_waiting_list,
    )


def _cycle(view: ContractView, cycle: DoctorCycle) -> ListedCycle:
    doctor = view.doctors[cycle.hpr_number]
    return ListedCycle(
        id=cycle.id,
        relationship=_closed(codes.RELATIONSHIP, cycle.relationship),
        doctor=ListedDoctor(
            hpr_number=doctor.hpr_number,
            first_name=doctor.first_name,
            middle_name=doctor.middle_name,
            last_name=doctor.last_name,
            gender=None if doctor.sex is None else _closed(codes.SEX, doctor.sex),
        ),
        period=Period(valid_from=cycle.valid_from, to=cycle.to),
    )


def _place(view: ContractView, address: PhysicalAddress) -> Place:
    return Place(
        street_address=address.street_address,
        postal_code=int(address.postal_code or 0),
        city=address.city,
        municipality=_municipality(view, address.municipality),
        postal_box=address.postbox,
        address_type=_closed(codes.ADDRESS_TYPE, address.type),
    )


def _municipality(view: ContractView, code: str | None) -> Value | None:
    return None if code is None else _named(view, code)


def _named(view: ContractView, code: str) -> Value:
    """A municipality as today's list has it: as a number, so that Oslo is 301."""
    return Value(value=str(int(code)), name=view.municipality_names.get(code))


def _closed(oid: int, value: str) -> Value:
    return Value(value=value, name=_CLOSED.get((oid, value)))


class PublicList:
    """The list of one generation. `data` must stay unchanged while the object lives."""

    def __init__(self, data: Buffer) -> None:
        """Raises Damaged when the file is not of its format."""
        self._data = memoryview(data).cast("B")
        size = len(self._data)
        if size < len(MAGIC) + TRAILER.size or bytes(self._data[: len(MAGIC)]) != MAGIC:
            raise Damaged("not a list of contracts")
        gzip, zstd, table, end, self.count, digest = TRAILER.unpack_from(self._data, size - TRAILER.size)
        self.digest = digest.hex()
        whole = end == size - TRAILER.size and table + ENTRY.size * self.count == end
        if not (len(MAGIC) <= gzip <= zstd <= table and whole):
            raise Damaged("a list of contracts of the wrong size")
        self._places = {IDENTITY: (len(MAGIC), gzip), GZIP: (gzip, zstd), ZSTD: (zstd, table)}
        self._table = table

    def whole(self, coding: str) -> memoryview:
        """The whole list as it is sent in a content coding."""
        begin, end = self.place(coding)
        return self._data[begin:end]

    def place(self, coding: str) -> tuple[int, int]:
        """Where in the file it begins and ends."""
        return self._places[coding]

    def items(self, municipality: int | None = None) -> list[tuple[int, int]]:
        """(where it begins, octets) of every contract of a municipality, or of all; by contract."""
        found = []
        end = self._places[IDENTITY][1]
        for _, begin, size, there in ENTRY.iter_unpack(self._data[self._table : self._table + ENTRY.size * self.count]):
            if municipality in (None, there):
                if begin + size > end:
                    raise Damaged("a contract of the list leads outside")
                found.append((begin, size))
        return found

    def item(self, place: tuple[int, int]) -> bytes:
        """The JSON of one contract."""
        begin, size = place
        return bytes(self._data[begin : begin + size])

    def close(self) -> None:
        """Let go of the block."""
        self._data.release()
