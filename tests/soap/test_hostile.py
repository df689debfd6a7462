"""Hostile questions over a socket: what the head may say, what a role opens, what is sent back; and it answers on."""

from collections.abc import Iterator

import pytest
from lxml import etree

from lookup.soap.operations import PARTIES, READ, SOAP11, SOAP12
from tests.soap.clients import MEDIA, request
from tests.soap.envelopes import ADDRESSING
from tests.soap.hamlet import INVALID
from tests.soap.hamlet_served import HamletServed


def ask(
    served: HamletServed, body: bytes, path: str = "/v1/AR/Basic", **fields: str
) -> tuple[int, dict[str, str], str]:
    content_type = fields.pop("content_type", MEDIA[PARTIES.paths.get(path, SOAP11)])
    status, head, answer = served.post("ks", path, body, content_type, **fields)
    return status, head, answer.decode()


USUAL = request(PARTIES, "GetCommunicationPartyDetails", SOAP11, "<herId>4001</herId>")
ACTION = PARTIES.action("GetCommunicationPartyDetails")


@pytest.fixture
def answers_on(hamlet_served: HamletServed) -> Iterator[HamletServed]:
    """That the service answers, after whatever was asked of it."""
    yield hamlet_served
    status, _, body = ask(hamlet_served, USUAL)
    assert (status, "Anne" in body) == (200, True)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 200),
        ({"SOAPAction": f'"{ACTION}"'}, 200),
        ({"SOAPAction": ACTION}, 200),
        ({"SOAPAction": '""'}, 200),
        ({"SOAPAction": ""}, 200),
        ({"SOAPAction": f'"{PARTIES.action("Ping")}"'}, 500),
        ({"SOAPAction": '"urn:other"'}, 500),
        ({"SOAPAction": f'"{READ.action("GetCommunicationPartyDetails")}"'}, 500),
        ({"content_type": "text/xml"}, 200),
        ({"content_type": 'text/xml; charset="UTF-8"'}, 200),
        ({"content_type": "text/xml; charset=utf-7"}, 415),
        ({"content_type": "text/xml; charset=utf-8; charset=utf-16"}, 415),
        ({"content_type": "application/json"}, 415),
        ({"content_type": "application/soap+xml"}, 415),
        ({"content_type": "multipart/related; type=text/xml; boundary=x"}, 415),
        ({"content_type": ""}, 415),
        ({"Content-Encoding": "gzip"}, 415),
    ],
)
def test_the_head_of_a_question(answers_on: HamletServed, fields: dict[str, str], status: int) -> None:
    got, _, body = ask(answers_on, USUAL, **fields)
    assert got == status
    assert ("GenericFault" in body) is False
    assert ("<s:Fault>" in body) is (status != 200)


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        (f'application/soap+xml; charset=utf-8; action="{ACTION}"', 200),
        (f"application/soap+xml; action={ACTION.replace('/', '%2F')}", 500),
        ('application/soap+xml; action=""', 200),
        ("application/soap+xml", 200),
        (f'application/soap+xml; action="{PARTIES.action("Ping")}"', 500),
        ("text/xml", 415),
    ],
)
def test_the_head_of_a_question_by_soap_1_2(answers_on: HamletServed, content_type: str, status: int) -> None:
    body = request(PARTIES, "GetCommunicationPartyDetails", SOAP12, "<herId>4001</herId>")
    got, _, said = ask(answers_on, body, "/v1/AR", content_type=content_type)
    assert (got, "GenericFault" in said, "<s:Fault>" in said) == (status, False, status != 200)


def test_an_action_opens_no_more_than_the_body_asks_for(answers_on: HamletServed) -> None:
    """Who may look up a patient's GP, and not the history, does not get it by naming the one and asking the other."""
    body = request(READ, "GetPatientGPHistory", SOAP11, f"<patientNin>{INVALID}</patientNin>")
    for fields, expected in (
        ({"SOAPAction": f'"{READ.action("GetPatientGPDetails")}"'}, 500),
        ({"SOAPAction": f'"{READ.action("GetPatientGPHistory")}"'}, 403),
        ({}, 403),
    ):
        status, _, said = ask(answers_on, body, "/v2/flr/Basic", **fields)
        assert (status, "GenericFault" in said) == (expected, False)


def test_a_question_that_is_too_large(answers_on: HamletServed) -> None:
    padded = USUAL.replace(b"<e:Body>", b"<e:Body>" + b" " * 5_000_000)
    status, _, body = ask(answers_on, padded)
    assert (status, "GenericFault" in body) == (413, False)


def test_what_is_sent_back_is_escaped(answers_on: HamletServed) -> None:
    sent = "</a:RelatesTo><s:Body/>&\"'\r\n"
    escaped = sent.replace("&", "&amp;").replace("<", "&lt;").replace("\r", "&#13;")
    headers = f'<a:MessageID xmlns:a="{ADDRESSING}">{escaped}</a:MessageID>'
    status, _, body = ask(answers_on, request(PARTIES, "Ping", SOAP12, "", headers), "/v1/AR")
    assert status == 200
    envelope = etree.fromstring(body)
    assert envelope.findtext(f".//{{{ADDRESSING}}}RelatesTo") == sent.strip()
    assert len(envelope) == 2


def test_a_host_is_not_sent_back_as_markup(answers_on: HamletServed) -> None:
    for host in ('a"/><x y="', "a&b", "<x>"):
        status, _, body = answers_on.process.ask("/v1/AR/Basic?wsdl", Host=host)
        if status == 200:
            etree.fromstring(body)
            assert host.encode() not in body
        else:
            assert status == 400


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "TRACE"])
def test_other_methods(answers_on: HamletServed, method: str) -> None:
    status, head, _ = answers_on.process.ask("/v1/AR/Basic", method=method)
    assert (status, "POST" in head["allow"]) == (405, True)
