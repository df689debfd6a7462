"""Questions as the stacks of today's consumers write them, and what becomes of those when somebody plays with them."""

import random
from collections.abc import Callable

from lookup.soap.operations import ADDRESSING, ANONYMOUS, NAMESPACES, READ, SOAP12
from tests.soap import hamlet

NS = READ.namespace
DETAILS, CONFIRM = READ.action("GetPatientGPDetails"), READ.action("ConfirmGP")
PEOPLE = [hamlet.ON_ALONE, hamlet.ON_SHARED, hamlet.ON_COVERED, hamlet.ON_ONE_SUBSTITUTE, hamlet.ON_TWO_SUBSTITUTES]
PEOPLE += [hamlet.ON_NO_DOCTOR, hamlet.NOBODY, hamlet.PROTECTED, hamlet.OLD_NUMBER, hamlet.UNKNOWN, hamlet.INVALID]


def cxf(version: str, nin: str) -> str:
    """As CXF writes it, with its addressing feature where it speaks 1.2."""
    body = f'<ns2:GetPatientGPDetails xmlns:ns2="{NS}"><ns2:patientNin>{nin}</ns2:patientNin></ns2:GetPatientGPDetails>'
    head = ""
    if version == SOAP12:
        wsa = f'xmlns="{ADDRESSING}"'
        head = (
            f"<soap:Header><Action {wsa}>{DETAILS}</Action><MessageID {wsa}>urn:uuid:0af9</MessageID>"
            f"<To {wsa}>http://localhost/v2/flr</To><ReplyTo {wsa}><Address>{ANONYMOUS}</Address></ReplyTo>"
            "</soap:Header>"
        )
    return f'<soap:Envelope xmlns:soap="{NAMESPACES[version]}">{head}<soap:Body>{body}</soap:Body></soap:Envelope>'


def dot_net(version: str, nin: str) -> str:
    """As WCF writes it: what is addressed must be understood."""
    head = (
        f'<s:Header><a:Action s:mustUnderstand="1">{DETAILS}</a:Action><a:MessageID>urn:uuid:1</a:MessageID>'
        f"<a:ReplyTo><a:Address>{ANONYMOUS}</a:Address></a:ReplyTo>"
        '<a:To s:mustUnderstand="1">http://localhost/v2/flr</a:To></s:Header>'
    )
    return (
        f'<s:Envelope xmlns:s="{NAMESPACES[version]}" xmlns:a="{ADDRESSING}">'
        f'{head if version == SOAP12 else ""}<s:Body><GetPatientGPDetails xmlns="{NS}"><patientNin>{nin}</patientNin>'
        "</GetPatientGPDetails></s:Body></s:Envelope>"
    )


def indented(version: str, nin: str) -> str:
    """As somebody writes it by hand, with a declaration and blanks; it asks whether Anne is the GP."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<x:Envelope xmlns:x="{NAMESPACES[version]}" xmlns:f="{NS}" xmlns:i='http://www.w3.org/2001/XMLSchema-instance'>
  <x:Header/>
  <x:Body>
    <f:ConfirmGP>
      <f:patientNin>{nin}</f:patientNin>
      <f:hprNumber>{hamlet.ANNE}</f:hprNumber>
      <f:atTime i:nil="true"/>
    </f:ConfirmGP>
  </x:Body>
</x:Envelope>
"""


Writer = Callable[[str, str], str]
WRITERS: tuple[Writer, ...] = (cxf, dot_net, indented)


PIECES = [
    " ",
    "\n",
    "<",
    ">",
    "/",
    '"',
    "'",
    "&amp;",
    "&#49;",
    "&",
    "<!--x-->",
    "<![CDATA[1]]>",
    "<x/>",
    "\0",
    "æ",
    "１",
]
PIECES += [
    "<?x?>",
    "<!DOCTYPE e>",
    " xmlns=''",
    " xmlns:s='urn:x'",
    " xmlns:soap='urn:x'",
    "s:",
    "ns2:",
    "1",
    "0",
    "+",
    "-",
]
PIECES += [
    ' i:nil="true"',
    " a='1'",
    "\r\n",
    "\t",
    "\ufeff",
    "\u00a0",
    "</s:Body>",
    "<s:Body>",
    "</s:Envelope>",
    "9" * 40,
]
PIECES += [f"<patientNin>{hamlet.ON_ALONE}</patientNin>", '<x s:mustUnderstand="1"/>', "<hprNumber>1</hprNumber>"]
HARMLESS = ["", " ", "\n", "\t", "\r\n", "<!--x-->"]


def played_with(text: str, chance: random.Random) -> str:
    """A question to which something was done, mostly where something may stand."""
    between = [place for place in range(1, len(text)) if text[place - 1] == ">" or text[place] in "/> "]
    for _ in range(chance.choice([1, 1, 2])):
        place = chance.choice(between) if chance.random() < 0.8 else chance.randrange(len(text) + 1)
        gone = chance.choice([0, 0, 0, 1, 11])
        piece = chance.choice(HARMLESS if chance.random() < 0.4 else PIECES)
        text = text[:place] + piece + text[place + (0 if piece in HARMLESS else gone) :]
    return text
