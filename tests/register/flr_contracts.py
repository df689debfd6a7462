"""The real register's interface description, where FLR_CONTRACTS names the folder it is in; else our own table of it.

Either way as an XML schema to validate documents with. Set, but without the description, is an error: whoever sets it
wants to know.
"""

import os
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from register.flr_schema import CORPORATE, DAYS, ENTRY, FLR, SYSTEM, TYPES, Member, Type

VARIABLE = "FLR_CONTRACTS"
DESCRIPTION = "nhn-fastlegeregisteret-read.wsdl"
EXPORT_DESCRIPTION = "nhn-fastlegeinformasjon-eksport.wsdl"
PARTIES_DESCRIPTION = "nhn-adresseregisteret-sok.wsdl"
XS = "http://www.w3.org/2001/XMLSchema"
SERIALIZATION = "http://schemas.microsoft.com/2003/10/Serialization/"
Q = f"{{{XS}}}"


def described(name: str = DESCRIPTION) -> Path | None:
    """A description; None when the variable is not set. Raises when it is set and there is none."""
    folder = os.environ.get(VARIABLE)
    if folder is None:
        return None
    path = Path(folder) / name
    if not folder or not path.is_file():
        raise FileNotFoundError(f"{VARIABLE} is set, and there is no {name} in {folder!r}")
    return path


def header() -> str:
    """What the tests' report says of it."""
    path = os.environ.get(VARIABLE)
    said = "not set: what is written is held against register/flr_schema.py alone" if path is None else path
    return f"{VARIABLE}: {said}"


def schema_nodes(description: Path) -> list[etree._Element]:
    """The schemas in a description."""
    return list(etree.parse(description).iter(f"{Q}schema"))


def members_of(description: Path) -> dict[str, list[Member]]:
    """type -> members as the description declares them, those of what it extends first."""
    declared: dict[str, tuple[str | None, list[Member]]] = {}
    for schema in schema_nodes(description):
        for node in schema.findall(f"{Q}complexType"):
            base = node.find(f".//{Q}extension")
            declared[node.get("name")] = (
                None if base is None else base.get("base").rpartition(":")[2],
                [_member(element, schema.get("targetNamespace")) for element in node.iter(f"{Q}element")],
            )

    def members(name: str) -> list[Member]:
        base, own = declared[name]
        return (members(base) if base else []) + own

    return {name: members(name) for name in declared}


def _member(element: etree._Element, namespace: str) -> Member:
    assert element.get("minOccurs") == "0"
    return Member(
        element.get("name"),
        element.get("type").rpartition(":")[2],
        element.get("nillable") == "true",
        element.get("maxOccurs") == "unbounded",
        namespace,
    )


def xml_schema(folder: Path) -> etree.XMLSchema:
    """What documents are validated with: the description's own schemas, or those that our table comes to."""
    description = described()
    texts = _ours() if description is None else _theirs(description)
    names = {namespace: f"{i}.xsd" for i, namespace in enumerate(texts)}
    for namespace, text in texts.items():
        node = etree.fromstring(text)
        for imported in node.iter(f"{Q}import"):
            imported.set("schemaLocation", names[imported.get("namespace")])
        (folder / names[namespace]).write_bytes(etree.tostring(node))
    return etree.XMLSchema(etree.parse(folder / names[FLR]))


def _theirs(description: Path) -> dict[str, bytes]:
    return {node.get("targetNamespace"): etree.tostring(node) for node in schema_nodes(description)}


def _ours() -> dict[str, bytes]:
    namespaces = list(dict.fromkeys(declared.namespace for declared in TYPES.values()))
    prefixes = {namespace: f"n{i}" for i, namespace in enumerate(namespaces)}
    heads = "".join(f" xmlns:{prefix}={quoteattr(namespace)}" for namespace, prefix in prefixes.items())
    out = {}
    for namespace in namespaces:
        imports = "".join(f"<xs:import namespace={quoteattr(other)}/>" for other in namespaces if other != namespace)
        types = "".join(_complex(one, prefixes) for one in TYPES.values() if one.namespace == namespace)
        if namespace == SYSTEM:
            days = "".join(f'<xs:enumeration value="{escape(day)}"/>' for day in DAYS)
            restriction = f'<xs:restriction base="xs:string">{days}</xs:restriction>'
            types += f'<xs:simpleType name="DayOfWeek">{restriction}</xs:simpleType>'
        root = f'<xs:element name="{ENTRY}" type="{prefixes[FLR]}:{ENTRY}"/>' if namespace == FLR else ""
        out[namespace] = (
            f'<xs:schema xmlns:xs="{XS}"{heads} elementFormDefault="qualified" targetNamespace="{namespace}">'
            f"{imports}{types}{root}</xs:schema>"
        ).encode()
    return out


def _complex(declared: Type, prefixes: dict[str, str]) -> str:
    own = "".join(_element(one, prefixes) for one in declared.members if one.namespace == declared.namespace)
    sequence = f"<xs:sequence>{own}</xs:sequence>"
    if any(one.namespace != declared.namespace for one in declared.members):
        base = f"{prefixes[CORPORATE]}:Business"
        sequence = f'<xs:complexContent><xs:extension base="{base}">{sequence}</xs:extension></xs:complexContent>'
    return f'<xs:complexType name="{declared.name}">{sequence}</xs:complexType>'


def _element(member: Member, prefixes: dict[str, str]) -> str:
    kind = f"xs:{member.type}"
    if member.type in TYPES:
        kind = f"{prefixes[TYPES[member.type].namespace]}:{member.type}"
    elif member.type == "DayOfWeek":
        kind = f"{prefixes[SYSTEM]}:DayOfWeek"
    most, nil = "unbounded" if member.many else "1", "true" if member.nillable else "false"
    return f'<xs:element name="{member.name}" type="{kind}" minOccurs="0" maxOccurs="{most}" nillable="{nil}"/>'
