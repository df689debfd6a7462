"""Loading the real register's export: what is wrong is refused, and told by entry, line and column."""

import re
from pathlib import Path

import pytest

from loader import flr_conversion, flr_records, flr_spool
from loader import load as loading
from loader.buckets import OVERLAP
from loader.flr_conversion import TOLD_OTHERWISE
from loader.read import MAX_FAULTS
from register.model import Person
from tests.loader import feeds, flr
from tests.loader.feeds import ANNE, BERIT, CARL, FINN
from tests.loader.flr import NOW, PAST, Documents, loaded, packed, refused, whole_export


@pytest.fixture(autouse=True)
def no_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "ask_reader", lambda *_: None)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Documents:
    return whole_export(tmp_path_factory.mktemp("export"))


def changed(whole: Documents, old: str, new: str, *, count: int = 1, entry: str = NOW) -> Documents:
    assert old in whole[entry], old
    return whole | {entry: whole[entry].replace(old, new, count)}


def place(documents: Documents, entry: str, element: str, number: int = 0) -> str:
    """Where the element of a name, counted from 0, begins."""
    found = [m.start() for m in re.finditer(f"<{element}>", documents[entry])][number]
    before = documents[entry][:found]
    return f"{entry}:{before.count(chr(10)) + 1}:{found - before.rfind(chr(10))}"


MEMBER, CYCLE, CONTRACT = "PatientToGPContractAssociation", "GPOnContractAssociation", "GPContract"


WRONG = {
    "a number of twelve": (
        ("<PatientNIN>", "<PatientNIN>0"),
        (MEMBER, 0),
        "Membership: Expected `str` of length <= 11 - at `$.nin`",
    ),
    "a letter in a number": (
        (f"<PatientNIN>{ANNE}", "<PatientNIN>0181000018x"),
        (MEMBER, 0),
        "NIN is not eleven digits",
    ),
    "a patient of another number": (
        (f"<PatientNIN>{ANNE}", f"<PatientNIN>{FINN}"),
        ("Patient", 0),
        "Patient has another NIN than PatientNIN",
    ),
    "a cycle of another contract": (
        ("<GPContractId>11</GPContractId><Hpr", "<GPContractId>12</GPContractId><Hpr"),
        (CYCLE, 0),
        "GPContractId is another than the contract's Id",
    ),
    "an outpost of another contract": (
        ("<GPContractId>11</GPContractId><Id>41", "<GPContractId>12</GPContractId><Id>41"),
        ("OutOfOfficeLocation", 0),
        "GPContractId is another than the contract's Id",
    ),
    "a membership of another contract": (
        ("<GPContractId>11</GPContractId><GPHerId>4001</GPHerId><Id>55", "<GPContractId>12</GPContractId><Id>55"),
        (MEMBER, 2),
        "GPContractId is another than in the same list before",
    ),
    "a list of another contract": (
        ("<Id>12</Id><IsFixed", "<Id>14</Id><IsFixed"),
        (CONTRACT, 1),
        "PatientList is of another contract",
    ),
    "an unknown element": (("<PatientList>", "<X></X><PatientList>"), ("X", 0), "GPContract has no element X"),
    "another office": (
        ("<GPOfficeOrganizationNumber>", "<GPOfficeOrganizationNumber>-"),
        ("GPOffice", 0),
        "GPOffice is another than GPOfficeOrganizationNumber",
    ),
    "an office told otherwise": (
        ("<b:Name>Kontoret<", "<b:Name>Kontor<"),
        ("GPOffice", 1),
        "Office: told otherwise elsewhere",
    ),
    "a doctor told otherwise": (("<FirstName>Lege<", "<FirstName>L<"), ("GP", 3), "Doctor: told otherwise elsewhere"),
    "a doctor's number": (("<NIN>0", "<NIN>x"), ("GP", 0), "NIN is not eleven digits"),
    "no name": (
        ("<b:Name>Kontoret</b:Name>", '<b:Name i:nil="true"/>'),
        ("GPOffice", 0),
        "Office: Expected `str`, got `null` - at `$.name`",
    ),
    "no period": (
        ("<p:From>2015-01-01T00:00:00</p:From>", ""),
        (CYCLE, 0),
        "DoctorCycle: Expected `datetime`, got `null` - at `$.from`",
    ),
    "a postal code of five": (
        ("<c:PostalCode>159<", "<c:PostalCode>10000<"),
        ("GPOffice", 0),
        "Office: Expected `str` matching regex '^[0-9]{4}$' - at `$.physicalAddresses[0].postalCode`",
    ),
    "another code system": (
        ("<c:OID>9044<", "<c:OID>9045<"),
        ("c:Type", 0),
        "a value of code system 9045 where 9044 is meant",
    ),
    "a code without a value": (
        ("<c:CodeValue>0301</c:CodeValue>", '<c:CodeValue i:nil="true"/>'),
        ("b:Municipality", 0),
        "a Code without OID or CodeValue",
    ),
    "a code described otherwise": (
        ("<c:CodeText>Gamle Oslo<", "<c:CodeText>Oslo<"),
        ("District", 1),
        "a value of code system 3403 that is described otherwise elsewhere",
    ),
    "a birth within a day": (
        ("<DateOfBirth>1990-01-01T00:", "<DateOfBirth>1990-01-01T01:"),
        ("Patient", 0),
        "DateOfBirth is not a day",
    ),
    "an opening within a minute": (
        (
            '<b:OpeningHours i:nil="true"/>',
            "<b:OpeningHours><c:OpenAt><c:TimePeriod><c:From>PT1.5S</c:From>"
            "</c:TimePeriod></c:OpenAt></b:OpeningHours>",
        ),
        ("c:TimePeriod", 0),
        "From is not a whole minute",
    ),
    "two HER-IDs of a list": (
        ("<GPHerId>4001<", "<GPHerId>4002<"),
        (CONTRACT, 0),
        "GPHerId is not one HER-ID for all who are on the list",
    ),
    # what the load finds, told by the same places
    "a number that is none": ((f"<NIN>{CARL}", f"<NIN>{CARL[:-1]}1"), (MEMBER, 1), "nin is not a valid national id"),
    "an unknown status": (
        ("<c:CodeValue>FAAA<", "<c:CodeValue>XXXX<"),
        (CONTRACT, 0),
        "a value that is not in code system 7751",
    ),
    "a contract twice": (
        ("<Id>11</Id><IsFixed", "<Id>11</Id><IsFixed"),
        (CONTRACT, 1),
        "a record whose key is used twice",
    ),
    "no doctor": (("<GP>", "<GP>"), (CYCLE, 0), "hprNumber names a record that is not in the feed"),
    "an empty period": (
        ("<p:To>2018-03-04T05:06:07<", "<p:To>2015-01-01T00:00:00<"),
        (MEMBER, 1),
        "the period ends before it begins",
    ),
    "an overlap": (("<p:To>2018-03-04T05:06:07<", "<p:To>2019-03-04T05:06:07<"), (MEMBER, 2), OVERLAP),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_with_a_record(tmp_path: Path, whole: Documents, case: str) -> None:
    (old, new), (element, number), what = WRONG[case]
    documents = changed(whole, old, new)
    match case:
        case "a number that is none":
            documents = changed(documents, CARL, f"{CARL[:-1]}1", count=9)
        case "a contract twice":
            text = documents[NOW]
            again = text[text.index("<GPContract>") : text.index("</GPContract>") + len("</GPContract>\n")]
            again = re.sub(r"<(PatientList|DoctorCycles|OutOfOfficeOffices)>.*?</\\1>", "", again, flags=re.S)
            documents |= {NOW: text.replace("<GPContract>", again + "<GPContract>", 1)}
        case "no doctor":
            documents |= {name: re.sub("<GP>.*?</GP>", '<GP i:nil="true"/>', text) for name, text in documents.items()}
    faults = refused(tmp_path, packed(tmp_path / "x.zip", documents))
    assert f"{place(documents, NOW, element, number)}: {what}" in faults


def test_a_person_told_otherwise_in_another_document(tmp_path: Path, whole: Documents) -> None:
    """Berit was on a list of the other office too; whichever of the two is read later is told."""
    documents = changed(whole, f"<NIN>{BERIT}</NIN><PhysicalAddresses>", f"<NIN>{BERIT}</NIN><PhysicalAddresses>")
    documents = changed(documents, "<FirstName>Kim<", "<FirstName>Tim<", entry=PAST)
    faults = refused(tmp_path, packed(tmp_path / "x.zip", documents))
    at = documents[NOW].split(f"<PatientNIN>{BERIT}")[0].rindex("<Patient>")
    line = documents[NOW].count("\n", 0, at) + 1
    column = at - documents[NOW].rfind("\n", 0, at)
    assert faults == (f"{NOW}:{line}:{column}: {TOLD_OTHERWISE.format('Person')}",)


@pytest.mark.parametrize(
    ("old", "new", "element", "what"),
    [
        ("<b:Name>Kontoret<", "<b:Name>Kontor<", "GPOffice", TOLD_OTHERWISE.format("Office")),
        ("<FirstName>Lege<", "<FirstName>L<", "GP", TOLD_OTHERWISE.format("Doctor")),
        ("<c:CodeText>Bosatt<", "<c:CodeText>Her<", "c:Code", "a value of code system 5510 that is described"),
    ],
)
def test_what_another_document_tells_otherwise(
    tmp_path: Path, whole: Documents, old: str, new: str, element: str, what: str
) -> None:
    documents = whole | {"more.xml": whole[NOW].replace(old, new)}
    faults = refused(tmp_path, packed(tmp_path / "x.zip", documents))
    number = whole[NOW].split(old)[0].count(f"<{element}>") - 1
    assert any(fault.startswith(f"{place(documents, 'more.xml', element, number)}: {what}") for fault in faults)
    assert {fault.split(":")[0] for fault in faults} == {"more.xml"}


def test_every_fault_is_told_up_to_a_number(tmp_path: Path, whole: Documents) -> None:
    documents = changed(whole, "<p:From>2015-01-01T00:00:00</p:From>", "", count=99)
    assert len(refused(tmp_path / "1", packed(tmp_path / "1" / "x.zip", documents))) == 5
    many = documents | {
        f"{n}.xml": re.sub("<PatientList>.*</PatientList>", "", documents[PAST], flags=re.S) for n in range(40)
    }
    many = {name: text.replace("<p:From>2015-01-01T00:00:00</p:From>", "") for name, text in many.items()}
    assert len(refused(tmp_path / "2", packed(tmp_path / "2" / "x.zip", many))) == MAX_FAULTS


def test_what_leads_nowhere_is_left_out_and_counted(tmp_path: Path, whole: Documents) -> None:
    documents = changed(whole, "<SubstituteForHprNumber>7001<", "<SubstituteForHprNumber>7999<")
    documents[NOW] = documents[NOW].replace("<c:CodeValue>LPFL<", "<c:CodeValue>LPDL<")
    report, register = loaded(tmp_path, documents)
    assert report.warnings == [
        "GPHerId left out: there is neither one GP nor one substitute now to whom it could belong (2)",
        "PrimaryHealthCareTeamId left out: the export does not hold the teams (2)",
        "SubstituteForHprNumber left out: the export does not hold the doctor (1)",
    ]
    assert {cycle.substitute_for_hpr_number for cycle in register["doctor_cycles"]} == {None}
    assert {cycle.her_id for cycle in register["doctor_cycles"]} == {None}


def test_without_particulars_a_person_is_a_number(tmp_path: Path, whole: Documents) -> None:
    """As when the export was ordered without them; what is told once counts, and a doctor's name is known."""
    documents = {
        name: re.sub("<Patient>.*?</Patient>", '<Patient i:nil="true"/>', text) for name, text in whole.items()
    }
    _, register = loaded(tmp_path / "1", documents)
    persons = {one.nin: one for one in register["persons"]}
    assert persons.keys() == {one["nin"] for one in feeds.tables()["persons"]} - {FINN} | {feeds.number(9)}
    assert persons[CARL] == Person(nin=CARL)
    assert persons[ANNE] == Person(nin=ANNE, first_name="Lege", last_name=feeds.NAMES[1], sex="2")
    _, register = loaded(tmp_path / "2", documents | {PAST: whole[PAST]})
    (berit,) = [one for one in register["persons"] if one.nin == BERIT]
    assert (berit.first_name, berit.last_name) == ("Kim", feeds.NAMES[0])


def test_members_in_any_order_and_absent_ones_are_read(tmp_path: Path, whole: Documents) -> None:
    """.NET writes them in order and all of them; one who has put the document together otherwise is understood."""
    text = re.sub(r'<[A-Za-z:]+ i:nil="true"/>', "", whole[NOW])
    text = re.sub(r"(<p:From>[^<]*</p:From>)(<p:To>[^<]*</p:To>)", r"\2\1", text)
    text = re.sub(r"<(?:c:)?(?:Inherited|LastChanged|SimpleType|TypeCodeValue)>[^<]*</[^>]*>", "", text)
    text = text.replace("<GPContract>", "<GPContract><!-- a word -->").replace("<Id>", "\n  <Id>")
    _, register = loaded(tmp_path / "1", whole | {NOW: text})
    _, same = loaded(tmp_path / "2", whole)
    assert flr.lines(register) == flr.lines(same)


def test_little_memory_for_many_persons(tmp_path: Path, whole: Documents, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything goes through the disk, in pieces of one record."""
    monkeypatch.setattr(flr_spool, "BUFFER_BYTES", 1)
    monkeypatch.setattr(flr_conversion, "BATCH", 1)
    _, register = loaded(tmp_path / "1", whole)
    monkeypatch.undo()
    monkeypatch.setattr(loading, "ask_reader", lambda *_: None)
    _, same = loaded(tmp_path / "2", whole)
    assert flr.lines(register) == flr.lines(same)


def test_more_codes_than_can_be_meant(tmp_path: Path, whole: Documents, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flr_records, "MAX_CODES", 3)
    faults = refused(tmp_path, packed(tmp_path / "x.zip", whole))
    assert all(fault.endswith(": more than 3 code values") for fault in faults)
