"""The XML schemas of a service, written from its table of types and its operations: what stands in its description."""

from collections.abc import Iterable, Iterator
from xml.sax.saxutils import quoteattr

from lookup.soap.operations import RESPONSE, STREAM, Service
from register.flr_schema import MESSAGE, Enumeration, Member, Type, reached

XS = "http://www.w3.org/2001/XMLSchema"
SERIALIZATION = "http://schemas.microsoft.com/2003/10/Serialization/"
_FAULT = "GenericFault"
_STREAM_BODY = f'<xs:simpleType name="{STREAM}"><xs:restriction base="xs:base64Binary"/></xs:simpleType>'
# of .NET: a duration without years and months, no longer than it can count
_DURATION = (
    '<xs:element name="duration" nillable="true" type="tns:duration"/>'
    '<xs:simpleType name="duration"><xs:restriction base="xs:duration">'
    r'<xs:pattern value="\-?P(\d*D)?(T(\d*H)?(\d*M)?(\d*(\.\d*)?S)?)?"/>'
    '<xs:minInclusive value="-P10675199DT2H48M5.4775808S"/><xs:maxInclusive value="P10675199DT2H48M5.4775807S"/>'
    "</xs:restriction></xs:simpleType>"
)


def types_of(service: Service) -> list[Type]:
    """The types that the service's operations lead to, those that extend them and its fault's too."""
    types = service.table.types
    operations = service.operations.values()
    names = {member.type for one in operations for member in (*one.parameters, one.result)} | {_FAULT}
    found = reached(types, names)
    while True:
        known = {declared.name for declared in found}
        more = reached(types, known | {declared.name for declared in types.values() if declared.base in known})
        if len(more) == len(found):
            return more
        found = more


def schemas(service: Service) -> str:
    """The schemas, that of the service's own namespace first."""
    return "".join(_Schemas(service).all())


class _Schemas:
    def __init__(self, service: Service) -> None:
        self.service, self.types = service, types_of(service)
        table = service.table
        members = [member for declared in self.types for member in declared.members]
        for operation in service.operations.values():
            members += (*operation.parameters, operation.result)
        used = {member.type for member in members}
        self.enumerations = [one for one in table.enumerations.values() if one.name in used]
        self.home = {declared.name: declared.namespace for declared in self.types}
        self.home |= {one.name: one.namespace for one in self.enumerations}
        self.home |= {name: namespace for name, namespace in _SIMPLE_HOMES.items() if name in used}
        self.namespaces = dict.fromkeys((service.namespace, *self.home.values()))

    def all(self) -> Iterator[str]:
        for namespace in self.namespaces:
            content = "".join(self._content(namespace))
            prefixes = "".join(
                f" xmlns:{prefix}={quoteattr(name)}" for name, prefix in self._prefixes(namespace).items()
            )
            imports = "".join(
                f"<xs:import namespace={quoteattr(other)}/>"
                for other in self.namespaces
                if other != namespace and other in self._mentioned(namespace)
            )
            qualified = 'attributeFormDefault="qualified" ' if namespace == SERIALIZATION else ""
            yield (
                f'<xs:schema xmlns:xs="{XS}"{prefixes} {qualified}elementFormDefault="qualified"'
                f" targetNamespace={quoteattr(namespace)}>{imports}{content}</xs:schema>"
            )

    def _prefixes(self, own: str) -> dict[str, str]:
        others = [name for name in self.namespaces if name != own]
        return {own: "tns"} | {name: f"q{i}" for i, name in enumerate(others, 1) if name in self._mentioned(own)}

    def _mentioned(self, namespace: str) -> set[str]:
        """The other namespaces that the types and operations of one speak of."""
        members = [m for declared in self.types if declared.namespace == namespace for m in self._own(declared)]
        names = [declared.base for declared in self.types if declared.namespace == namespace and declared.base]
        if namespace == self.service.namespace:
            for one in self.service.operations.values():
                members += (*one.parameters, one.result)
        return {self.home[name] for name in (*names, *(m.type for m in members)) if name in self.home} - {namespace}

    def _content(self, namespace: str) -> Iterator[str]:
        if namespace == self.service.namespace:
            for one in self.service.operations.values():
                yield self._wrapper(one.name, one.parameters, namespace)
                yield self._wrapper(f"{one.name}{RESPONSE}", (one.result,), namespace)
        for declared in self.types:
            if declared.namespace == namespace:
                yield self._complex(declared)
        for enumeration in self.enumerations:
            if enumeration.namespace == namespace:
                yield _enumeration(enumeration)
        if namespace == MESSAGE:
            yield _STREAM_BODY
        if namespace == SERIALIZATION:
            yield _DURATION

    def _wrapper(self, name: str, members: Iterable[Member], namespace: str) -> str:
        inside = "".join(self._element(member, namespace) for member in members)
        return f'<xs:element name="{name}"><xs:complexType>{_sequence(inside)}</xs:complexType></xs:element>'

    def _own(self, declared: Type) -> tuple[Member, ...]:
        inherited = 0 if declared.base is None else len(self.service.table.types[declared.base].members)
        return declared.members[inherited:]

    def _complex(self, declared: Type) -> str:
        content = _sequence("".join(self._element(member, declared.namespace) for member in self._own(declared)))
        if declared.base is not None:
            base = self._name(declared.base, declared.namespace)
            extension = f'<xs:extension base="{base}">{content}</xs:extension>'
            content = f'<xs:complexContent mixed="false">{extension}</xs:complexContent>'
        return (
            f'<xs:complexType name="{declared.name}">{content}</xs:complexType>'
            f'<xs:element name="{declared.name}" nillable="true" type="tns:{declared.name}"/>'
        )

    def _element(self, member: Member, namespace: str) -> str:
        # A result that is octets is always there; all else may be absent.
        attributes = "" if member.type == STREAM else ' minOccurs="0"'
        attributes += ' maxOccurs="unbounded"' if member.many else ""
        attributes += f' name="{member.name}"'
        attributes += ' nillable="true"' if member.nillable else ""
        return f'<xs:element{attributes} type="{self._name(member.type, namespace)}"/>'

    def _name(self, kind: str, namespace: str) -> str:
        home = self.home.get(kind)
        return f"xs:{kind}" if home is None else f"{self._prefixes(namespace)[home]}:{kind}"


_SIMPLE_HOMES = {STREAM: MESSAGE, "duration": SERIALIZATION}


def _sequence(content: str) -> str:
    return f"<xs:sequence>{content}</xs:sequence>" if content else "<xs:sequence/>"


def _enumeration(one: Enumeration) -> str:
    values = "".join(f"<xs:enumeration value={quoteattr(value)}/>" for value in one.values)
    restriction = f'<xs:restriction base="xs:string">{values}</xs:restriction>'
    if one.is_list:
        restriction = f"<xs:list><xs:simpleType>{restriction}</xs:simpleType></xs:list>"
    return (
        f'<xs:simpleType name="{one.name}">{restriction}</xs:simpleType>'
        f'<xs:element name="{one.name}" nillable="true" type="tns:{one.name}"/>'
    )
