"""What the register says of a person: which of five answers it is, a batch of them, and what the person has had.

The five are five types, so that none is taken for another: `Assigned`, `Vacant`, `NoGp`, `Withheld`, `Unknown`. That
the register cannot say now is none of them: it is an error (`errors.CannotSay`). Nothing here shows a national id in
its repr.
"""

from dataclasses import dataclass
from datetime import date, datetime

import msgspec

from flr_client.places import Address, Contract, DoctorCycle, Gp, Office, Shape, Substitute


class Membership(Shape, frozen=True, kw_only=True):
    """A person's place on a list."""

    valid_from: datetime = msgspec.field(name="from")
    to: datetime | None
    begin_code: str | None


class Listed(Shape, frozen=True, kw_only=True, tag_field="status", tag="listed"):
    """What `Assigned` and `Vacant` have in common: the list, its office and its doctors.

    `her_id` is where to send messages; on a vacant list that of the only substitute, where there is exactly one.
    """

    her_id: int | None
    shared_with: tuple[Gp, ...]
    substitutes: tuple[Substitute, ...]
    contract: Contract
    office: Office
    membership: Membership


class Assigned(Listed, frozen=True, kw_only=True, tag="assigned"):
    """The person has a GP."""

    gp: Gp


class Vacant(Listed, frozen=True, kw_only=True, tag="vacant"):
    """The person is on a list that has no GP now."""


class NoGp(Shape, frozen=True, kw_only=True, tag_field="status", tag="none"):
    """The register knows the person, who is on no list: opted out, not yet placed, dead, emigrated."""


class Withheld(Shape, frozen=True, kw_only=True, tag_field="status", tag="withheld"):
    """The person is protected, and this client is not told."""


class Unknown(Shape, frozen=True, kw_only=True, tag_field="status", tag="unknown"):
    """The register has never seen the number."""


class Invalid(Shape, frozen=True, kw_only=True, tag_field="status", tag="invalid"):
    """In a batch: what was given is no national id."""


Found = Assigned | Vacant | NoGp | Withheld | Unknown


@dataclass(frozen=True, slots=True, repr=False)
class BatchResult:
    """One number of a batch: `nin` is the person's newest number, or what was asked where nobody is known by it.

    `serial` is the generation that the answer is from: a batch that was asked in parts may have two.
    """

    nin: str
    serial: int
    found: Found | Invalid


class PastMembership(Membership, frozen=True, kw_only=True):
    """A membership that a person has, has had or will have, with the doctors of its time."""

    id: int
    end_code: str | None
    updated: datetime
    contract: Contract
    office: Office
    doctors: tuple[DoctorCycle, ...]


class Particulars(Shape, frozen=True, kw_only=True):
    """Who a patient is. Of a protected person there are no addresses."""

    first_name: str | None
    middle_name: str | None
    last_name: str | None
    date_of_birth: date | None
    date_of_death: date | None
    sex: str | None
    addresses: tuple[Address, ...]


class Patient(Membership, frozen=True, kw_only=True):
    """One person on a list; `person` only where it was asked for."""

    nin: str
    membership_id: int
    person: Particulars | None = None
