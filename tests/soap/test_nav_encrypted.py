"""NavGetEncryptedPatientList: opened with the caller's key, its signature verified, and what is in it; refusals."""

import asyncio
import os
import shutil
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs7 import pkcs7_decrypt_der
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml import InvalidSignature, SignatureConfiguration, XMLVerifier

from lookup.current import Clock, ServiceState
from lookup.generation import open_generation
from lookup.soap import nav as answering
from lookup.soap.faults import GenericFault
from lookup.soap.nav import MEMBERS
from lookup.soap.operations import READ, SOAP11, SOAP12
from lookup.soap.signing import Signer, recipient, sealed
from tests.lookup.authority import Authority, Files
from tests.lookup.serving import state_of
from tests.soap import hamlet
from tests.soap.clients import request
from tests.soap.hamlet_served import HamletServed, serving
from tests.soap.navlists import MONTH, READERS, TO_COME, as_told, refusal
from tests.soap.stub import Stub
from tests.soap.underway import Audit, whole

HEADER = "http://www.kith.no/xmlstds/msghead/2006-05-24"
MH = f"{{{HEADER}}}"
CONTAINER = "{http://www.kith.no/xmlstds/base64container}Base64Container"
SIGNATURE = "http://www.w3.org/2000/09/xmldsig#"
PLAIN, ALTERNATE = "NavGetEncryptedPatientList", "NavGetEncryptedPatientListAlternate"


def party(kind: str, name: str = "NAV", inside: str = "", before: str = "") -> str:
    """As the interface's own description shows one."""
    organisation = f"<mh:Organisation><mh:OrganisationName>{name}</mh:OrganisationName></mh:Organisation>"
    return f'{before}<mh:{kind} xmlns:mh="{HEADER}">{organisation}{inside}</mh:{kind}>'


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def ours(authority: Authority) -> Files:
    """What lists are signed with: the certificate, and the one that it leads to."""
    files = authority.issue("register", with_rsa=True)
    with files.certificate.open("ab") as chain:
        chain.write(authority.file.read_bytes())
    return files


@pytest.fixture(scope="module")
def theirs(authority: Authority) -> Files:
    return authority.issue("nav", with_rsa=True)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, ours: Files) -> Iterator[HamletServed]:
    folder = tmp_path_factory.mktemp("signing")
    with serving(folder, FLR_NAV_CERTIFICATE=str(ours.certificate), FLR_NAV_KEY=str(ours.key)) as process:
        yield process


@pytest.fixture
def asked(theirs: Files) -> dict[str, Any]:
    """A question that has an answer."""
    return {
        "doctorNIN": hamlet.DOCTOR_NINS[hamlet.ANNE],
        "municipalityId": "0301",
        "encryptWithX509Certificate": der(theirs),
        "month": MONTH,
        "doSubstituteSearch": False,
        "senderXml": party("Sender"),
        "receiverXml": party("Receiver", "Legekontoret"),
        "listType": "xml",
    }


def der(files: Files) -> bytes:
    return x509.load_pem_x509_certificate(files.certificate.read_bytes()).public_bytes(Encoding.DER)


def ask(of: Stub, operation: str, asked: dict[str, Any]) -> bytes:
    found = of.ask(operation, **arguments(of, operation, asked))
    assert isinstance(found, bytes)
    return found


def arguments(of: Stub, operation: str, asked: dict[str, Any]) -> dict[str, Any]:
    if operation == ALTERNATE:
        return asked
    return {"param": of.type("NavEncryptedPatientListParameters", **{MEMBERS[name]: asked[name] for name in asked})}


def tool(name: str, *arguments: object) -> None:
    """Run a program."""
    program = shutil.which(name)
    if program is None:  # as everything that is not Python: where it counts, it has to be there
        assert "CI" not in os.environ, f"{name} is not installed (Debian: apt install {name})"
        pytest.skip(f"{name} is not installed (Debian: apt install {name})")
    ran = subprocess.run([program, *map(str, arguments)], capture_output=True, check=False, timeout=60)
    assert ran.returncode == 0, ran.stderr


def opened(octets: bytes, files: Files) -> bytes:
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    key = load_pem_private_key(files.key.read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return pkcs7_decrypt_der(octets, certificate, key, [])


def verified(document: bytes, signed_with: Files) -> etree._Element:
    """What the signature vouches for: the root, which the signature is the last element of."""
    certificate = x509.load_pem_x509_certificate(signed_with.certificate.read_bytes())
    expected = SignatureConfiguration(location="./", expect_references=1)
    result = XMLVerifier().verify(document, x509_cert=certificate, expect_config=expected)
    assert result.signed_xml is not None
    assert etree.fromstring(document)[-1].tag == f"{{{SIGNATURE}}}Signature"
    return result.signed_xml


@pytest.mark.parametrize("version", [SOAP11, SOAP12])
@pytest.mark.parametrize("operation", [PLAIN, ALTERNATE])
@pytest.mark.parametrize("form", ["xml", "disk", "txt"])
def test_what_is_in_it(
    served: HamletServed,
    ours: Files,
    theirs: Files,
    asked: dict[str, Any],
    version: str,
    operation: str,
    form: str,
) -> None:
    stub = served.stubs("extended", version)[0]
    root = verified(opened(ask(stub, operation, {**asked, "listType": form}), theirs), ours)
    assert root.tag == f"{MH}MsgHead"
    info = root.find(f"{MH}MsgInfo")
    names = ["Type", "MIGversion", "GenDate", "MsgId", "Sender", "Receiver"]
    assert [one.tag for one in info] == [f"{MH}{name}" for name in names]
    assert info.findtext(f"{MH}MIGversion") == "v1.2 2006-05-24"
    assert datetime.fromisoformat(info.findtext(f"{MH}GenDate")).tzinfo is None
    for given, element in ((asked["senderXml"], info[4]), (asked["receiverXml"], info[5])):
        assert etree.tostring(element, method="c14n", exclusive=True).decode() == given
    (content,) = root.iterfind(f"{MH}Document/{MH}RefDoc/{MH}Content")
    (inside,) = content
    if form == "xml":
        octets = etree.tostring(inside)
    else:
        assert inside.tag == CONTAINER
        octets = b64decode(inside.text, validate=True)
    head, patients = READERS[form](octets)
    told = served.stubs("follower", version)[0].ask("GetGPPatientList", gpContractId=hamlet.ALONE)
    assert patients == [as_told(one) for one in told]
    assert (head["KontraktId"], head["FnrLege"], head["Antall"]) == (str(hamlet.ALONE), asked["doctorNIN"], "3")


def test_to_other_programs_it_is_the_same(
    served: HamletServed, authority: Authority, theirs: Files, asked: dict[str, Any], tmp_path: Path
) -> None:
    """Opened and verified as docs/soap.md says, by programs that share no code with what has made it."""
    sealed_list, listed = tmp_path / "list.p7m", tmp_path / "list.xml"
    sealed_list.write_bytes(ask(served.stubs("extended", SOAP11)[0], PLAIN, asked))
    recipient = ("-inkey", theirs.key, "-recip", theirs.certificate)
    tool("openssl", "cms", "-decrypt", "-inform", "DER", "-in", sealed_list, *recipient, "-out", listed)
    assert listed.read_bytes() == opened(sealed_list.read_bytes(), theirs)
    tool("xmlsec1", "--verify", "--trusted-pem", authority.file, listed)


def test_what_has_been_changed_is_found(
    served: HamletServed, ours: Files, theirs: Files, asked: dict[str, Any]
) -> None:
    document = opened(ask(served.stubs("extended", SOAP11)[0], PLAIN, asked), theirs)
    for this, that in ((b"Lillegata", b"Storegata"), (b"NAV", b"NAU"), (b"<Antall>3", b"<Antall>2")):
        assert this in document
        with pytest.raises(InvalidSignature):
            verified(document.replace(this, that, 1), ours)


def test_who_is_protected_is_in_it_for_whoever_has_the_right(
    served: HamletServed, theirs: Files, asked: dict[str, Any]
) -> None:
    document = opened(ask(served.stubs("extended-without-the-right", SOAP11)[0], PLAIN, asked), theirs)
    told = [one.text for one in etree.fromstring(document).iter("{*}Fnr")]
    assert told == [nin for nin in hamlet.PATIENTS[hamlet.ALONE] if nin != hamlet.PROTECTED]


def test_for_whom(served: HamletServed, asked: dict[str, Any]) -> None:
    for name in ("nav", "ks", "epj", "follower"):
        for operation in (PLAIN, ALTERNATE):
            stub = served.stubs(name, SOAP11)[0]
            assert refusal(stub, operation, **arguments(stub, operation, asked)) == (403, None)


def certificate(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, begins_days: int = -1, ends_days: int = 1
) -> bytes:
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "caller")]), datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 7)
    made = made.not_valid_before(now + timedelta(days=begins_days)).not_valid_after(now + timedelta(days=ends_days))
    return made.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.mark.parametrize("operation", [PLAIN, ALTERNATE])
def test_what_has_no_answer(served: HamletServed, theirs: Files, asked: dict[str, Any], operation: str) -> None:
    stub = served.stubs("extended", SOAP11)[0]
    good, key = der(theirs), rsa.generate_private_key(65537, 2048)
    not_one = "Legen har ingen eller flere enn én aktiv legeperiode i kommunen"
    cases: list[tuple[str, Any, str]] = [
        *(("doctorNIN", value, "doctorNIN er ugyldig") for value in (None, "", hamlet.INVALID)),
        ("doctorNIN", hamlet.ON_ALONE, not_one),
        *(("municipalityId", value, "municipalityId er ugyldig") for value in (None, "Oslo")),
        ("municipalityId", "4601", not_one),
        ("doSubstituteSearch", True, not_one),
        *(("month", value, "month er ugyldig") for value in (MONTH + timedelta(days=1), TO_COME)),
        ("month", datetime(2014, 12, 1), not_one),
        *(("listType", value, "listType er ugyldig") for value in (None, "Disk")),
        *(
            ("encryptWithX509Certificate", value, "encryptWithX509Certificate er ugyldig")
            for value in (None, b"", b"not a certificate", good[:-1], good[1:], theirs.key.read_bytes())
        ),
        *(
            ("encryptWithX509Certificate", value, "Sertifikatet har ikke en RSA-nøkkel på 2048 til 8192 bit")
            for value in (
                certificate(ec.generate_private_key(ec.SECP256R1())),
                certificate(rsa.generate_private_key(65537, 1024)),  # noqa: S505
            )
        ),
        *(
            ("encryptWithX509Certificate", value, "Sertifikatet har utløpt, eller gjelder ikke ennå")
            for value in (certificate(key, -2, -1), certificate(key, 1, 2))
        ),
    ]
    for name, value, message in cases:
        wrong = arguments(stub, operation, {**asked, name: value})
        assert refusal(stub, operation, **wrong) == (500, message), name


BOMB = '<!DOCTYPE a [<!ENTITY b "c">]>'


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "NAV",
        party("Receiver"),
        party("Sender") + party("Sender"),
        party("Sender") + "x",
        party("Sender")[:-1],
        party("Sender").replace(f' xmlns:mh="{HEADER}"', ""),
        party("Sender").replace(HEADER, "http://other.example"),
        party("Sender", before=BOMB),
        party("Sender", before=BOMB, name="&b;"),
        party("Sender", inside="<?php?>"),
        party("Sender", inside=f'<Signature xmlns="{SIGNATURE}" Id="placeholder"/>'),
        party("Sender", inside=f'<d:Signature xmlns:d="{SIGNATURE}"/>'),
        party("Sender", inside="<a>" * 70 + "</a>" * 70),
        party("Sender", name="x" * 17_000),
    ],
)
def test_who_is_no_sender(served: HamletServed, asked: dict[str, Any], text: str | None) -> None:
    stub = served.stubs("extended", SOAP11)[0]
    assert refusal(stub, ALTERNATE, **{**asked, "senderXml": text}) == (500, "senderXml er ugyldig")
    swapped = text and text.replace("Sender", "\0").replace("Receiver", "Sender").replace("\0", "Receiver")
    assert refusal(stub, ALTERNATE, **{**asked, "receiverXml": swapped}) == (500, "receiverXml er ugyldig")


@pytest.mark.parametrize(
    "text",
    [
        party("Sender", before='<?xml version="1.0" encoding="utf-16"?>\n'),
        party("Sender", before="\ufeff"),
        party("Sender", before="<!-- ?> -->"),
        party("Sender", name="Ærlig &amp; Sønn &lt;Å&gt;"),
        party("Sender", inside='<Organisation xmlns="">of no namespace</Organisation><bare/>'),
    ],
)
def test_who_is_one(served: HamletServed, ours: Files, theirs: Files, asked: dict[str, Any], text: str) -> None:
    """However it is written, it means in the message what it has meant alone."""
    stub = served.stubs("extended", SOAP11)[0]
    root = verified(opened(ask(stub, ALTERNATE, {**asked, "senderXml": text}), theirs), ours)
    found = root.find(f"{MH}MsgInfo/{MH}Sender")
    alone = etree.fromstring(text.removeprefix("\ufeff").partition("?>\n")[2] or text.removeprefix("\ufeff"))
    assert [(one.tag, one.text) for one in found.iter()] == [(one.tag, one.text) for one in alone.iter()]


def test_a_certificate_in_pem(served: HamletServed, theirs: Files, asked: dict[str, Any]) -> None:
    pem = theirs.certificate.read_bytes()
    stub = served.stubs("extended", SOAP11)[0]
    assert opened(ask(stub, ALTERNATE, {**asked, "encryptWithX509Certificate": pem}), theirs)


def test_without_a_key(hamlet_served: HamletServed, asked: dict[str, Any]) -> None:
    """The service says so when it starts, and does not have the callers believe that there is no list."""
    stub = hamlet_served.stubs("extended", SOAP11)[0]
    for operation in (PLAIN, ALTERNATE):
        assert refusal(stub, operation, **arguments(stub, operation, asked)) == (503, None)
    said = [line for line in hamlet_served.process.lines if "encrypted lists for NAV are not answered" in line]
    assert len(said) == 1


class TestUnderway:
    """Without a process around it."""

    @pytest.fixture
    def state(self, hamlet_generation: Path, ours: Files) -> ServiceState:
        state = state_of(open_generation(hamlet_generation))
        state.clock = Clock()
        state.signer = Signer(ours.certificate, ours.key)
        return state

    @pytest.fixture
    def question(self, asked: dict[str, Any]) -> bytes:
        told = {**asked, "month": asked["month"].isoformat(), "doSubstituteSearch": "false"}
        told["encryptWithX509Certificate"] = b64encode(asked["encryptWithX509Certificate"]).decode()
        inside = "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in told.items())
        return request(READ, ALTERNATE, SOAP11, inside)

    @staticmethod
    def ask(state: ServiceState, question: bytes) -> tuple[int, bytes]:
        async def scenario() -> tuple[int, bytes]:
            reader = await whole(state, "/v2/flr/Basic", question)
            assert b"GenericFault" not in reader.body
            return reader.status, reader.octets if reader.status == 200 else b""

        return asyncio.run(scenario())

    def test_everybody_who_is_told_of_is_recorded_before(
        self, state: ServiceState, question: bytes, theirs: Files
    ) -> None:
        state.audit = audit = Audit(1)  # type: ignore[assignment]
        status, octets = self.ask(state, question)
        assert (status, opened(octets, theirs).count(b"<Pasient>")) == (200, 3)
        assert sorted(nin for nin, _ in audit.told) == sorted(map(int, hamlet.PATIENTS[hamlet.ALONE]))
        assert [nin for nin, protected in audit.told if protected] == [int(hamlet.PROTECTED)]
        assert self.ask(state, question) == (503, b"")  # there is no place for more records

    def test_a_certificate_that_has_expired_signs_nothing(self, state: ServiceState, question: bytes) -> None:
        state.clock = Clock(2 * 365 * 86_400)
        assert self.ask(state, question) == (503, b"")

    def test_a_list_that_is_too_long(
        self, state: ServiceState, question: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(answering, "MAX_SEALED_PATIENTS", 2)
        assert self.ask(state, question) == (503, b"")

    def test_as_many_at_a_time_as_there_are_places(
        self, state: ServiceState, question: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def scenario() -> list[int]:
            readers = [whole(state, "/v2/flr/Basic", question) for _ in range(answering.AT_ONCE + 1)]
            return [one.status for one in await asyncio.gather(*readers)]

        assert sorted(asyncio.run(scenario())) == [200, 200, 503]
        assert self.ask(state, question)[0] == 200


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")  # taken still, not for ever
def test_octets_that_are_nearly_a_certificate(theirs: Files) -> None:
    """A changed octet makes of it none, or another that can be sealed for; never anything else."""
    good, random, now = der(theirs), Random(1), int(datetime.now(UTC).timestamp())
    refused = 0
    for _ in range(1500):
        changed = bytearray(good)
        for _ in range(random.randint(1, 3)):
            changed[random.randrange(len(changed))] = random.randrange(256)
        try:
            found = recipient(bytes(changed), now, "it")
        except GenericFault:
            refused += 1
        else:
            assert sealed(b"a list", found)
    assert refused
