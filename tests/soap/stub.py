"""A consumer's client of one service: zeep's, with a name and password, that looks at every answer as it comes.

What the description of the service says must hold of each answer: it validates against the schema, every member is
there and in order, nil where there is none, and what addresses the answer fits the question.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import zeep
from lxml import etree
from requests import Response, Session

from lookup.soap.operations import Service
from tests.soap.clients import BINDINGS, description, schemas

XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
ADDRESSING = "{http://www.w3.org/2005/08/addressing}"
COMMON = "{http://register.nhn.no/Common}"
UNAUTHENTICATED = 401


class Kept(zeep.Transport):
    """Keeps the last question and its answer, as octets."""

    question: bytes
    answer: Response

    def post(self, address: str, message: bytes, headers: dict[str, str]) -> Response:
        self.question, self.answer = message, super().post(address, message, headers)
        return self.answer


class Stub:
    """One service by one version of SOAP: its operations are what it is asked by."""

    def __init__(self, folder: Path, service: Service, version: str, base_url: str, login: tuple[str, str]) -> None:
        """`folder` is for what is written on the way; `login` a name and a password."""
        session = Session()
        session.auth, session.trust_env = login, False
        self.transport = Kept(session=session, timeout=60, operation_timeout=60)
        text = folder / f"{service.name}.wsdl"
        text.write_bytes(description(service))
        self._client = zeep.Client(str(text), transport=self.transport, settings=zeep.Settings(strict=True))
        self._namespace = service.namespace
        (path,) = (path for path, spoken in service.paths.items() if spoken == version)
        binding = f"{{{service.namespace}}}{BINDINGS[version]}_{service.port_type}"
        self._service = self._client.create_service(binding, base_url + path)
        self._schemas = schemas(service, folder)

    def type(self, name: str, **members: Any) -> Any:
        """A value of a type of the service's own namespace."""
        return self._client.get_type(f"{{{self._namespace}}}{name}")(**members)

    def ask(self, operation: str, **arguments: Any) -> Any:
        """What an operation answers, which is looked at. Raises zeep's Fault."""
        try:
            value = self._service[operation](**arguments)
        finally:
            if self.transport.answer.status_code != UNAUTHENTICATED:  # the one that is said before the question is read
                self._look_at_addressing()
        answer = self._answer = self._schemas.check(self.transport.answer.content)
        declared = self._client.wsdl.types.get_element(etree.QName(answer))
        assert not list(self._missing(answer, declared.type))
        return value

    def given(self, *paths: str) -> None:
        """That the last answer has these members, and none of them is nil: zeep does not tell a list that is nil from
        an empty one, and consumers on CXF fall over the former.
        """
        (result,) = self._answer
        for path in paths:
            found = result.findall("/".join(f"{{*}}{name}" for name in path.split("/"))) if path else [result]
            assert found, path
            assert all(one.get(f"{XSI}nil") is None for one in found), path

    def _look_at_addressing(self) -> None:
        question = etree.fromstring(self.transport.question)
        envelope = etree.fromstring(self.transport.answer.content)
        assert envelope.tag == question.tag
        about, reply = (one.findtext(f".//{ADDRESSING}Action") for one in (question, envelope))
        assert about is not None  # which zeep writes by either version of SOAP
        assert reply in (f"{about}Response", f"{about}GenericFaultFault", f"{ADDRESSING[1:-1]}/soap/fault")
        asked, related = question.findtext(f".//{ADDRESSING}MessageID"), envelope.findtext(f".//{ADDRESSING}RelatesTo")
        assert asked == related != None  # noqa: E711 -- what is compared is both

    def _missing(self, element: etree._Element, kind: Any) -> Iterator[str]:
        """The elements whose members are not all those of their type, in order."""
        if element.get(f"{XSI}nil") == "true":
            if len(element) or element.text:
                yield f"{element.tag} is nil, and holds something"
            return
        derived = element.get(f"{XSI}type")
        if derived is not None:
            prefix, _, local = derived.rpartition(":")
            kind = self._client.wsdl.types.get_type(etree.QName(element.nsmap[prefix or None], local))
        members = [member for _, member in getattr(kind, "elements", ())]
        if len(members) == 1 and members[0].accepts_multiple:
            members *= len(element)
        if [child.tag for child in element] != [str(member.qname) for member in members]:
            yield element.tag
        for child, member in zip(element, members, strict=False):
            yield from self._missing(child, member.type)
