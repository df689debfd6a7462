"""The made-up population: the same every time, whole, and in proportion. Read back without the loader."""

import hashlib
import json
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest

from bench.norway.municipalities import municipalities
from bench.norway.numbers import Numbers
from bench.population import generate, main
from register import codes, ids
from register.feed import Manifest, canonical_lines, format_digest, lines_digest
from register.model import TABLES
from tests.bench.population_feed import KEYS, START, Read, content, files, shape


@pytest.fixture(scope="module", params=[1_000, 20_000])
def feed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Read:
    folder = tmp_path_factory.mktemp("feed")
    generate(shape(request.param), folder)
    return Read.at(folder)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Read:
    folder = tmp_path_factory.mktemp("large")
    generate(shape(60_000), folder)
    return Read.at(folder)


# the same every time


def test_same_bytes_with_any_number_of_workers(tmp_path: Path) -> None:
    for workers in (1, 2, 3):
        generate(shape(34_000), tmp_path / str(workers), days=2, workers=workers)
    assert files(tmp_path / "1") == files(tmp_path / "2") == files(tmp_path / "3")


def test_another_seed_gives_other_persons(tmp_path: Path) -> None:
    for seed in (1, 2):
        generate(shape(1_000, seed), tmp_path / str(seed))
    one, two = (Read.at(tmp_path / str(seed)) for seed in (1, 2))
    assert one.manifest["content_digest"] != two.manifest["content_digest"]
    assert {p["nin"] for p in one.tables["persons"]} != {p["nin"] for p in two.tables["persons"]}


def test_compressed_feed_has_the_same_content(tmp_path: Path) -> None:
    generate(shape(1_000), tmp_path / "plain")
    generate(shape(1_000), tmp_path / "packed", suffix=".ndjson.zst")
    plain, packed = Read.at(tmp_path / "plain"), Read.at(tmp_path / "packed")
    assert plain.tables == packed.tables
    assert plain.manifest["content_digest"] == packed.manifest["content_digest"]


# the format


def test_manifest_and_canonical_lines(feed: Read) -> None:
    manifest = msgspec.convert(feed.manifest, Manifest)
    assert (manifest.kind, manifest.sequence, manifest.as_of) == ("full", 1, "2026-11-23T03:00:00+01:00")
    assert [entry.table for entry in manifest.files] == list(TABLES)
    digest = 0
    for entry in manifest.files:
        data = content(feed.folder, entry.name)
        assert (data.count(b"\n"), len(data)) == (entry.records, entry.bytes)
        assert hashlib.sha256(data).hexdigest() == entry.sha256
        records = msgspec.json.Decoder(TABLES[entry.table]).decode_lines(data)
        assert canonical_lines(records) == data
        digest += lines_digest(entry.table, data)
    assert manifest.content_digest == format_digest(digest)


def test_keys_are_unique(feed: Read) -> None:
    for table, members in KEYS.items():
        keys = [tuple(record[m] for m in members) for record in feed.tables[table]]
        assert len(set(keys)) == len(keys), table


# whole


def test_references_exist(feed: Read) -> None:
    tables = feed.tables
    offices = {o["organizationNumber"] for o in tables["offices"]}
    contracts = {c["id"] for c in tables["contracts"]}
    doctors = {d["hprNumber"] for d in tables["doctors"]}
    persons = {p["nin"] for p in tables["persons"]}
    teams = {t["id"] for t in tables["teams"]}
    assert {c["officeOrganizationNumber"] for c in tables["contracts"]} <= offices
    assert {c["contractId"] for c in tables["doctor_cycles"] + tables["outposts"] + tables["memberships"]} <= contracts
    assert {c["hprNumber"] for c in tables["doctor_cycles"]} <= doctors
    assert {c["substituteForHprNumber"] for c in tables["doctor_cycles"]} - {None} <= doctors
    assert {d["nin"] for d in tables["doctors"]} <= persons
    assert {m["nin"] for m in tables["memberships"]} <= persons
    assert {r["teamId"] for r in tables["offices"] + tables["contracts"]} - {None} == teams
    for team in tables["teams"]:
        assert team["organizationNumber"] in offices
        assert {team["leaderHprNumber"], *(p["hprNumber"] for p in team["people"])} <= doctors
        assert {c["contractId"] for c in team["contracts"]} <= contracts


def test_code_values_exist(feed: Read) -> None:
    tables = feed.tables
    known = {(c["oid"], c["value"]) for c in tables["codes"]} | set(codes.closed_values())
    used = {(codes.MUNICIPALITY, r["municipality"]) for t in ("offices", "contracts") for r in tables[t]}
    used |= {(codes.MUNICIPALITY, m) for r in tables["contracts"] for m in r["coopMunicipalities"]}
    used |= {(codes.DISTRICT, o["district"]) for o in tables["offices"]}
    used |= {(code["oid"], code["value"]) for d in tables["doctors"] for code in d["languages"]}
    used |= {(code["oid"], code["value"]) for o in tables["offices"] for code in o["properties"]}
    used |= {(s["code"]["oid"], s["code"]["value"]) for p in tables["persons"] for s in p["status"]}
    used |= {(codes.SEX, r["sex"]) for t in ("persons", "doctors") for r in tables[t]}
    used |= {(codes.CONTRACT_STATUS, c["status"]) for c in tables["contracts"]}
    used |= {
        (codes.END_REASON, r[m]) for t, m in (("contracts", "endReason"), ("memberships", "endCode")) for r in tables[t]
    }
    used |= {(codes.BEGIN_REASON, m["beginCode"]) for m in tables["memberships"]}
    used |= {(codes.MEMBERSHIP_REQUIRED, c["requiresMembership"]) for c in tables["contracts"]}
    used |= {(codes.RELATIONSHIP, c["relationship"]) for c in tables["doctor_cycles"]}
    used |= {(codes.HEALTH_PERSONNEL, p["role"]) for t in tables["teams"] for p in t["people"]}
    for table in ("persons", "offices", "outposts"):
        for address in (a for r in tables[table] for a in r["physicalAddresses"]):
            used |= {(codes.ADDRESS_TYPE, address["type"]), (codes.MUNICIPALITY, address["municipality"])}
            used.add((codes.COUNTRY, address["country"]))
    used |= {
        (codes.ADDRESS_COMPONENT, a["type"])
        for t in ("offices", "outposts")
        for r in tables[t]
        for a in r["electronicAddresses"]
    }
    assert {(oid, value) for oid, value in used if value is not None} <= known


def test_no_overlaps_and_periods_within_the_contract(feed: Read) -> None:
    contracts = {c["id"]: c for c in feed.tables["contracts"]}
    for record in feed.tables["memberships"] + feed.tables["doctor_cycles"] + feed.tables["outposts"]:
        contract = contracts[record["contractId"]]
        assert record["to"] is None or record["from"] < record["to"]
        assert contract["from"] <= record["from"]
        assert contract["to"] is None or (record["to"] is not None and record["to"] <= contract["to"])
    of_person = defaultdict(list)
    for m in feed.tables["memberships"]:
        of_person[m["nin"]].append((m["from"], m["to"] or "9999"))
        assert (m["to"] is None) == (m["endCode"] is None)
        assert m["updated"] <= feed.as_of
    for periods in of_person.values():
        periods.sort()
        assert all(a[1] <= b[0] for a, b in pairwise(periods))


def test_her_ids_belong_to_one_thing_at_a_time(feed: Read) -> None:
    others = [r["herId"] for t in ("offices", "contracts") for r in feed.tables[t] if r["herId"]]
    cycles = defaultdict(list)
    for cycle in feed.tables["doctor_cycles"]:
        if cycle["herId"]:
            cycles[cycle["herId"]].append(cycle)
    assert len(set(others)) == len(others)
    assert not set(others) & set(cycles)
    offices = {c["id"]: c["officeOrganizationNumber"] for c in feed.tables["contracts"]}
    for shared in cycles.values():
        assert len({(c["hprNumber"], offices[c["contractId"]]) for c in shared}) == 1
        periods = sorted((c["from"], c["to"] or "9999") for c in shared)
        assert all(a[1] <= b[0] for a, b in pairwise(periods))


def test_numbers_are_synthetic_and_old_ones_lead_to_a_person(feed: Read) -> None:
    persons = {p["nin"] for p in feed.tables["persons"]}
    changes = {c["oldNin"]: c for c in feed.tables["nin_changes"]}
    for nin in persons | set(changes):
        assert ids.is_national_id(nin, ids.Rule.TODAY)
        assert ids.series(nin) in (ids.Series.SKATTEETATEN, ids.Series.NHN)
    assert not persons & set(changes)
    lengths: Counter[int] = Counter()
    for old in changes:
        nin, steps, when = old, 0, ""
        while nin in changes:
            assert when < changes[nin]["changed"]
            nin, when, steps = changes[nin]["newNin"], changes[nin]["changed"], steps + 1
        assert nin in persons
        lengths[steps] += 1
    assert lengths[1]
    if len(persons) > 10_000:
        assert {2, 3} <= set(lengths)


def test_organization_numbers(feed: Read) -> None:
    numbers = [o["organizationNumber"] for o in feed.tables["offices"]]
    assert all(ids.is_organization_number(n) for n in numbers)
    assert min(numbers) < 0 < max(numbers)


def test_places_available_is_what_is_left(feed: Read) -> None:
    listed = Counter(m["contractId"] for m in feed.current("memberships"))
    in_force = {c["id"] for c in feed.current("contracts")}
    for contract in feed.tables["contracts"]:
        open_now = contract["id"] in in_force and contract["status"] == codes.STATUS_OPEN
        free = contract["maxPatients"] - listed[contract["id"]] if open_now else 0
        assert contract["placesAvailable"] == max(0, free)
    assert set(listed) <= in_force


def test_a_vacant_list_has_no_two_one_or_no_substitute(feed: Read) -> None:
    gps = Counter(c["contractId"] for c in feed.current("doctor_cycles") if c["relationship"] == codes.GP)
    substitutes = Counter(
        c["contractId"] for c in feed.current("doctor_cycles") if c["relationship"] == codes.SUBSTITUTE
    )
    vacant = [c["id"] for c in feed.current("contracts") if not gps[c["id"]]]
    assert {substitutes[number] for number in vacant} >= {0, 1, 2}
    assert any(c["relationship"] == codes.SHARED_LIST_DOCTOR for c in feed.current("doctor_cycles"))
    assert all(
        c["substituteForHprNumber"] for c in feed.tables["doctor_cycles"] if c["relationship"] == codes.SUBSTITUTE
    )


# in proportion


def test_proportions(large: Read) -> None:
    tables = large.tables
    persons, memberships = tables["persons"], tables["memberships"]
    n = len(persons)
    assert n == 60_000
    assert 2.6 < len(memberships) / n < 3.4
    listed = {m["nin"] for m in large.current("memberships")}
    assert 0.022 < 1 - len(listed) / n < 0.045
    assert 0.003 < sum(p["protection"] is not None for p in persons) / n < 0.008
    assert {p["protection"] for p in persons} == {None, "fortrolig", "strengt-fortrolig"}
    assert 0.006 < len(tables["nin_changes"]) / n < 0.02
    assert 0.005 < sum(p["nin"][0] in "4567" for p in persons) / n < 0.03
    assert 0.45 < sum(p["sex"] == "2" for p in persons) / n < 0.55
    in_force = large.current("contracts")
    assert len(in_force) == round(5_704 * n / 5_600_000)
    assert 2.0 < len(tables["contracts"]) / len(in_force) < 3.3
    assert 850 < len(listed) / len(in_force) < 1_050
    assert 900 < sum(c["maxPatients"] for c in in_force) / len(in_force) < 1_100
    tomorrow = (START + timedelta(days=1)).isoformat() + "T00:00:00"
    starts = Counter(m["from"] for m in memberships if m["from"] > large.as_of)
    assert {tomorrow, "2026-12-01T00:00:00"} <= set(starts)
    ends = {m["to"] for m in memberships}
    assert tomorrow in ends
    odd = sum(not m["from"].endswith("T00:00:00") for m in memberships) / len(memberships)
    assert 0.0005 < odd < 0.02
    assert any("." in m["from"] for m in memberships)
    postal = {a["postalCode"] for p in persons for a in p["physicalAddresses"]}
    assert {"0159", None} <= postal
    letters = set("".join(p["firstName"] + p["lastName"] for p in persons))
    assert set("æøåØÅéłŞ") <= letters


def test_ids_follow_time_roughly(large: Read) -> None:
    by_id = sorted((m["id"], m["from"]) for m in large.tables["memberships"])
    years = [int(begun[:4]) for _, begun in by_id]
    assert sum(b < a for a, b in pairwise(years)) < len(years) * 0.01
    assert by_id[-1][0] < 2**53


def test_every_municipality_once() -> None:
    everyone = municipalities()
    assert len(everyone) == len({m.code for m in everyone}) == len({m.name for m in everyone}) == 357
    assert 5_400_000 < sum(m.people for m in everyone) < 5_700_000
    postal = [code for m in everyone for code in m.postal_codes]
    assert len(set(postal)) == len(postal)
    assert all(len(code) == 4 and code.isdigit() for code in postal)


@pytest.mark.parametrize("persons", [500, 30_000, 5_600_000, 50_000_000])
def test_numbers_are_a_bijection(persons: int) -> None:
    numbers = Numbers(1, persons, 20_700)
    index = np.unique(np.linspace(0, persons - 1, 40_000).astype(np.int64))
    index = np.unique(np.concatenate([index, index[index >= 25_000_000] - 25_000_000]))
    series = [numbers.fnr_a(index)[0], *(f(index) for f in (numbers.fnr_b, numbers.d_number_a, numbers.d_number_b))]
    together = np.concatenate(series)
    assert len(np.unique(together)) == len(together)
    rule = ids.Rule.TODAY if persons <= 25_000_000 else ids.Rule.FROM_2032
    texts = [f"{number:011d}" for number in together[::7].tolist()]
    assert all(ids.is_national_id(text, rule) for text in texts)
    assert {ids.kind(text) for text in texts} == {ids.Kind.FNR, ids.Kind.DNR}
    assert {ids.series(text) for text in texts} == {ids.Series.SKATTEETATEN, ids.Series.NHN}
    assert all(
        any(ids.control_digits(nine, ids.Rule.FROM_2032, choice) == text[9:] for choice in range(4))
        for nine, text in ((text[:9], text) for text in texts[:200])
    )


def test_a_later_full_feed_is_whole(tmp_path: Path) -> None:
    generate(shape(1_000), tmp_path, sequence=200)
    read = Read.at(tmp_path)
    test_references_exist(read)
    test_no_overlaps_and_periods_within_the_contract(read)
    test_her_ids_belong_to_one_thing_at_a_time(read)
    test_numbers_are_synthetic_and_old_ones_lead_to_a_person(read)
    test_places_available_is_what_is_left(read)


# the command


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "feed"
    assert main(["--persons", "1000", "--out", str(out), "--as-of", "today", "--workers", "1", "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["persons"] == 1000
    assert summary["feeds"][0]["content_digest"] == Read.at(out).manifest["content_digest"]
    as_of = datetime.fromisoformat(Read.at(out).manifest["as_of"])
    assert as_of.hour == 3
    assert timedelta() <= datetime.now(UTC) - as_of < timedelta(days=1, hours=1)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--persons", "1000"],
        ["--persons", "10", "--out", "{new}"],
        ["--persons", "many", "--out", "{new}"],
        ["--persons", "1000", "--out", "{new}", "--as-of", "soon"],
        ["--persons", "1000", "--out", "{new}", "--sequence", "0"],
        ["--persons", "1000", "--out", "{new}", "--days", "-1"],
        ["--persons", "1000", "--out", "{full}"],
    ],
)
def test_usage_errors(arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "something").touch()
    with pytest.raises(SystemExit) as stopped:
        main([a.format(new=tmp_path / "new", full=tmp_path / "full") for a in arguments])
    assert stopped.value.code == 64
    assert "population: " in capsys.readouterr().err
