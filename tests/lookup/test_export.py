"""The public list of contracts over real sockets, against the oracle, in every coding and cut in every way."""

import gzip
import json
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import zstandard

from lookup.public_list import MAGIC, PublicList
from lookup.record import Damaged
from lookup.rest.encoding import chosen
from register.localtime import OSLO
from tests.loader import feeds
from tests.oracle import Register, time
from tests.served import load, run
from tests.service import Service
from tests.soap import hamlet

LIST = "/v1/contracts"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("town")
    run("bench.population", "--persons", "2000", "--out", str(folder / "feed"), "--seed", "5")
    load(folder / "feed", folder / "data")
    return folder


@pytest.fixture(scope="module")
def register(town: Path) -> Register:
    return Register(town / "feed")


@pytest.fixture(scope="module")
def service(town: Path) -> Iterator[Service]:
    with Service(town / "data", workers=1) as process:
        process.wait("serving")
        yield process


@pytest.fixture(scope="module")
def whole(service: Service) -> list[Any]:
    return get(service, LIST)


def get(service: Service, path: str, **fields: str) -> Any:
    status, _, body = service.ask(path, **fields)
    assert status == 200
    return json.loads(body)


def current(data: Path) -> Path:
    """The list's file of what is in service."""
    return data / "gen" / (data / "CURRENT").read_text().strip() / "contracts.bin"


def plain(code: str) -> str:
    return str(int(code))


class TestContent:
    def test_every_contract_that_has_not_ended_and_no_other(self, whole: list[Any], register: Register) -> None:
        today = datetime.now(OSLO).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
        assert [one["id"] for one in whole] == sorted(
            row["id"]
            for row in register.tables["contracts"]
            if time(row["to"]) > today and (time(row["from"]) - today).days < 40
        )

    def test_what_it_says_of_each(self, whole: list[Any], register: Register) -> None:
        for one in whole:
            contract = register.contracts[one["id"]]
            office = register.offices[contract["officeOrganizationNumber"]]
            assert one["office"]["organizationNumber"] == office["organizationNumber"]
            assert (one["office"]["legalName"], one["office"]["displayName"]) == (office["name"], office["displayName"])
            assert one["municipality"] == {
                "value": plain(contract["municipality"]),
                "name": register.municipalities[contract["municipality"]],
            }
            assert one["maxNumberOfPatients"] == contract["maxPatients"]
            assert one["numberOfVacantSpots"] == (contract["placesAvailable"] or 0)
            assert one["numberOfPatientsOnWaitingList"] == contract["patientsOnWaitingList"]
            assert one["period"] == {"from": contract["from"], "to": contract["to"]}
            assert [
                (place["streetAddress"], place["postalCode"], place["addressType"]["value"])
                for place in one["office"]["addresses"]
            ] == [
                (place["streetAddress"], int(place["postalCode"] or 0), place["type"])
                for place in office["physicalAddresses"]
            ]
            cycles = {row["id"]: row for row in register.cycles[one["id"]]}
            for cycle in one["doctorCycles"]:
                doctor = register.doctors[cycles[cycle["id"]]["hprNumber"]]
                assert cycle["doctor"]["hprNumber"] == doctor["hprNumber"]
                assert cycle["doctor"]["lastName"] == doctor["lastName"]
                assert cycle["relationship"]["value"] == cycles[cycle["id"]]["relationship"]
            current = {row["id"] for row in cycles.values() if row["to"] is None}
            assert current <= {cycle["id"] for cycle in one["doctorCycles"]}

    def test_nothing_of_patients(self, service: Service, register: Register) -> None:
        _, _, body = service.ask(LIST)
        numbers = [row["nin"].encode() for row in (*register.tables["persons"], *register.tables["doctors"])]
        assert not any(number in body for number in numbers)


class TestCodings:
    def test_each_is_the_same_list(self, service: Service) -> None:
        _, fields, body = service.ask(LIST)
        assert "content-encoding" not in fields
        for coding, unpacked in (("gzip", gzip.decompress), ("zstd", zstandard.decompress)):
            status, fields, packed = service.ask(LIST, **{"Accept-Encoding": coding})
            assert (status, fields["content-encoding"]) == (200, coding)
            assert "Accept-Encoding" in fields["vary"]
            assert int(fields["content-length"]) == len(packed) < len(body) / 4
            assert unpacked(packed) == body

    @pytest.mark.parametrize(
        ("accepted", "coding"),
        [
            (None, "identity"),
            ("", "identity"),
            ("gzip", "gzip"),
            ("gzip, deflate, br", "gzip"),
            ("gzip, deflate, br, zstd", "zstd"),
            ("GZIP;q=0.5, zstd;q=0.2", "gzip"),
            ("gzip;q=0", "identity"),
            ("*", "zstd"),
            ("*;q=0", "identity"),
            ("gzip;q=0, *", "zstd"),
            ("identity;q=0, gzip;q=0.001", "gzip"),
            ("identity, gzip;q=0.5", "identity"),
            ("br", "identity"),
            ("gzip;q=x", "identity"),
        ],
    )
    def test_which_is_chosen(self, accepted: str | None, coding: str) -> None:
        assert chosen(accepted, ("zstd", "gzip", "identity")) == coding

    def test_curl_reads_it(self, service: Service, whole: list[Any]) -> None:
        url = f"http://127.0.0.1:{service.address['port']}{LIST}"
        done = subprocess.run(["curl", "-sS", "--compressed", url], capture_output=True, check=True)
        assert json.loads(done.stdout) == whole

    def test_a_head_has_no_body(self, service: Service) -> None:
        _, fields, body = service.ask(LIST)
        status, told, nothing = service.ask(LIST, method="HEAD")
        assert (status, nothing) == (200, b"")
        assert (told["content-length"], told["etag"]) == (str(len(body)), fields["etag"])

    def test_who_has_it_is_not_sent_it(self, service: Service) -> None:
        tags = {}
        for coding in ("identity", "gzip", "zstd"):
            tags[coding] = service.ask(LIST, **{"Accept-Encoding": coding})[1]["etag"]
        assert len(set(tags.values())) == 3
        for coding, tag in tags.items():
            for known in (tag, f'"other", W/{tag}', "*"):
                status, fields, body = service.ask(LIST, **{"Accept-Encoding": coding, "If-None-Match": known})
                assert (status, body, fields["etag"]) == (304, b"", tag)
                assert "content-encoding" not in fields
            assert service.ask(LIST, **{"Accept-Encoding": coding, "If-None-Match": '"other"'})[0] == 200


class TestParts:
    def test_of_each_municipality(self, service: Service, whole: list[Any]) -> None:
        there = {one["municipality"]["value"] for one in whole}
        found = []
        for municipality in there:
            part = get(service, f"{LIST}?municipality={municipality}")
            assert part == get(service, f"{LIST}?municipality={municipality.zfill(4)}")
            assert {one["municipality"]["value"] for one in part} == {municipality}
            found += part
        assert sorted(found, key=lambda one: int(one["id"])) == whole
        assert get(service, f"{LIST}?municipality=9999") == []

    def test_page_by_page(self, service: Service, whole: list[Any]) -> None:
        found, path = [], f"{LIST}?pageSize=2"
        while path:
            status, fields, body = service.ask(path)
            assert (status, fields["flr-total"]) == (200, str(len(whole)))
            found += json.loads(body)
            links = dict(reversed(one.split("; rel=")) for one in fields["link"].split(", "))
            path = links.get('"next"', "").strip("<>")
        assert found == whole
        assert get(service, f"{LIST}?page=9999") == []

    def test_a_contract_a_line(self, service: Service, whole: list[Any]) -> None:
        for path, fields in ((f"{LIST}?format=ndjson", {}), (LIST, {"Accept": "application/x-ndjson"})):
            status, told, body = service.ask(path, **fields)
            assert (status, told["content-type"]) == (200, "application/x-ndjson")
            assert body.endswith(b"\n")
            assert [json.loads(line) for line in body.splitlines()] == whole
        assert service.ask(f"{LIST}?format=ndjson&municipality=9999")[2] == b""

    @pytest.mark.parametrize(
        "query", ["municipality=", "municipality=x", "municipality=03011", "page=0", "page=-1", "page=x", "other=1"]
    )
    def test_what_is_no_question(self, service: Service, query: str) -> None:
        status, _, body = service.ask(f"{LIST}?{query}")
        assert (status, json.loads(body)["type"]) == (400, "urn:flr:problem:invalid-request")

    @pytest.mark.parametrize("query", ["pageSize=0", "pageSize=10001", "format=xml", "page=1&page=2"])
    def test_nor_is_this(self, service: Service, query: str) -> None:
        assert service.ask(f"{LIST}?{query}")[0] == 400


def test_an_increment_tells_of_what_it_has_changed(tmp_path: Path) -> None:
    before, after = hamlet.tables(), hamlet.tables()
    contract = next(one for one in after["contracts"] if one["id"] == hamlet.SHARED)
    contract["maxPatients"] = 1234
    load(feeds.write(tmp_path / "feed", before), tmp_path / "data")
    day = feeds.write_events(tmp_path / "day", [("ContractUpdated", contract)], feeds.digest_of(before), after)
    load(day, tmp_path / "data")
    changed = current(tmp_path / "data")
    full = tmp_path / "full"
    load(feeds.write(full / "feed", after), full / "data")
    anew = current(full / "data")
    assert changed.read_bytes() == anew.read_bytes()
    listed = PublicList(changed.read_bytes())
    ceilings = {one["id"]: one["maxNumberOfPatients"] for one in json.loads(bytes(listed.whole("identity")))}
    assert ceilings.pop(hamlet.SHARED) == 1234
    assert set(ceilings.values()) == {1000}
    assert hamlet.ENDED not in ceilings


def test_a_generation_without_it_says_so(town: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    subprocess.run(["cp", "-r", str(town / "data"), str(data)], check=True)
    current(data).unlink()
    with Service(data, workers=1) as process:
        process.wait("serving")
        status, fields, body = process.ask(LIST)
        assert (status, json.loads(body)["type"]) == (503, "urn:flr:problem:not-served-here")
        assert "retry-after" in fields


@pytest.mark.parametrize("cut", [0, 7, 60])
def test_a_file_that_is_cut_or_changed_is_damaged(town: Path, cut: int) -> None:
    whole = current(town / "data").read_bytes()
    for damaged in (whole[:cut], whole[:-1], b"X" + whole[1:], whole + b"\0", MAGIC + whole[-56:]):
        with pytest.raises(Damaged):
            PublicList(damaged)
