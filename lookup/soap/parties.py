"""Adresseregisteret's operations, over the HER-IDs that this register has: what clients chain behind a patient's GP.

A HER-ID that the register does not have, or that is of another kind than the operation is about, is answered with
Adresseregisteret's own fault. Nothing is told of patients. A doctor's national id is, as in today's register, which
clients go by; it is part of what a doctor is known by, and no disclosure about a patient (docs/soap-parties.md).
"""

from collections.abc import Mapping
from datetime import datetime

from lookup import directory
from lookup.flr_wire import Values
from lookup.soap import party_values
from lookup.soap.call import Answering, Call, wording_of
from lookup.soap.faults import GenericFault
from lookup.soap.operations import PARTIES
from lookup.soap.party_values import Sight
from register import ids
from register.flr_xml import Derived
from register.localtime import OSLO

INVALID = "InvalidHerIdSupplied"
UNKNOWN = "Kommunikasjonspart med oppgitt HER-id eksisterer ikke."
# No public source has the text for a party of another kind: these are ours, and stand only here.
NOT_A_PERSON = "Kommunikasjonspart med oppgitt HER-id er ikke en person."
NOT_AN_ORGANIZATION = "Kommunikasjonspart med oppgitt HER-id er ikke en organisasjon."


def ping(_: Call) -> str:
    """That the service answers."""
    return "OK"


def get_communication_party_details(call: Call) -> Derived:
    """Whatever has a HER-ID; it says of which type it is."""
    return Derived(*_party(call))


def get_organization_person_details(call: Call) -> Derived:
    """A doctor at an office."""
    return Derived(party_values.PERSON, _party_of(call, party_values.PERSON, NOT_A_PERSON))


def get_organization_details(call: Call) -> Derived:
    """An office, with its doctors and services."""
    return Derived(party_values.ORGANIZATION, _party_of(call, party_values.ORGANIZATION, NOT_AN_ORGANIZATION))


def _party_of(call: Call, kind: str, otherwise: str) -> Values:
    found, values = _party(call)
    if found != kind:
        raise GenericFault(otherwise, INVALID)
    return values


def _party(call: Call) -> tuple[str, Values]:
    """(type, party) of the HER-ID asked for. Raises GenericFault."""
    her_id, tables = call.arguments["herId"], call.generation.tables
    holder = directory.holder(tables, her_id, call.now) if her_id is not None and ids.is_her_id(her_id) else None
    if holder is None:
        raise GenericFault(UNKNOWN, INVALID)
    moment = datetime.fromtimestamp(call.exchange.state.clock.epoch_ns() / 1e9, OSLO)
    word = wording_of(call.generation, PARTIES.writer)
    return party_values.party(Sight(tables, word, call.now, moment), holder)


ANSWERS: Mapping[str, Answering] = {
    "Ping": ping,
    "GetCommunicationPartyDetails": get_communication_party_details,
    "GetOrganizationPersonDetails": get_organization_person_details,
    "GetOrganizationDetails": get_organization_details,
}
