"""The message that a signed list stands in: Norway's message header (MsgHead 1.2), with whom the caller names in it.

The header, its namespace, and that sender and receiver are elements of it, are public. The type of the message, and
how a list of lines is carried in it, are our reading; they stand here alone, and in docs/soap.md.
"""

from base64 import b64encode
from datetime import datetime
from uuid import uuid4

from lookup.soap.nav_layout import LINES, Form
from lookup.soap.texts import invalid
from register.flr_reader import MAX_DEPTH, Refused, parse, refused, strict_parser

NAMESPACE = "http://www.kith.no/xmlstds/msghead/2006-05-24"
CONTAINER = "http://www.kith.no/xmlstds/base64container"
SIGNATURE = "http://www.w3.org/2000/09/xmldsig#"
VERSION = "v1.2 2006-05-24"
TYPE, TYPE_TEXT = "PASIENTLISTE", "Pasientliste"
MAX_PARTY_CHARACTERS = 1 << 14
_BYTE_ORDER_MARK = "\ufeff"


def party(text: object, name: str, parameter: str) -> str:
    """`Sender` or `Receiver` of the header, as text that may stand within it. Raises GenericFault.

    One element that says itself what its prefixes mean, without a document type, an instruction, or a signature, which
    would be taken for ours.
    """
    if not isinstance(text, str) or len(text) > MAX_PARTY_CHARACTERS:
        raise invalid(parameter)
    text = text.removeprefix(_BYTE_ORDER_MARK).strip()
    parser = strict_parser("utf-8")
    depth = 0

    def start(tag: str, _: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        namespace = tag.rpartition(" ")[0]
        if (depth == 1 and tag != f"{NAMESPACE} {name}") or namespace == SIGNATURE or depth > MAX_DEPTH:
            raise refused(parser, "not what may stand there")

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1

    parser.StartElementHandler, parser.EndElementHandler = start, end
    try:
        parse(parser, text.encode(), last=True)
    except (Refused, UnicodeEncodeError):
        raise invalid(parameter) from None
    return text.partition("?>")[2] if text.startswith("<?xml") else text


def message(listed: str, form: Form, sender: str, receiver: str, made: datetime) -> bytes:
    """A list in its message, made at `made` (Norwegian time), as a document that has no signature yet."""
    # Our prefix is declared here and sender and receiver have their own, so that neither changes what the other means.
    return (
        f'<mh:MsgHead xmlns:mh="{NAMESPACE}"><mh:MsgInfo><mh:Type V="{TYPE}" DN="{TYPE_TEXT}"/>'
        f"<mh:MIGversion>{VERSION}</mh:MIGversion><mh:GenDate>{made.isoformat(timespec='seconds')}</mh:GenDate>"
        f"<mh:MsgId>{uuid4()}</mh:MsgId>{sender}{receiver}</mh:MsgInfo>"
        f"<mh:Document><mh:RefDoc>{_carried(listed, form)}</mh:RefDoc></mh:Document></mh:MsgHead>"
    ).encode()


def _carried(listed: str, form: Form) -> str:
    if form is not LINES:
        return f'<mh:MsgType V="XML" DN="XML-instans"/><mh:Content>{listed}</mh:Content>'
    octets = b64encode(listed.encode(form.encoding)).decode()
    return (
        '<mh:MsgType V="A" DN="Vedlegg"/><mh:MimeType>text/plain</mh:MimeType>'
        f'<mh:Content><Base64Container xmlns="{CONTAINER}">{octets}</Base64Container></mh:Content>'
    )
