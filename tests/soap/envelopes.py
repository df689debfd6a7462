"""Reading an envelope without a service around it, for tests of what is read and what is refused."""

from collections.abc import Mapping
from typing import Any

import pytest

from lookup.soap.faults import Fault, GenericFault
from lookup.soap.operations import READ, SOAP11
from lookup.soap.reading import EnvelopeReader
from tests.soap.clients import request

ADDRESSING = "http://www.w3.org/2005/08/addressing"


def read(body: bytes | str, *, version: str = SOAP11, encoding: str | None = None) -> Mapping[str, Any]:
    """The arguments of an envelope that asks the register. Raises Fault."""
    octets = body.encode() if isinstance(body, str) else body
    return EnvelopeReader(READ, version, None).read(octets, encoding)


def asked(operation: str, inside: str) -> Mapping[str, Any]:
    """The arguments of an operation that is asked with this XML of parameters. Raises Fault."""
    return read(request(READ, operation, SOAP11, inside))


def refused(body: bytes | str, *, version: str = SOAP11, encoding: str | None = None, telling: str = "\0") -> None:
    """That an envelope is refused, with a fault that is no answer of the register, and tells nothing of it."""
    with pytest.raises(Fault) as caught:
        read(body, version=version, encoding=encoding)
    assert not isinstance(caught.value, GenericFault)
    assert telling not in caught.value.text


def not_asked(operation: str, inside: str, *, telling: str = "\0") -> None:
    """That this XML of parameters is refused so."""
    refused(request(READ, operation, SOAP11, inside), telling=telling)
