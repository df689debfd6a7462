"""The SOAP face over real sockets: both versions, as consumers' stacks ask, and everything that goes wrong."""

import pytest

from lookup.soap.operations import PARTIES, SOAP11, SOAP12
from tests.soap.clients import Ask, Clients, Schemas


@pytest.mark.parametrize("version", [SOAP11, SOAP12])
def test_a_generated_client_is_answered(clients: Clients, version: str) -> None:
    assert clients(PARTIES, version).Ping() == "OK"


@pytest.mark.parametrize("version", [SOAP11, SOAP12])
def test_the_answer_is_as_the_schema_has_it(ask: Ask, validate: dict[str, Schemas], version: str) -> None:
    status, fields, body = ask(PARTIES, "Ping", version)
    assert status == 200
    assert fields["flr-generation"] == "1"
    assert validate[PARTIES.name].check(body).findtext(f"{{{PARTIES.namespace}}}PingResult") == "OK"
