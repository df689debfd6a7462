"""A hamlet as a full feed: every kind of patient that a consumer may ask about, at any time after 2020.

Three offices, of which one has no HER-ID and one nobody; eight lists: with one GP, shared, with a GP and a substitute,
and without a GP with one, two and no substitutes, and one that is over; the persons on them, and those on none.
"""

from pathlib import Path
from typing import Any

from register.ids import control_digits
from tests.loader import feeds
from tests.loader.feeds import Tables, number


def _numbered(nine: str) -> str:
    """The first national id that begins with nine digits, or those behind them."""
    for other in range(int(nine), int(nine) + 10):
        digits = control_digits(str(other))
        if digits:
            return f"{other}{digits}"
    raise AssertionError("no number in ten")


OFFICE, OFFICE_WITHOUT_HER_ID, PARENT = 123456785, 974760673, 974767880
OFFICE_HER_ID, ORPHAN_HER_ID = 80001, 80002
ORPHAN = 971525681  # an office that belongs to nothing, and has nobody
ALONE, SHARED, COVERED, ONE_SUBSTITUTE, TWO_SUBSTITUTES, NO_DOCTOR, ELSEWHERE, ENDED = range(11, 19)
ANNE, BERIT, CARL, DINA, EGIL, FRIDA = range(7001, 7007)
(
    ON_ALONE,
    ON_SHARED,
    ON_COVERED,
    ON_ONE_SUBSTITUTE,
    ON_TWO_SUBSTITUTES,
    ON_NO_DOCTOR,
    NOBODY,
    PROTECTED,
    RENUMBERED,
    OLD_NUMBER,
    ON_ELSEWHERE,
) = map(number, range(100, 111))
UNKNOWN = number(150)
INVALID = "12345678999"
# list -> its patients, by number
PATIENTS = {
    ALONE: sorted((ON_ALONE, PROTECTED, RENUMBERED)),
    SHARED: [ON_SHARED],
    COVERED: [ON_COVERED],
    ONE_SUBSTITUTE: [ON_ONE_SUBSTITUTE],
    TWO_SUBSTITUTES: [ON_TWO_SUBSTITUTES],
    NO_DOCTOR: [ON_NO_DOCTOR],
    ELSEWHERE: [ON_ELSEWHERE],
    ENDED: [],
}
SERVICES = {ONE_SUBSTITUTE: 90014, NO_DOCTOR: 90016, ENDED: 90018}  # list -> HER-ID of its service
# (list, doctor, relationship) -> HER-ID of the doctor there
HER_IDS: dict[tuple[int, int, str], int | None] = {
    (ALONE, ANNE, "LPFL"): 4001,
    (SHARED, BERIT, "LPFL"): 4002,
    (SHARED, CARL, "LPDL"): 4003,
    (COVERED, DINA, "LPFL"): 4004,
    (COVERED, EGIL, "LPVI"): 4005,
    (ONE_SUBSTITUTE, EGIL, "LPVI"): 4005,  # the same doctor at the same office
    (TWO_SUBSTITUTES, EGIL, "LPVI"): None,
    (TWO_SUBSTITUTES, CARL, "LPVI"): 4003,
    (ELSEWHERE, FRIDA, "LPFL"): 4006,
}
NAMES = {ANNE: "Anne", BERIT: "Berit", CARL: "Carl", DINA: "Dina", EGIL: "Egil", FRIDA: "Frida"}
DOCTOR_NINS = {hpr: number(120 + place) for place, hpr in enumerate(NAMES)} | {
    EGIL: _numbered("418101250"),  # a D-number
    FRIDA: _numbered("818101260"),  # an FH-number
}
LAST_NAME = "Ærlig & Sønn <Å>"  # a name that has to be escaped
GONE_HER_ID = 4099  # of a doctor who has left
LATER, UNTIL = "2018-01-01T00:00:00", "2016-01-01T00:00:00"  # when a second period begins; when what is over ended
_SINCE = {"from": "2015-01-01T00:00:00", "updated": "2020-02-03T04:05:06.78"}


def _address(kind: str, **members: Any) -> dict[str, Any]:
    place = {"city": "OSLO", "postalCode": "0159", "municipality": "0301", "country": "NO"}
    return {"type": kind, **place, "lastChanged": "2019-01-02T03:04:05", **members}


def _office(organization_number: int, name: str, **members: Any) -> dict[str, Any]:
    return {
        "organizationNumber": organization_number,
        "name": name,
        "municipality": "0301",
        "industries": [{"oid": 9040, "value": "FLK"}],
        "properties": [{"oid": 9040, "value": "FLK"}],
        "physicalAddresses": [
            _address("PST", postbox="Postboks 12", inherited=True),
            _address("RES", streetAddress="Storgata 1"),
        ],
        "electronicAddresses": [
            {"type": "E_TLF", "address": "22000000"},
            {
                "type": "E_EDI",
                "address": "kontoret@edi.example",
                "inherited": True,
                "lastChanged": "2018-02-14T10:25:02.45",
            },
        ],
        **_SINCE,
        **members,
    }


def _contract(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "herId": SERVICES.get(number),
        "officeOrganizationNumber": OFFICE_WITHOUT_HER_ID if number == ELSEWHERE else OFFICE,
        "municipality": "0301",
        "status": "FAAA",
        "maxPatients": 1000,
        "agreementDate": "2014-12-01T00:00:00",
        **_SINCE,
        "to": UNTIL if number == ENDED else None,
    }


def _cycles() -> list[dict[str, Any]]:
    cycles = [
        {
            "id": 200 + place,
            "contractId": contract,
            "hprNumber": hpr,
            "herId": her_id,
            "relationship": relationship,
            "substituteForHprNumber": DINA if (contract, relationship) == (COVERED, "LPVI") else None,
            "workingPercentage": 50,
            **_SINCE,
            "from": LATER if (contract, hpr) == (ONE_SUBSTITUTE, EGIL) else _SINCE["from"],
        }
        for place, ((contract, hpr, relationship), her_id) in enumerate(HER_IDS.items())
    ]
    gone = {"id": 299, "contractId": ALONE, "hprNumber": FRIDA, "herId": GONE_HER_ID, "relationship": "LPVI"}
    return [*cycles, {**gone, **_SINCE, "to": UNTIL}]


def _person(nin: str) -> dict[str, Any]:
    protection = "strengt-fortrolig" if nin == PROTECTED else None
    address = [_address("RES", streetAddress="Lillegata 2")]
    return {
        "nin": nin,
        "firstName": "Kim",
        "middleName": None,
        "lastName": LAST_NAME,
        "dateOfBirth": "1990-01-01",
        "sex": "1",
        "protection": protection,
        "physicalAddresses": address,
    }


def tables() -> Tables:
    """The feed's records."""
    patients = [(contract, nin) for contract, some in PATIENTS.items() for nin in some]
    doctors = [
        {
            "hprNumber": hpr,
            "nin": DOCTOR_NINS[hpr],
            "firstName": name,
            "middleName": "Mellom" if hpr == ANNE else None,
            "lastName": LAST_NAME,
            "dateOfBirth": None if hpr == BERIT else "1970-05-06",
            "sex": "2",
        }
        for hpr, name in NAMES.items()
    ]
    return {
        "codes": [
            {"oid": 3402, "value": "0301", "text": "Oslo"},
            {"oid": 9043, "value": "NO", "text": "Norge"},
            {"oid": 9040, "value": "FLK", "text": "Fastlegekontor"},
        ],
        "offices": [
            _office(
                OFFICE,
                "STORGATA LEGEKONTOR AS",
                displayName="Storgata legekontor",
                herId=OFFICE_HER_ID,
                lastChanged="2021-02-03T04:05:06",
                parentOrganizationNumber=PARENT,
                parentOrganizationName="Kommunen",
            ),
            _office(OFFICE_WITHOUT_HER_ID, "UTEN HER-ID"),
            _office(ORPHAN, "UTEN NOEN", herId=ORPHAN_HER_ID),
        ],
        "doctors": doctors,
        "contracts": [_contract(contract) for contract in PATIENTS],
        "doctor_cycles": _cycles(),
        "outposts": [],
        "teams": [],
        "persons": [_person(nin) for nin in (*(nin for _, nin in patients), NOBODY, *DOCTOR_NINS.values())],
        "nin_changes": [{"oldNin": OLD_NUMBER, "newNin": RENUMBERED, "changed": "2019-01-01T00:00:00"}],
        "memberships": [
            {"id": 500 + place, "nin": nin, "contractId": contract, "beginCode": "BGVA", **_SINCE}
            for place, (contract, nin) in enumerate(patients)
        ],
    }


def feed(folder: Path) -> Path:
    """Write the feed, and return its folder."""
    return feeds.write(folder, tables())
