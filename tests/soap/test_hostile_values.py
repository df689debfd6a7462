"""Parameters that nobody honest sends: read as XML Schema has them, or refused.

Where the same text means different things to different readers it is refused: a firewall in front and the register
behind never see two questions in one.
"""

from datetime import datetime

import pytest

from tests.soap.envelopes import asked, not_asked
from tests.soap.hamlet import INVALID

AT = "2026-11-26T12:00:00"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("7", 7), ("  7\n\t", 7), ("+7", 7), ("-7", -7), ("007", 7), ("-0", 0), ("2147483647", 2**31 - 1)),
        *(("-2147483648", -(2**31)), ("<![CDATA[7]]>", 7), ("1<!-- and -->2", 12), ("&#55;", 7), ("&#x37;", 7)),
        *(("0" * 8 + "7", 7),),
    ],
)
def test_an_int(text: str, value: int) -> None:
    assert asked("ConfirmGP", f"<hprNumber>{text}</hprNumber>")["hprNumber"] == value


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "７",
            "٧",
            "1_0",
            "0x7",
            "7.0",
            "1e3",
            "--7",
            "+",
            "+-7",
            "7 7",
            "\u00a07",
            "7\u200b",
            "\u20077",
            "NaN",
        ),
        *("2147483648", "-2147483649", "9" * 5000, "true", "7<hprNumber>7</hprNumber>", "7<?x y?>"),
    ],
)
def test_what_is_no_int(text: str) -> None:
    not_asked("ConfirmGP", f"<hprNumber>{text}</hprNumber>")


@pytest.mark.parametrize(
    ("text", "value"), [("9223372036854775807", 2**63 - 1), ("-9223372036854775808", -(2**63)), ("+0", 0)]
)
def test_a_long(text: str, value: int) -> None:
    assert asked("GetGPContract", f"<gpContractId>{text}</gpContractId>") == {"gpContractId": value}


@pytest.mark.parametrize("text", ["9223372036854775808", "-9223372036854775809", "1" + "0" * 400, "１"])
def test_what_is_no_long(text: str) -> None:
    not_asked("GetGPContract", f"<gpContractId>{text}</gpContractId>")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (AT, datetime(2026, 11, 26, 12)),
        (f" {AT}\n", datetime(2026, 11, 26, 12)),
        (f"{AT}.1234567", datetime(2026, 11, 26, 12, 0, 0, 123456)),
        (f"{AT}.{'1' * 500}", datetime(2026, 11, 26, 12, 0, 0, 111111)),
        (f"{AT}Z", datetime(2026, 11, 26, 13)),
        (f"{AT}.5Z", datetime(2026, 11, 26, 13, 0, 0, 500000)),
        ("2026-07-01T12:00:00Z", datetime(2026, 7, 1, 14)),
        (f"{AT}+14:00", datetime(2026, 11, 25, 23)),
        (f"{AT}-14:00", datetime(2026, 11, 27, 3)),
        ("2026-12-31T24:00:00", datetime(2027, 1, 1)),  # the same moment, as XML Schema has it
        ("2026-12-31T24:00:00.000", datetime(2027, 1, 1)),
        ("0001-01-01T00:00:00", datetime(1, 1, 1)),  # what .NET sends for none
        ("9999-12-31T23:59:59.9999999", datetime(9999, 12, 31, 23, 59, 59, 999999)),  # and for ever
    ],
)
def test_a_time(text: str, value: datetime) -> None:
    assert asked("ConfirmGP", f"<atTime>{text}</atTime>")["atTime"] == value


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "2026-11-26",
            "2026-11-26 12:00:00",
            "2026-11-26T12:00",
            "20261126T120000",
            "2026-11-26T12:00:00.",
            f"{AT}z",
        ),
        *("2026-02-29T12:00:00", "2026-13-01T12:00:00", "2026-11-26T24:00:01", "2026-11-26T24:00:00.1", f"{AT}+1:00"),
        *("2026-11-26T23:59:60", "10000-01-01T00:00:00", "-0001-01-01T00:00:00", "0000-01-01T00:00:00", f"{AT}+14:01"),
        *(
            "02026-11-26T12:00:00",
            "２０２６-11-26T12:00:00",
            f"{AT}+15:00",
            f"{AT}+00:60",
            f"{AT}Z+01:00",
            f"{AT}-99:99",
        ),
        *("9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00", "9999-12-31T24:00:00", "2026-W48-4T12:00:00"),
        *(f"{'9' * 5000}-01-01T00:00:00", "now", "1764158400", f"{AT} +01:00", f"{AT},5", f"{AT}\u00a0"),
    ],
)
def test_what_is_no_time(text: str) -> None:
    not_asked("ConfirmGP", f"<atTime>{text}</atTime>")


@pytest.mark.parametrize(("text", "value"), [("true", True), ("1", True), (" false ", False), ("0", False)])
def test_a_boolean(text: str, value: bool) -> None:
    inside = f"<includePatientData>{text}</includePatientData>"
    assert asked("GetPatientGPHistory", inside)["includePatientData"] is value


@pytest.mark.parametrize("text", ["", "TRUE", "True", "yes", "2", "-1", "on", "truefalse", "０"])
def test_what_is_no_boolean(text: str) -> None:
    not_asked("GetPatientGPHistory", f"<includePatientData>{text}</includePatientData>")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("<![CDATA[<&>]]>", "<&>"),
        ("0101<!-- a comment -->90", "010190"),
        ("&lt;x/&gt;", "<x/>"),
        ("０１０１９０", "０１０１９０"),  # no national id, which the register answers, not the reader
        ("", ""),
        (" 1\r\n2 ", " 1\n2 "),
        ("&#13;", "\r"),
    ],
)
def test_a_string(text: str, value: str) -> None:
    assert asked("GetPatientGPDetails", f"<patientNin>{text}</patientNin>") == {"patientNin": value}


XI = '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd" parse="text"/>'
NIL = 'xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"'


@pytest.mark.parametrize(
    "inside",
    [
        f"<patientNin>{XI}</patientNin>",
        XI,
        f"<patientNin>{INVALID}</patientNin><patientNin>{INVALID}</patientNin>",
        f"<patientNin>{INVALID}</patientNin><hprNumber>1</hprNumber>",
        f'<patientNin xmlns="urn:other">{INVALID}</patientNin>',
        f"<PatientNin>{INVALID}</PatientNin>",
        f"{INVALID}",
        f"<patientNin>&nbsp;{INVALID}</patientNin>",
        f"<patientNin>{INVALID}&#0;</patientNin>",
        f"<patientNin>{INVALID}&#xD800;</patientNin>",
        f"<patientNin>{INVALID}\x00</patientNin>",
        f"<patientNin>{INVALID}\x1b</patientNin>",
        f"<patientNin {NIL}>{INVALID}</patientNin>",
        f"<patientNin a='1' a='2'>{INVALID}</patientNin>",
        f"<patientNin><?php {INVALID} ?></patientNin>",
        f"<patientNin>{INVALID}</patientNin >]]>",
        f"<patientNin>{'<a>' * 5000}{'</a>' * 5000}</patientNin>",
    ],
)
def test_what_is_no_parameter(inside: str) -> None:
    not_asked("GetPatientGPDetails", inside, telling=INVALID)


def test_a_parameter_that_is_nil_or_absent_is_none() -> None:
    for inside in ("", f"<patientNin {NIL}/>", f"<patientNin {NIL}></patientNin>"):
        assert asked("GetPatientGPDetails", inside) == {"patientNin": None}
