"""The octets of an answer: envelope, addressing headers, the answer's element, and the result in it. One form for all.

As in today's register there is no XML declaration, `s` is the envelope's prefix and `a` that of WS-Addressing, whose
headers come where the question had some.
"""

from typing import Any, NamedTuple

from lookup.soap.faults import Fault, GenericFault, rendered
from lookup.soap.operations import ADDRESSING, FAULT, NAMESPACES, RESPONSE, SOAP11, SOAP12, Operation, Service
from register.flr_schema import INSTANCE
from register.flr_xml import Derived, Rendered, escaped

MEDIA_TYPES = {SOAP11: "text/xml", SOAP12: "application/soap+xml"}
CHARSET = "; charset=utf-8"
ADDRESSING_FAULT, SOAP_FAULT = f"{ADDRESSING}/fault", f"{ADDRESSING}/soap/fault"


class Addressed(NamedTuple):
    """That the question had addressing headers, and its MessageID as it came, if it had one."""

    message_id: str | None


def head(version: str, addressed: Addressed | None, action: str, *, declares: bool = False) -> str:
    """The envelope up to its body's content. `declares`: the body needs the prefix of WS-Addressing."""
    begin = f'<s:Envelope xmlns:s="{NAMESPACES[version]}"'
    if addressed is not None or declares:
        begin += f' xmlns:a="{ADDRESSING}"'
    if addressed is None:
        return f"{begin}><s:Body>"
    relates = addressed.message_id
    headers = f'<a:Action s:mustUnderstand="1">{action}</a:Action>'
    headers += "" if relates is None else f"<a:RelatesTo>{escaped(relates)}</a:RelatesTo>"
    return f"{begin}><s:Header>{headers}</s:Header><s:Body>"


END = "</s:Body></s:Envelope>"


def begin_result(service: Service, operation: Operation, derived: str | None = None) -> str:
    """The answer's element and the result's, up to its content; `derived` is the type of one that extends another."""
    result = operation.result
    kind = derived or result.type
    declared = service.writer.declarations(kind) if result.type in service.table.types else ""
    attribute = "" if derived is None else f' i:type="{derived}"'
    return f'<{operation.name}{RESPONSE} xmlns="{service.namespace}"><{result.name}{declared}{attribute}>'


def end_result(operation: Operation) -> str:
    """What closes them."""
    return f"</{operation.result.name}></{operation.name}{RESPONSE}>"


def answer(service: Service, version: str, operation: Operation, addressed: Addressed | None, value: Any) -> bytes:
    """The whole answer of an operation."""
    begin = head(version, addressed, service.action(operation.name) + RESPONSE)
    return f"{begin}{_body(service, operation, value)}{END}".encode()


def _body(service: Service, operation: Operation, value: Any) -> str:
    name, result = operation.name, operation.result
    if value is None:
        nil = f'<{result.name} xmlns:i="{INSTANCE}" i:nil="true"/>'
        return f'<{name}{RESPONSE} xmlns="{service.namespace}">{nil}</{name}{RESPONSE}>'
    derived = None
    kind = result.type
    if isinstance(value, Derived):
        derived, value = value
        kind = derived
    content = value if isinstance(value, Rendered) else service.writer.content(kind, value)
    return f"{begin_result(service, operation, derived)}{content}{end_result(operation)}"


def fault(
    service: Service, version: str, operation: Operation | None, addressed: Addressed | None, refused: Fault
) -> bytes:
    """The whole answer that is a fault; `operation` is None where it was not even known."""
    action = SOAP_FAULT if refused.subcode is None else ADDRESSING_FAULT
    if isinstance(refused, GenericFault) and operation is not None:
        action = service.action(operation.name) + FAULT
    begin = head(version, addressed, action, declares=refused.subcode is not None)
    return f"{begin}{rendered(refused, version)}{END}".encode()
