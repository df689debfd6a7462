"""GetNavPatientLists: an archive of the lists of an office's contracts, in both formats, for whom, and when not."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lookup.generation import open_generation
from lookup.soap import archive
from lookup.soap.operations import READ, SOAP11
from tests.lookup.serving import state_of
from tests.soap import hamlet
from tests.soap.clients import Clients, request
from tests.soap.hamlet_served import HamletServed
from tests.soap.navlists import MONTH, READERS, TO_COME, as_told, ask, entries, in_latin_1, read, refusal
from tests.soap.stub import Stub
from tests.soap.underway import Audit, Reader, whole

both = pytest.mark.parametrize("form", ["xml", "txt"])


@pytest.fixture
def follower(hamlet_served: HamletServed) -> Stub:
    return hamlet_served.stubs("follower", SOAP11)[0]


@pytest.mark.parametrize("form", ["xml", "txt", "disk"])
@pytest.mark.parametrize("client", ["follower", "follower-without-the-right"])
def test_what_the_patient_list_says(hamlet_served: HamletServed, client: str, form: str) -> None:
    stub = hamlet_served.stubs(client, SOAP11)[0]
    told = stub.ask("GetGPPatientList", gpContractId=hamlet.ALONE)
    head, patients = read(stub, form, hamlet.ALONE)
    assert patients == [as_told(one) for one in told]
    assert len(patients) == (3 if client == "follower" else 2)
    assert head == {
        "KontraktId": str(hamlet.ALONE),
        "Organisasjonsnr": str(hamlet.OFFICE),
        "KommuneNr": "0301",
        "FnrLege": "",
        "Maned": f"{MONTH:%Y-%m}",
        "Antall": str(len(patients)),
    }


@both
def test_of_a_protected_person_no_address(follower: Stub, form: str) -> None:
    _, patients = read(follower, form, hamlet.ALONE)
    at_home = {one["Fnr"] for one in patients if one["Adresse"] or one["PostNr"] or one["BostedKommuneNr"]}
    assert at_home == {*hamlet.PATIENTS[hamlet.ALONE]} - {hamlet.PROTECTED}


@pytest.mark.parametrize("version", READ.paths.values())
@both
def test_all_of_an_offices_lists(clients: Clients, form: str, version: str) -> None:
    """With names and addresses of many kinds; each list in its entry, in the order asked for, once."""
    service, ours = clients(READ, version), clients(READ, version, own=True)
    doctor, *_ = service.SearchForGP(searchParameters={"Page": 1, "PageSize": 1}).Results.GPDetails
    office = doctor.Contracts.GPOnContractAssociation[0].GPContract.GPOfficeOrganizationNumber
    lists = {
        one.Id: ours.GetGPPatientListAtTime(one.Id, MONTH) for one in service.GetGPContractsOnOffice(office, MONTH)
    }
    wanted = sorted((one for one, patients in lists.items() if patients), reverse=True)
    contracts = {"ContractWithMonth": _of(*wanted, wanted[0])}
    found = entries(service.GetNavPatientLists(parameters={"Contracts": contracts, "FormatType": form}))
    assert list(found) == [f"{one}-{MONTH:%Y-%m}.{form}" for one in wanted]
    for one, octets in zip(wanted, found.values(), strict=True):
        told = [as_told(each) for each in lists[one]]
        assert READERS[form](octets)[1] == [in_latin_1(each) if form == "txt" else each for each in told]


def test_for_whom(hamlet_served: HamletServed, follower: Stub) -> None:
    epj = hamlet_served.stubs("epj", SOAP11)[0]
    assert ask(epj, "xml", hamlet.ALONE)  # of its own unit
    wanted = {"ContractWithMonth": [{"ContractId": hamlet.ELSEWHERE, "Month": MONTH}]}
    asked = {"parameters": {"Contracts": wanted, "FormatType": "xml"}}
    assert refusal(epj, "GetNavPatientLists", **asked) == (403, None)
    for name in ("nav", "ks", "extended"):
        assert refusal(hamlet_served.stubs(name, SOAP11)[0], "GetNavPatientLists", **asked) == (403, None)


def _of(*numbers: int, month: datetime = MONTH) -> list[dict[str, Any]]:
    return [{"ContractId": one, "Month": month} for one in numbers]


BEFORE = datetime(2014, 12, 1)
ONE = _of(hamlet.ALONE)


@pytest.mark.parametrize(
    ("form", "wanted", "message"),
    [
        (None, ONE, "FormatType er ugyldig"),
        ("", ONE, "FormatType er ugyldig"),
        ("XML", ONE, "FormatType er ugyldig"),
        ("xml", [], "Contracts er ugyldig"),
        ("xml", _of(0), "ContractId er ugyldig"),
        ("xml", _of(-1), "ContractId er ugyldig"),
        ("xml", _of(2**60), "Fastlegekontrakten finnes ikke"),
        ("xml", _of(99), "Fastlegekontrakten finnes ikke"),
        ("xml", _of(hamlet.ALONE, month=MONTH + timedelta(days=1)), "Month er ugyldig"),
        ("xml", _of(hamlet.ALONE, month=MONTH + timedelta(seconds=1)), "Month er ugyldig"),
        ("xml", _of(hamlet.ALONE, month=TO_COME), "Month er ugyldig"),
        ("xml", _of(hamlet.ALONE, hamlet.ELSEWHERE), "Fastlegekontraktene hører til flere legekontor"),
        ("xml", ONE + _of(hamlet.ENDED), "Det er ingen pasienter på listen i den oppgitte måneden"),
        ("xml", _of(hamlet.ALONE, month=BEFORE), "Det er ingen pasienter på listen i den oppgitte måneden"),
        ("xml", ONE * 201, "Contracts kan ha høyst 200 verdier"),
    ],
)
def test_what_has_no_answer(follower: Stub, form: str | None, wanted: list[Any], message: str) -> None:
    parameters = {"Contracts": {"ContractWithMonth": wanted}, "FormatType": form}
    assert refusal(follower, "GetNavPatientLists", parameters=parameters) == (500, message)


def test_nothing_asked(follower: Stub) -> None:
    assert refusal(follower, "GetNavPatientLists") == (500, "FormatType er ugyldig")


(PATH,) = (path for path, version in READ.paths.items() if version == SOAP11)
LISTS = "".join(
    f"<n:ContractWithMonth><n:ContractId>{one}</n:ContractId><n:Month>2026-01-01T00:00:00</n:Month></n:ContractWithMonth>"
    for one in (hamlet.ALONE, hamlet.SHARED)
)
QUESTION = request(
    READ,
    "GetNavPatientLists",
    SOAP11,
    '<parameters xmlns:n="http://schemas.datacontract.org/2004/07/NHN.DtoContracts.Flr.Data">'
    f"<n:Contracts>{LISTS}</n:Contracts><n:FormatType>xml</n:FormatType></parameters>",
)


class TestUnderway:
    @pytest.fixture(autouse=True)
    def small_pieces(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(archive, "PIECE_BYTES", 1)

    def test_everybody_who_is_told_of_is_recorded_before(self, hamlet_generation: Path) -> None:
        state = state_of(open_generation(hamlet_generation))
        everybody = sorted(int(one) for each in (hamlet.ALONE, hamlet.SHARED) for one in hamlet.PATIENTS[each])

        async def scenario() -> None:
            state.audit = audit = Audit(100)  # type: ignore[assignment]
            assert len((await whole(state, PATH, QUESTION)).entries()) == 2
            assert sorted(nin for nin, _ in audit.told) == everybody
            assert [nin for nin, protected in audit.told if protected] == [int(hamlet.PROTECTED)]
            state.audit = Audit(1)  # type: ignore[assignment]
            cut = await whole(state, PATH, QUESTION)
            assert (cut.status, cut.whole, b"</GetNavPatientListsResult>" in cut.body) == (200, False, False)

        asyncio.run(scenario())

    def test_a_slow_reader_takes_a_place_and_a_list_at_a_time(self, hamlet_generation: Path) -> None:
        state = state_of(open_generation(hamlet_generation))

        async def scenario() -> None:
            state.audit = audit = Audit(100)  # type: ignore[assignment]
            slow = [Reader(state, PATH, QUESTION, 2) for _ in range(archive.AT_ONCE)]
            for reader in slow:
                await reader.stuck.wait()
            assert len(audit.told) == archive.AT_ONCE * len(hamlet.PATIENTS[hamlet.ALONE])  # the first list's
            refused = await whole(state, PATH, QUESTION)
            assert (refused.status, b"GenericFault" in refused.body) == (503, False)
            for reader in slow:
                reader.go_on()
                await reader.task
                assert (reader.whole, len(reader.entries())) == (True, 2)

        asyncio.run(scenario())
