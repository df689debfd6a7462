"""Our descriptions against the real registers': all that a generated client goes by, of the operations that we serve.

Where FLR_CONTRACTS names no folder, ours are held against the digests of what agreed with the real ones when it did.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from lxml import etree

from lookup.soap.operations import EXPORT, PARTIES, READ, Service
from tests.register.flr_contracts import described
from tests.service import Service as Process
from tests.soap.clients import NAMES, ours

WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
XS = "{http://www.w3.org/2001/XMLSchema}"
ACTION = "{http://www.w3.org/2007/05/addressing/metadata}Action"
POLICY = "{http://www.w3.org/ns/ws-policy}"
ADDED = "GetGPPatientListAtTime"  # which no description of the real register has now
# name -> sha256 of ours, as `agreed` has it
AGREED = {
    READ.name: "707394edc79b0f82b89ba9f20d5f664f3ac8f7f301313fdc804cfb5a1b4c409f",
    EXPORT.name: "f741da2d54accb344d50cc058d7aa2e4c6db750f1fd42da1c726b9420d9989a1",
    PARTIES.name: "35e284f247b522e47c2b7df07697f043d7643bbea1f7e901a3ee27d854b82570",
}


def qualified(element: etree._Element, text: str | None) -> str | None:
    """A name with a prefix, as one with a namespace."""
    if text is None:
        return None
    prefix, _, local = text.rpartition(":")
    return f"{{{element.nsmap.get(prefix or None)}}}{local}"


def written(element: etree._Element) -> list[Any]:
    """An element without prefixes and blanks."""
    return [element.tag, sorted(element.attrib.items()), [written(child) for child in element]]


class Described:
    """A description taken apart; `operations` are those that are looked at."""

    def __init__(self, text: bytes, operations: set[str]) -> None:
        self.root = etree.fromstring(text)
        self.operations = operations
        self.elements: dict[str, Any] = {}
        self.types: dict[str, Any] = {}
        for schema in self.root.iter(f"{XS}schema"):
            assert schema.get("elementFormDefault") == "qualified"
            self._take(schema, schema.get("targetNamespace"))

    def agreed(self) -> dict[str, Any]:
        """All that must be the same."""
        return {
            "named": [self.root.get("name"), self.root.get("targetNamespace")],
            "operations": {one.get("name"): list(self._operation(one)) for one in self._of("portType")},
            "bindings": [self._binding(one) for one in self.root.iter(f"{WSDL}binding")],
            "ports": [
                [port.get("name"), qualified(port, port.get("binding")), [child.tag for child in port]]
                for port in self.root.iter(f"{WSDL}port")
            ],
            "policies": {one.attrib.values()[0]: written(one) for one in self.root.findall(f"{POLICY}Policy")},
            "schema": self._reached(),
        }

    def _of(self, parent: str) -> Iterator[etree._Element]:
        for one in self.root.iterfind(f"{WSDL}{parent}/{WSDL}operation"):
            if one.get("name") in self.operations:
                yield one

    def _operation(self, operation: etree._Element) -> Iterator[list[Any]]:
        for one in operation:
            message = one.get("message").rpartition(":")[2]
            (found,) = self.root.iterfind(f"{WSDL}message[@name='{message}']")
            parts = [[part.get("name"), qualified(part, part.get("element"))] for part in found]
            yield [one.tag, one.get("name"), one.get(ACTION), message, parts]

    def _binding(self, binding: etree._Element) -> list[Any]:
        head = [written(one) for one in binding if one.tag != f"{WSDL}operation"]
        inside = {
            one.get("name"): [written(child) for child in one]
            for one in binding.iterfind(f"{WSDL}operation")
            if one.get("name") in self.operations
        }
        return [binding.get("name"), qualified(binding, binding.get("type")), head, inside]

    def _take(self, schema: etree._Element, namespace: str) -> None:
        for one in schema:
            name = f"{{{namespace}}}{one.get('name')}"
            if one.tag == f"{XS}element":
                self.elements[name] = self._element(one)
            elif one.tag == f"{XS}complexType":
                self.types[name] = self._type(one)
            elif one.tag == f"{XS}simpleType":
                self.types[name] = [[value.get("value") for value in one.iter(f"{XS}enumeration")], None]

    def _type(self, one: etree._Element) -> list[Any]:
        extension = one.find(f".//{XS}extension")
        base = None if extension is None else qualified(extension, extension.get("base"))
        return [[self._element(member) for member in one.iter(f"{XS}element")], base]

    def _element(self, one: etree._Element) -> list[Any]:
        inside = one.find(f"{XS}complexType")
        kind = qualified(one, one.get("type")) if inside is None else self._type(inside)
        occurs = one.get("minOccurs", "1"), one.get("maxOccurs", "1")
        return [one.get("name"), kind, *occurs, one.get("nillable") == "true"]

    def _reached(self) -> dict[str, Any]:
        """The elements and types that the operations' messages consist of, and the elements of these types."""
        namespace = self.root.get("targetNamespace")
        wrappers = [f"{{{namespace}}}{name}{end}" for name in self.operations for end in ("", "Response")]
        found = {name: self.elements[name] for name in wrappers}
        waiting = [str(kind) for name in wrappers for _, kind, *_ in self.elements[name][1][0]]
        while waiting:
            name = waiting.pop()
            if name in found or name not in self.types:
                continue
            members, base = found[name] = self.types[name]
            if base is None or members:
                waiting += [str(member[1]) for member in members if isinstance(member, list)]
            waiting += [] if base is None else [base]
        for name in [one for one in found if one in self.types]:
            found[f"element {name}"] = self.elements.get(name)
        return found


def looked_at(service: Service) -> set[str]:
    return set(service.operations) - {ADDED}


@pytest.mark.parametrize("of", [READ, EXPORT, PARTIES], ids=lambda one: one.name)
class TestAgreement:
    def test_with_the_real_registers(self, of: Service) -> None:
        own = Described(ours(of), looked_at(of)).agreed()
        digest = hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()
        path = described(NAMES[of.name])
        if path is not None:
            real = Described(path.read_bytes(), looked_at(of)).agreed()
            for part in own:
                assert own[part] == real[part], part
        assert digest == AGREED[of.name]

    def test_nothing_else_is_added(self, of: Service) -> None:
        root = etree.fromstring(ours(of))
        there = {one.get("name") for one in root.iterfind(f"{WSDL}portType/{WSDL}operation")}
        assert there == set(of.operations)
        assert there - looked_at(of) == ({ADDED} if of is READ else set())


@pytest.mark.parametrize("of", [READ, EXPORT, PARTIES], ids=lambda one: one.name)
@pytest.mark.parametrize("query", ["?wsdl", "?singleWsdl", "?WSDL"])
def test_it_is_served_with_the_address_that_it_was_asked_for_at(of: Service, query: str, service: Process) -> None:
    for path in of.paths:
        status, fields, body = service.ask(path + query)
        assert (status, fields["content-type"]) == (200, "text/xml; charset=utf-8")
        root = etree.fromstring(body)
        places = [one.get("location") for one in root.iter() if etree.QName(one).localname == "address"]
        assert places == [f"http://127.0.0.1:{service.address['port']}{one}" for one in of.paths]
        assert service.ask(path + "?other")[0] == 405
