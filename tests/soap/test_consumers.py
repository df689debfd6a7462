"""What the known consumers do, played in full: nothing of theirs is changed but the address.

Each kind of patient there is; who has the right to see a protected one and who has not; a register that cannot answer.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from zeep.exceptions import Fault

from lookup.soap.operations import SOAP11, SOAP12
from tests.loader import feeds
from tests.served import load
from tests.soap import hamlet
from tests.soap.consumers import Behandler, Epj, HelseIdNavTest, Ks, Nav, generic
from tests.soap.hamlet import ANNE, BERIT, CARL, DINA, EGIL, FRIDA, OFFICE, OFFICE_HER_ID
from tests.soap.hamlet_served import HamletServed, serve, serving
from tests.soap.stub import Stub

NO_GP = ("Feil", "ArgumentException: Personen er ikke tilknyttet fastlegekontrakt")
BAD_NIN = ("Feil", "ArgumentException: patientNin er ugyldig")
NO_PARTY = ("InvalidHerIdSupplied", "Kommunikasjonspart med oppgitt HER-id eksisterer ikke.")
OFFICE_PARTS = ("STORGATA LEGEKONTOR AS", str(OFFICE))


class Patient(NamedTuple):
    """A patient: the doctors in the order they are told of, whom of them NAV takes for the GP, and GPHerId."""

    nin: str
    doctors: list[int]
    gp: int | None
    her_id: int | None
    contract: int
    parent: int | None = OFFICE_HER_ID


PATIENTS = [
    Patient(hamlet.ON_ALONE, [ANNE], ANNE, 4001, hamlet.ALONE),
    Patient(hamlet.ON_SHARED, [BERIT, CARL], BERIT, 4002, hamlet.SHARED),
    Patient(hamlet.ON_COVERED, [DINA, EGIL], DINA, 4004, hamlet.COVERED),
    Patient(hamlet.ON_ONE_SUBSTITUTE, [EGIL], None, 4005, hamlet.ONE_SUBSTITUTE),
    Patient(hamlet.ON_TWO_SUBSTITUTES, [CARL, EGIL], None, None, hamlet.TWO_SUBSTITUTES, None),
    Patient(hamlet.ON_NO_DOCTOR, [], None, None, hamlet.NO_DOCTOR, None),
    Patient(hamlet.PROTECTED, [ANNE], ANNE, 4001, hamlet.ALONE),
    Patient(hamlet.RENUMBERED, [ANNE], ANNE, 4001, hamlet.ALONE),
    Patient(hamlet.ON_ELSEWHERE, [FRIDA], FRIDA, 4006, hamlet.ELSEWHERE, -1),
]
each_patient = pytest.mark.parametrize("patient", PATIENTS, ids=[*"abcdefghi"])


def refused(ask: Callable[..., Any], *arguments: Any) -> Fault:
    with pytest.raises(Fault) as caught:
        ask(*arguments)
    return caught.value


@each_patient
def test_nav_finds_the_doctors_of_a_patient(hamlet_served: HamletServed, patient: Patient) -> None:
    nav = Nav(*hamlet_served.stubs("nav", SOAP11))
    gps = nav.gps(patient.nin)
    assert [one.hpr for one in gps] == patient.doctors
    for one in gps:
        middle = "Mellom" if one.hpr == ANNE else ""
        assert one.name == f"{hamlet.NAMES[one.hpr]} {middle} {hamlet.LAST_NAME}"
        assert one.nin == hamlet.DOCTOR_NINS[one.hpr]
        assert (one.her_id, one.parent, one.percentage) == (patient.her_id, patient.parent, 50)
        assert (one.phone, one.edi) == ("22000000", "kontoret@edi.example")
        assert (one.postal, one.visiting) == ("Postboks 12, 0159 OSLO", "Storgata 1, 0159 OSLO")
        assert one.since == f"2015-01-01 {'2018' if patient.contract == hamlet.ONE_SUBSTITUTE else '2015'}-01-01"
    gp = nav.gp(patient.nin)
    assert (gp and gp.hpr) == patient.gp
    if gp is not None:
        assert gp.relationship == ("LPFL", "Fastlege")
    if patient.parent == OFFICE_HER_ID:
        assert {one.office for one in gps} == {OFFICE_PARTS}


def test_nav_finds_the_doctors_at_an_office(hamlet_served: HamletServed) -> None:
    nav = Nav(*hamlet_served.stubs("nav", SOAP11))
    assert nav.colleagues(OFFICE_HER_ID) == [
        Behandler(
            active=True,
            her_id=her_id,
            nin=hamlet.DOCTOR_NINS[hpr],
            hpr=str(hpr),
            name=(hamlet.NAMES[hpr], "Mellom" if hpr == ANNE else None, hamlet.LAST_NAME),
        )
        for her_id, hpr in ((4001, ANNE), (4002, BERIT), (4003, CARL), (4004, DINA), (4005, EGIL))
    ]
    assert nav.colleagues(-1) == []  # which it asks of a doctor whose office has no HER-ID


@pytest.mark.parametrize("nin", [hamlet.NOBODY, hamlet.UNKNOWN, hamlet.INVALID, ""])
def test_nav_takes_a_generic_fault_for_no_gp(hamlet_served: HamletServed, nin: str) -> None:
    assert Nav(*hamlet_served.stubs("nav", SOAP11)).gps(nin) == []


def test_nav_never_takes_a_protected_person_for_one_without_a_gp(hamlet_served: HamletServed) -> None:
    nav = Nav(*hamlet_served.stubs("nav-without-the-right", SOAP11))
    assert generic(refused(nav.gps, hamlet.PROTECTED)) is None
    assert nav.flr.transport.answer.status_code == 500
    assert nav.gps(hamlet.ON_ALONE)


@each_patient
def test_ks_finds_where_to_write_to(hamlet_served: HamletServed, patient: Patient) -> None:
    ks = Ks(*hamlet_served.stubs("ks", SOAP12))
    assert ks.gp_her_id(patient.nin) == (patient.nin, patient.her_id)
    if patient.her_id is not None:
        party = ks.party(patient.her_id)
        assert (party.kind, party.her_id) == ("OrganizationPerson", patient.her_id)
        elsewhere = patient.contract == hamlet.ELSEWHERE
        assert party.parent == (None if elsewhere else (OFFICE_HER_ID, "Storgata legekontor"))
        assert party.addresses == [("PST", "Postboks 12", "0159 OSLO"), ("RES", "Storgata 1", "0159 OSLO")]
        assert party.more[0] in party.name


def test_ks_follows_a_doctor_to_the_office_and_the_service(hamlet_served: HamletServed) -> None:
    ks = Ks(*hamlet_served.stubs("ks", SOAP12))
    parent = ks.party(4001).parent
    assert parent is not None
    office = ks.party(parent[0])
    assert (office.kind, office.name, office.parent, office.more) == (
        "Organization",
        "STORGATA LEGEKONTOR AS",
        None,  # the municipality has no HER-ID here
        str(OFFICE),
    )
    service = ks.party(hamlet.SERVICES[hamlet.NO_DOCTOR])
    assert (service.kind, service.name) == ("Service", "Fastlege, liste uten fast lege")
    assert service.parent == (OFFICE_HER_ID, "Storgata legekontor")


def test_ks_gets_the_newest_number(hamlet_served: HamletServed) -> None:
    assert Ks(*hamlet_served.stubs("ks", SOAP12)).gp_her_id(hamlet.OLD_NUMBER) == (hamlet.RENUMBERED, 4001)


@pytest.mark.parametrize(("nin", "told"), [(hamlet.NOBODY, NO_GP), (hamlet.UNKNOWN, NO_GP), (hamlet.INVALID, BAD_NIN)])
def test_ks_reads_why_there_is_none(hamlet_served: HamletServed, nin: str, told: tuple[str, str]) -> None:
    ks = Ks(*hamlet_served.stubs("ks", SOAP12))
    fault = refused(ks.gp_her_id, nin)
    assert generic(fault) == told
    assert (fault.code, fault.message) == ("s:Sender", told[1])
    assert ks.flr.transport.answer.status_code == 500


@pytest.mark.parametrize("her_id", [1, 0, -1, 2**31 - 1])
def test_ks_reads_that_a_her_id_is_nobodys(hamlet_served: HamletServed, her_id: int) -> None:
    ks = Ks(*hamlet_served.stubs("ks", SOAP12))
    assert generic(refused(ks.party, her_id)) == NO_PARTY
    assert ks.parties.transport.answer.status_code == 500


@each_patient
def test_helseid_nav_test_knows_doctor_and_office(hamlet_served: HamletServed, patient: Patient) -> None:
    consumer = HelseIdNavTest(*hamlet_served.stubs("nav", SOAP11))
    if patient.doctors:
        contract, (nin, first_name, _, last_name) = consumer.gp(patient.nin)
        assert (contract, nin) == (patient.contract, hamlet.DOCTOR_NINS[patient.doctors[0]])
        assert (first_name, last_name) == (hamlet.NAMES[patient.doctors[0]], hamlet.LAST_NAME)
    office = consumer.office(patient.nin)
    assert office[1:4] == (None, 159, "OSLO")
    for hpr in hamlet.NAMES:
        confirmed = consumer.confirm(patient.nin, hpr)
        # who substitutes is nobody's GP
        assert confirmed == (patient.gp is not None and hpr in patient.doctors and hpr != EGIL)


def test_helseid_nav_test_searches_a_doctor_and_reads_the_list(hamlet_served: HamletServed) -> None:
    consumer = HelseIdNavTest(*hamlet_served.stubs("nav", SOAP11))
    found = consumer.search("Berit")
    assert [(doctor[0], contracts) for doctor, contracts, _ in found] == [(hamlet.DOCTOR_NINS[BERIT], [hamlet.SHARED])]
    assert consumer.name(4002) == f"Berit {hamlet.LAST_NAME}"


def test_helseid_nav_test_reads_the_patients_of_its_unit(hamlet_served: HamletServed) -> None:
    consumer = HelseIdNavTest(*hamlet_served.stubs("epj", SOAP11))
    patients = consumer.patients(hamlet.ALONE)
    assert sorted(nin for nin, *_ in patients) == hamlet.PATIENTS[hamlet.ALONE]
    assert {one[1:] for one in patients} == {("Kim", None, hamlet.LAST_NAME)}


def test_a_register_that_cannot_answer_never_says_that_there_is_no_gp(tmp_path: Path) -> None:
    with serve(tmp_path) as process:
        served = HamletServed(tmp_path, process)
        for version in (SOAP11, SOAP12):
            consumer = HelseIdNavTest(*served.stubs("nav", version))
            asked: list[tuple[Stub, Callable[..., Any], tuple[Any, ...]]] = [
                (consumer.flr, consumer.gp, (hamlet.ON_ALONE,)),
                (consumer.flr, consumer.gp, (hamlet.INVALID,)),
                (consumer.flr, consumer.confirm, (hamlet.ON_ALONE, ANNE)),
                (consumer.flr, consumer.patients, (hamlet.ALONE,)),
                (consumer.flr, consumer.search, ("Anne",)),
                (consumer.parties, consumer.name, (4001,)),
            ]
            for stub, ask, arguments in asked:
                assert generic(refused(ask, *arguments)) is None
                assert stub.transport.answer.status_code == 503


@pytest.mark.parametrize("version", [SOAP11, SOAP12])
def test_who_is_not_known_is_told_how_to_say_who_they_are(hamlet_served: HamletServed, version: str) -> None:
    ks = Ks(*hamlet_served.stubs("ks", version, password="wrong"))
    for stub, ask in ((ks.flr, lambda: ks.gp_her_id(hamlet.ON_ALONE)), (ks.parties, lambda: ks.party(4001))):
        assert generic(refused(ask)) is None
        assert stub.transport.answer.status_code == 401
        assert stub.transport.answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_the_epj_fetches_its_lists_and_follows_them(tmp_path: Path) -> None:
    joined = {"id": 999, "nin": hamlet.NOBODY, "contractId": hamlet.SHARED, "beginCode": "BGVA"}
    joined |= {"from": "2026-11-01T00:00:00", "updated": "2026-11-01T00:00:00"}
    before, after = hamlet.tables(), hamlet.tables()
    after["memberships"].append(joined)
    events = [("PatientOnContractCreated", joined)]
    day = feeds.write_events(tmp_path / "day", events, feeds.digest_of(before), after)
    lists = [contract for contract in hamlet.PATIENTS if contract != hamlet.ELSEWHERE]
    with serving(tmp_path) as served:
        epj = Epj(served.stubs("epj", SOAP11)[0])
        position = served.get("follower", "/v1/events/latest")["position"]
        assert epj.fetch(OFFICE) == [f"{contract} Oslo 2015-01-01" for contract in lists]
        assert {contract: sorted(nins) for contract, nins in epj.lists.items()} == {
            contract: hamlet.PATIENTS[contract] for contract in lists
        }
        load(day, served.folder / "data")
        (event,) = served.get("follower", f"/v1/events?after={position}")["events"]
        assert (event["event"], event["body"]["contractId"]) == ("PatientOnContractCreated", hamlet.SHARED)
        epj.fetch(OFFICE)
        assert sorted(epj.lists[hamlet.SHARED]) == sorted([hamlet.ON_SHARED, hamlet.NOBODY])
