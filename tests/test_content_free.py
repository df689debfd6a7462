"""What holds a national id or a name shows neither when it is printed, logged or part of an exception's text."""

import re

import msgspec
import pytest

from loader.flr_spool import Origin, Seen
from loader.read import Block
from lookup import shapes
from lookup.index import Found, Fragment
from lookup.record import FOREVER, Membership, Record
from lookup.resident import Reply
from lookup.rest.asking import GpConfirm, GpHistory, GpLookup, GpLookupBatch
from register.flr_reader import Element
from register.model import Doctor, NinChange, Person
from tests import tiny

NIN = tiny.ASSIGNED
NAME = "Nordmann"
MEMBERSHIP = Membership(0, 10**15, FOREVER, 1, 0, 10**15, int(NIN))
ELEMENT = Element()
ELEMENT.update(NIN=NIN, LastName=NAME)
THINGS = [
    MEMBERSHIP,
    Record(alias_of=int(NIN)),
    Record(None, True, (MEMBERSHIP,)),
    Found(int(NIN), True, MEMBERSHIP),
    Fragment(0, FOREVER, (7000001,), f'{{"lastName":"{NAME}"'.encode()),
    Reply("assigned", int(NIN), f'{{"nin":"{NIN}"}}'.encode(), protected=False),
    Block(0, 1, f'{{"nin":"{NIN}","lastName":"{NAME}"}}\n'.encode()),
    Person(nin=NIN, first_name="Ola", last_name=NAME),
    Doctor(hpr_number=7000001, nin=NIN, first_name="Ola", last_name=NAME),
    msgspec.json.decode(f'{{"oldNin":"{NIN}","newNin":"{NIN}","changed":"2020-01-01T00:00:00"}}', type=NinChange),
    shapes.HistoryAnswer(memberships=[]),
    Seen(2, f'{{"nin":"{NIN}","lastName":"{NAME}"}}'.encode(), Origin(0, 1, 1)),
    ELEMENT,
    GpLookup(nin=NIN),
    GpLookupBatch(nins=[NIN]),
    GpConfirm(nin=NIN, hpr_number=7000001),
    GpHistory(nin=NIN),
]


@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: type(thing).__name__)
def test_nothing_of_a_person_is_shown(thing: object) -> None:
    for text in (repr(thing), str(thing), f"{thing}", repr([thing]), str(ValueError(thing))):
        shown = re.sub(r" at 0x[0-9a-f]+", "", text)
        assert type(thing).__name__ in shown
        assert not re.search(r"\d{11}", shown)
        assert NAME not in shown
