"""Which function answers an operation: each module of answers gives its own."""

from collections.abc import Mapping

from lookup.soap import contracts, export, lists, nav, parties, patient, searching
from lookup.soap.call import Answering

ANSWERS: Mapping[str, Answering] = {
    **patient.ANSWERS,
    **contracts.ANSWERS,
    **lists.ANSWERS,
    **searching.ANSWERS,
    **parties.ANSWERS,
    **export.ANSWERS,
    **nav.ANSWERS,
}
