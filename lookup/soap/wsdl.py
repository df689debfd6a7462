"""The description (WSDL 1.1) of a service, written from the tables: what clients are generated from.

One document holds everything, so `?wsdl` and `?singleWsdl` are the same. Its policies say what today's register says:
TLS without a client's certificate, Basic authentication, and WS-Addressing for SOAP 1.2.
"""

from collections.abc import Iterator
from xml.sax.saxutils import escape

from lookup.soap.operations import ADDRESSING, FAULT, RESPONSE, SOAP11, SOAP12, Operation, Service
from lookup.soap.schemas import schemas
from register.flr_schema import COMMON

_ADDRESS = "\0"  # where the address is put in
_BINDING = {SOAP11: "BasicHttpBinding", SOAP12: "WSHttpBinding"}
_PREFIX = {SOAP11: "soap", SOAP12: "soap12"}
_NAMESPACES = {
    "wsdl": "http://schemas.xmlsoap.org/wsdl/",
    "soap": "http://schemas.xmlsoap.org/wsdl/soap/",
    "soap12": "http://schemas.xmlsoap.org/wsdl/soap12/",
    "wsa10": ADDRESSING,
    "wsam": "http://www.w3.org/2007/05/addressing/metadata",
    "wsp": "http://www.w3.org/ns/ws-policy",
    "wsu": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd",
}
_BASIC = '<http:BasicAuthentication xmlns:http="http://schemas.microsoft.com/ws/06/2004/policy/http"/>'
_TRANSPORT = (
    '<sp:TransportBinding xmlns:sp="http://schemas.xmlsoap.org/ws/2005/07/securitypolicy"><wsp:Policy>'
    '<sp:TransportToken><wsp:Policy><sp:HttpsToken RequireClientCertificate="false"/></wsp:Policy></sp:TransportToken>'
    "<sp:AlgorithmSuite><wsp:Policy><sp:Basic256/></wsp:Policy></sp:AlgorithmSuite>"
    "<sp:Layout><wsp:Policy><sp:Strict/></wsp:Policy></sp:Layout>"
    "</wsp:Policy></sp:TransportBinding>"
)
_ADDRESSED = "<wsam:Addressing><wsp:Policy><wsam:AnonymousResponses/></wsp:Policy></wsam:Addressing>"
_POLICY = {SOAP11: _BASIC + _TRANSPORT, SOAP12: _BASIC + _TRANSPORT + _ADDRESSED}


_TEMPLATES: dict[str, str] = {}


def description(service: Service, base_url: str) -> bytes:
    """The description, with the addresses that the service has below a URL (scheme, host, and a path before ours)."""
    if service.name not in _TEMPLATES:
        _TEMPLATES[service.name] = "".join(_written(service))
    return _TEMPLATES[service.name].replace(_ADDRESS, escape(base_url, {'"': "&quot;"})).encode()


def _written(service: Service) -> Iterator[str]:
    heads = "".join(f' xmlns:{prefix}="{namespace}"' for prefix, namespace in _NAMESPACES.items())
    yield (
        f'<?xml version="1.0" encoding="utf-8"?><wsdl:definitions{heads} xmlns:tns="{service.namespace}"'
        f' name="{service.name}" targetNamespace="{service.namespace}">'
    )
    for version in service.paths.values():
        if service.has_policies:
            policy = f"<wsp:ExactlyOne><wsp:All>{_POLICY[version]}</wsp:All></wsp:ExactlyOne>"
            yield f'<wsp:Policy wsu:Id="{_binding(service, version)}_policy">{policy}</wsp:Policy>'
    yield f"<wsdl:types>{schemas(service)}</wsdl:types>"
    for operation in service.operations.values():
        yield from _messages(service, operation)
    ports = "".join(_port_operation(service, one) for one in service.operations.values())
    yield f'<wsdl:portType name="{service.port_type}">{ports}</wsdl:portType>'
    for version in service.paths.values():
        yield _binding_element(service, version)
    ports = "".join(_port(service, path, version) for path, version in service.paths.items())
    yield f'<wsdl:service name="{service.name}">{ports}</wsdl:service></wsdl:definitions>'


def _binding(service: Service, version: str) -> str:
    return f"{_BINDING[version]}_{service.port_type}"


def _message(service: Service, operation: Operation, which: str) -> str:
    return f"{service.port_type}_{operation.name}_{which}Message"


def _messages(service: Service, operation: Operation) -> Iterator[str]:
    for which, element in (("Input", operation.name), ("Output", operation.name + RESPONSE)):
        part = f'<wsdl:part name="parameters" element="tns:{element}"/>'
        yield f'<wsdl:message name="{_message(service, operation, which)}">{part}</wsdl:message>'
    if operation.faults:
        part = f'<wsdl:part xmlns:q="{COMMON}" name="detail" element="q:GenericFault"/>'
        yield f'<wsdl:message name="{_message(service, operation, FAULT + "_Fault")}">{part}</wsdl:message>'


def _port_operation(service: Service, operation: Operation) -> str:
    action = service.action(operation.name)
    out = f'<wsdl:input wsam:Action="{action}" message="tns:{_message(service, operation, "Input")}"/>'
    out += f'<wsdl:output wsam:Action="{action}{RESPONSE}" message="tns:{_message(service, operation, "Output")}"/>'
    if operation.faults:
        message = _message(service, operation, f"{FAULT}_Fault")
        out += f'<wsdl:fault wsam:Action="{action}{FAULT}" name="{FAULT}" message="tns:{message}"/>'
    return f'<wsdl:operation name="{operation.name}">{out}</wsdl:operation>'


def _binding_element(service: Service, version: str) -> str:
    name, prefix = _binding(service, version), _PREFIX[version]
    out = f'<wsp:PolicyReference URI="#{name}_policy"/>' if service.has_policies else ""
    out += f'<{prefix}:binding transport="http://schemas.xmlsoap.org/soap/http"/>'
    body = f'<{prefix}:body use="literal"/>'
    for operation in service.operations.values():
        action = service.action(operation.name)
        inside = f'<{prefix}:operation soapAction="{action}" style="document"/>'
        inside += f"<wsdl:input>{body}</wsdl:input><wsdl:output>{body}</wsdl:output>"
        if operation.faults:
            fault = f'<{prefix}:fault use="literal" name="{FAULT}" namespace=""/>'
            inside += f'<wsdl:fault name="{FAULT}">{fault}</wsdl:fault>'
        out += f'<wsdl:operation name="{operation.name}">{inside}</wsdl:operation>'
    return f'<wsdl:binding name="{name}" type="tns:{service.port_type}">{out}</wsdl:binding>'


def _port(service: Service, path: str, version: str) -> str:
    name, address = _binding(service, version), f"{_ADDRESS}{path}"
    out = f'<{_PREFIX[version]}:address location="{address}"/>'
    if version == SOAP12:
        out += f"<wsa10:EndpointReference><wsa10:Address>{address}</wsa10:Address></wsa10:EndpointReference>"
    return f'<wsdl:port name="{name}" binding="tns:{name}">{out}</wsdl:port>'
