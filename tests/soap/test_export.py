"""The real register's export over SOAP: what is in the archive, for whom, and that it can be loaded again."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from zeep.exceptions import Fault

from loader.export import FLR_EXPORT, export
from loader.progress import Progress
from lookup.generation import Generation, open_generation
from lookup.soap.operations import EXPORT, SOAP11
from tests.loader import flr
from tests.register.flr_contracts import xml_schema
from tests.served import load, run
from tests.service import ROOT, Service
from tests.soap import hamlet
from tests.soap.consumers import generic
from tests.soap.hamlet_served import HamletServed
from tests.soap.stub import Stub

BOTH = {"GetFullPersonInfo": True, "GetHistoricalData": True}
QUIET = Progress(show=False)


def stub(served: HamletServed, name: str) -> Stub:
    base_url = f"http://127.0.0.1:{served.process.address['port']}"
    return Stub(served.folder, EXPORT, SOAP11, base_url, (name, "correct-horse:battery.staple"))


@pytest.fixture(scope="module")
def follower(hamlet_served: HamletServed) -> Stub:
    return stub(hamlet_served, "follower")


def ask(of: Stub, **wanted: Any) -> bytes:
    """The archive."""
    found = of.ask("ExportGPContracts", searchParameters=wanted and of.type("ContractsQueryParameters", **wanted))
    assert isinstance(found, bytes)
    return found


def documents(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name) for name in opened.namelist()}


def contracts(archive: bytes) -> dict[int, etree._Element]:
    """By id."""
    found = [one for text in documents(archive).values() for one in etree.fromstring(text)]
    return {int(one.findtext("{*}Id")): one for one in found}


def patients(contract: etree._Element) -> list[str]:
    return [one.text for one in contract.iter("{*}PatientNIN")]


def current(data: Path) -> Generation:
    return open_generation(data / "gen" / (data / "CURRENT").read_text().strip())


class TestWhole:
    """With history and particulars: what the loader writes of the same generation."""

    def test_is_the_loaders_and_can_be_loaded(
        self, hamlet_served: HamletServed, follower: Stub, tmp_path: Path
    ) -> None:
        data, target = hamlet_served.folder / "data", tmp_path / "of-the-loader.zip"
        export(data, None, target, FLR_EXPORT, QUIET)
        archive = ask(follower, **BOTH)
        assert documents(archive) == documents(target.read_bytes())
        (tmp_path / "asked-for.zip").write_bytes(archive)
        flr.assert_carried(current(data), flr.put(tmp_path / "again", tmp_path / "asked-for.zip"))

    def test_a_small_norway(self, tmp_path: Path) -> None:
        """Long enough to leave in several pieces; loaded by the command, as an operator would."""
        run("bench.population", "--persons", "1500", "--out", str(tmp_path / "feed"), "--seed", "3")
        load(tmp_path / "feed", tmp_path / "data")
        with Service(tmp_path / "data", workers=1) as process:
            process.wait("serving")
            base_url = f"http://127.0.0.1:{process.address['port']}"
            archive = ask(Stub(tmp_path, EXPORT, SOAP11, base_url, ("", "")), **BOTH)
        assert len(archive) > 2 * 65536
        target = tmp_path / "asked-for.zip"
        target.write_bytes(archive)
        command = [sys.executable, "-m", "loader", "load", str(target), "--format", "flr-export"]
        subprocess.run([*command, "--data-dir", str(tmp_path / "again")], cwd=ROOT, check=True)
        flr.assert_carried(current(tmp_path / "data"), current(tmp_path / "again"))

    def test_who_is_protected_is_in_it_for_whoever_has_the_right(
        self, hamlet_served: HamletServed, follower: Stub
    ) -> None:
        without = stub(hamlet_served, "follower-without-the-right")
        everybody = hamlet.PATIENTS[hamlet.ALONE]
        for wanted in ({}, BOTH):
            assert sorted(patients(contracts(ask(follower, **wanted))[hamlet.ALONE])) == everybody
            told = sorted(patients(contracts(ask(without, **wanted))[hamlet.ALONE]))
            assert told == [nin for nin in everybody if nin != hamlet.PROTECTED]
        persons = contracts(ask(follower, **BOTH))[hamlet.ALONE].iter("{*}Patient")
        at_home = {one.findtext("{*}NIN") for one in persons if len(one.find("{*}PhysicalAddresses"))}
        assert at_home == {nin for nin in everybody if nin != hamlet.PROTECTED}


class TestNow:
    def test_what_is_over_is_not_in_it(self, follower: Stub) -> None:
        told, ever = contracts(ask(follower)), contracts(ask(follower, GetHistoricalData=True))
        assert set(ever) == set(hamlet.PATIENTS)
        assert set(told) == set(hamlet.PATIENTS) - {hamlet.ENDED}
        for number, contract in told.items():
            assert sorted(patients(contract)) == hamlet.PATIENTS[number]
        numbers = [[int(one.text) for one in each[hamlet.ALONE].iter("{*}HprNumber")] for each in (told, ever)]
        assert numbers == [[hamlet.ANNE], [hamlet.ANNE, hamlet.FRIDA]]

    def test_persons_are_numbers_unless_particulars_are_asked_for(self, follower: Stub) -> None:
        for wanted, named in (({}, False), ({"GetHistoricalData": True}, False), ({"GetFullPersonInfo": True}, True)):
            (person,) = contracts(ask(follower, **wanted))[hamlet.SHARED].iter("{*}Patient")
            assert person.findtext("{*}LastName") == (hamlet.LAST_NAME if named else None)

    def test_an_entry_for_each_office_as_the_interface_has_it(self, follower: Stub, tmp_path: Path) -> None:
        schema = xml_schema(tmp_path)
        found = documents(ask(follower))
        assert list(found) == [f"{number}.xml" for number in (hamlet.OFFICE, hamlet.OFFICE_WITHOUT_HER_ID)]
        for text in found.values():
            assert schema.validate(etree.fromstring(text)), schema.error_log

    def test_municipalities(self, follower: Stub) -> None:
        everything = set(hamlet.PATIENTS) - {hamlet.ENDED}
        for values, found in (
            (["0301"], everything),
            (["301"], everything),
            (["4601", "0301"], everything),
            (["4601"], set()),
        ):
            codes = [{"CodeValue": value, "OID": 3402, "Active": True} for value in values]
            assert set(contracts(ask(follower, Municipalities={"Code": codes}))) == found

    @pytest.mark.parametrize("code", [{"CodeValue": "Oslo"}, {"CodeValue": ""}, {"CodeValue": None}])
    def test_what_is_no_municipality(self, follower: Stub, code: Any) -> None:
        code = {"OID": 3402, "Active": True, **code}
        with pytest.raises(Fault) as caught:
            ask(follower, Municipalities={"Code": [code]})
        assert generic(caught.value) == ("Feil", "ArgumentException: searchParameters er ugyldig")
