"""The records and relations of a generation: typed read access to the small databases of index.mdb.

Contracts, doctor cycles, doctors, offices, outposts, teams and codes, and how they hang together. Persons and
fragments are not read here (lookup.index does that over plain memory). The names and keys below are also what the
loader writes by; layout in docs/generation-format.md.
"""

import struct
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import lmdb
import msgspec

from lookup.record import Damaged
from register import codes
from register.model import Contract, Doctor, DoctorCycle, Office, Outpost, Record, Team

PERSONS = "persons"
FRAGMENTS = "fragments"
PATIENTS = "patients"
SLOTS = "slots"
SLOT_CONTRACTS = "slot_contracts"
CONTRACT_CYCLES = "contract_cycles"
CONTRACT_OUTPOSTS = "contract_outposts"
DOCTOR_CYCLES_OF = "doctor_cycles_of"
OFFICE_CONTRACTS = "office_contracts"
HER_IDS = "her_ids"
META = "meta"
META_KEY = b"index"

KIND_CYCLE, KIND_OFFICE, KIND_CONTRACT = 1, 2, 3

I64_SHIFT = 1 << 63
MAX_DATABASES = 32  # what an environment is opened with: room for every database of a generation and for later ones


def u32_key(n: int) -> bytes:
    """The key of 0 <= n < 2**32. Raises OverflowError outside."""
    return n.to_bytes(4, "big")


def u64_key(n: int) -> bytes:
    """The key of 0 <= n < 2**64. Raises OverflowError outside."""
    return n.to_bytes(8, "big")


def i64_key(n: int) -> bytes:
    """The key of a number that may be negative, -2**63 <= n < 2**63. Raises OverflowError outside."""
    return (n + I64_SHIFT).to_bytes(8, "big")


def code_key(oid: int, value: str) -> bytes:
    """The key of a value of a code system."""
    return u32_key(oid) + value.encode()


# table of the feed -> the key of one of its records; the database has the table's name, its value is the canonical line
RECORD_DATABASES: dict[str, Callable[[Any], bytes]] = {
    "codes": lambda record: code_key(record.oid, record.value),
    "offices": lambda record: i64_key(record.organization_number),
    "doctors": lambda record: u32_key(record.hpr_number),
    "contracts": lambda record: u64_key(record.id),
    "doctor_cycles": lambda record: u64_key(record.id),
    "outposts": lambda record: u64_key(record.id),
    "teams": lambda record: u64_key(record.id),
    "nin_changes": lambda record: u64_key(int(record.old_nin)),
}
RELATION_DATABASES = (
    SLOTS,
    SLOT_CONTRACTS,
    CONTRACT_CYCLES,
    CONTRACT_OUTPOSTS,
    DOCTOR_CYCLES_OF,
    OFFICE_CONTRACTS,
    HER_IDS,
)

_HER_ENTRY = struct.Struct("<Bq")


def encode_ids(ids: list[int]) -> bytes:
    """The value of a relation to many: ids below 2**64, as given (the format wants them ascending)."""
    return struct.pack(f"<{len(ids)}Q", *ids)


def decode_ids(value: bytes) -> list[int]:
    """The ids that `encode_ids` wrote. Raises Damaged."""
    if len(value) % 8:
        raise Damaged("a list of ids is cut short")
    return list(struct.unpack(f"<{len(value) // 8}Q", value))


def encode_things(things: list[tuple[int, int]]) -> bytes:
    """The value of database `her_ids`: (kind, key) of everything that has, or has had, one HER-ID."""
    return b"".join(_HER_ENTRY.pack(kind, key) for kind, key in things)


def decode_things(value: bytes) -> list[tuple[int, int]]:
    """The (kind, key) pairs that `encode_things` wrote. Raises Damaged."""
    if len(value) % _HER_ENTRY.size:
        raise Damaged("a HER-ID's entries are cut short")
    return [(kind, key) for kind, key in _HER_ENTRY.iter_unpack(value)]


class Window(msgspec.Struct, frozen=True, rename={"valid_from": "from"}):
    """The local times, in microseconds, between which fragments are rendered."""

    valid_from: int
    to: int


class IndexMeta(msgspec.Struct, frozen=True, kw_only=True):
    """What index.mdb says of itself (database `meta`, key `index`). An ordinal is a place in a list of codes."""

    format: str
    bits: int
    slots: int
    begin_codes: list[str | None]
    end_codes: list[str | None]
    content_digest: str
    counts: dict[str, int]
    window: Window


R = TypeVar("R", bound=Record)


class Tables:
    """Read access to one generation's small tables. One read transaction for life: use from one thread at a time.

    "Not found" is None or an empty list. A reference that leads nowhere, or a value that is not what the format says,
    raises Damaged, which carries no content.
    """

    def __init__(self, env: lmdb.Environment) -> None:
        """`env`: an index.mdb opened read-only with max_dbs=MAX_DATABASES. Raises Damaged."""
        self._env = env
        try:
            self._databases = {
                name: env.open_db(name.encode(), create=False)
                for name in (*RECORD_DATABASES, *RELATION_DATABASES, META)
            }
        except lmdb.NotFoundError:
            raise Damaged("a database is missing in index.mdb") from None
        self._txn = env.begin()
        meta = self._get(META, META_KEY)
        if meta is None:
            raise Damaged("index.mdb does not say what it is")
        self.meta = _decode(meta, IndexMeta)
        self.begin_codes, self.end_codes = self.meta.begin_codes, self.meta.end_codes
        self.counts = self.meta.counts

    def _get(self, database: str, key: bytes) -> bytes | None:
        return self._txn.get(key, db=self._databases[database])

    def _record(self, table: str, key: bytes, kind: type[R]) -> R | None:
        value = self._get(table, key)
        return None if value is None else _decode(value, kind)

    def _records(self, table: str, ids: list[int], kind: type[R]) -> list[R]:
        return [present(self._record(table, u64_key(n), kind)) for n in ids]

    def _ids(self, relation: str, key: bytes) -> list[int]:
        value = self._get(relation, key)
        return [] if value is None else decode_ids(value)

    def contract(self, contract_id: int) -> Contract | None:
        """The contract with this id."""
        return self._record("contracts", u64_key(contract_id), Contract)

    def cycle(self, cycle_id: int) -> DoctorCycle | None:
        """The doctor cycle with this id."""
        return self._record("doctor_cycles", u64_key(cycle_id), DoctorCycle)

    def cycles_of_contract(self, contract_id: int) -> list[DoctorCycle]:
        """Every doctor cycle of a contract, past and future too, by id."""
        return self._records("doctor_cycles", self._ids(CONTRACT_CYCLES, u64_key(contract_id)), DoctorCycle)

    def outposts_of_contract(self, contract_id: int) -> list[Outpost]:
        """Every outpost of a contract, by id."""
        return self._records("outposts", self._ids(CONTRACT_OUTPOSTS, u64_key(contract_id)), Outpost)

    def doctor(self, hpr_number: int) -> Doctor | None:
        """The doctor with this HPR number."""
        return self._record("doctors", u32_key(hpr_number), Doctor)

    def cycles_of_doctor(self, hpr_number: int) -> list[DoctorCycle]:
        """Every doctor cycle of a doctor, past and future too, by id."""
        return self._records("doctor_cycles", self._ids(DOCTOR_CYCLES_OF, u32_key(hpr_number)), DoctorCycle)

    def office(self, organization_number: int) -> Office | None:
        """The office with this organisation number (negative for a historical one)."""
        return self._record("offices", i64_key(organization_number), Office)

    def contract_ids_of_office(self, organization_number: int) -> list[int]:
        """The ids of every contract at an office, past and future too, ascending."""
        return self._ids(OFFICE_CONTRACTS, i64_key(organization_number))

    def team(self, team_id: int) -> Team | None:
        """The primary health care team with this id."""
        return self._record("teams", u64_key(team_id), Team)

    def code_text(self, oid: int, value: str) -> str | None:
        """The text of a code value: the feed's, else that of a closed system."""
        line = self._get("codes", code_key(oid, value))
        return _CLOSED.get((oid, value)) if line is None else _decode(line, _Text).text

    def things_of_her_id(self, her_id: int) -> list[tuple[int, int]]:
        """(kind, key) of everything that has, or has had, a HER-ID: KIND_CYCLE, KIND_OFFICE or KIND_CONTRACT."""
        value = self._get(HER_IDS, u32_key(her_id))
        return [] if value is None else decode_things(value)

    def slot_of_contract(self, contract_id: int) -> int | None:
        """The slot of a contract, by which person records name it."""
        value = self._get(SLOTS, u64_key(contract_id))
        return None if value is None else int.from_bytes(value, "little")

    def contract_id_of_slot(self, slot: int) -> int:
        """The contract that has a slot. Raises Damaged when none has."""
        return int.from_bytes(present(self._get(SLOT_CONTRACTS, u32_key(slot))), "little")

    def holds(self, table: str, key: bytes) -> bool:
        """Whether a table has a record under a key."""
        return self._get(table, key) is not None

    def contract_ids(self) -> list[int]:
        """The contract of every slot, by slot. Raises Damaged."""
        found = list(self._txn.cursor(self._databases[SLOT_CONTRACTS]))
        if [slot for slot, _ in found] != list(map(u32_key, range(self.meta.slots))):
            raise Damaged("a slot's contract is not there")
        return [int.from_bytes(contract, "little") for _, contract in found]

    def lines(self, table: str) -> Iterator[bytes]:
        """The canonical line of every record of a table, by key."""
        return (line for _, line in self.items(table))

    def items(self, table: str) -> Iterator[tuple[bytes, bytes]]:
        """(key, canonical line) of every record of a table, by key."""
        return self._txn.cursor(self._databases[table]).iternext()


class _Text(msgspec.Struct):
    text: str


T = TypeVar("T")

_CLOSED = codes.closed_values()
_DECODERS: dict[type, msgspec.json.Decoder[Any]] = {
    kind: msgspec.json.Decoder(kind)
    for kind in (Contract, Doctor, DoctorCycle, Office, Outpost, Team, IndexMeta, _Text)
}


def present(value: T | None) -> T:
    """`value`, which a reference inside the generation leads to. Raises Damaged when nothing is there."""
    if value is None:
        raise Damaged("a reference in the generation leads nowhere")
    return value


def _decode(value: bytes, kind: type[T]) -> T:
    try:
        decoded: T = _DECODERS[kind].decode(value)
    except msgspec.DecodeError:
        raise Damaged("a record in the generation is not of its type") from None
    return decoded
