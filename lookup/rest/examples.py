"""The examples on the OpenAPI page. Everybody in them is invented; the national id is of the synthetic series."""

from typing import Any

NIN = "01810012381"
_OSLO = {"code": "0301", "name": "Oslo"}
OFFICE: dict[str, Any] = {
    "organizationNumber": 999999999,
    "herId": 81234,
    "name": "Storgata legesenter",
    "addresses": [
        {
            "type": "RES",
            "streetAddress": "Storgata 1",
            "postbox": None,
            "postalCode": "0155",
            "city": "Oslo",
            "municipality": _OSLO,
            "country": "NO",
        }
    ],
    "electronicAddresses": [{"type": "E_TLF", "address": "22000000"}],
}
CONTRACT: dict[str, Any] = {"id": 123, "name": None, "status": "FAAA", "municipality": _OSLO}
_KARI = {"firstName": "Kari", "middleName": None, "lastName": "Lie"}
_PERIOD = {"from": "2019-05-01T00:00:00", "to": None}
_MEMBERSHIP = {"from": "2020-01-01T00:00:00", "to": None, "beginCode": "BGVA"}
ASSIGNED: dict[str, Any] = {
    "status": "assigned",
    "herId": 4657988,
    "gp": {"hprNumber": 7654321, "herId": 4657988, **_KARI, **_PERIOD},
    "sharedWith": [],
    "substitutes": [
        {
            "hprNumber": 7000001,
            "herId": None,
            "firstName": "Per",
            "middleName": None,
            "lastName": "Vik",
            "substituteForHprNumber": 7654321,
            "from": "2026-11-01T00:00:00",
            "to": "2026-12-01T00:00:00",
        }
    ],
    "contract": CONTRACT,
    "office": OFFICE,
    "membership": _MEMBERSHIP,
}
NONE: dict[str, Any] = {
    "status": "none",
    "herId": None,
    "gp": None,
    "sharedWith": [],
    "substitutes": [],
    "contract": None,
    "office": None,
    "membership": None,
}
_CYCLE = {
    "id": 9001,
    "relationship": "LPFL",
    "hprNumber": 7654321,
    "herId": 4657988,
    **_KARI,
    "substituteForHprNumber": None,
    **_PERIOD,
}
HISTORY = {
    "memberships": [
        {
            "id": 55001,
            **_MEMBERSHIP,
            "endCode": None,
            "updated": "2020-01-01T00:00:00",
            "contract": CONTRACT,
            "office": OFFICE,
            "doctors": [_CYCLE],
        }
    ]
}
OFFICE_CONTRACT: dict[str, Any] = {
    "id": 123,
    "herId": None,
    "name": None,
    "status": "FAAA",
    "municipality": _OSLO,
    "coopMunicipalities": [],
    "maxPatients": 1000,
    "placesAvailable": 12,
    "patientsOnWaitingList": 0,
    "participatesOnCommonList": False,
    "isFixedSalary": False,
    "requiresMembership": None,
    "agreementDate": "2019-04-01T00:00:00",
    **_PERIOD,
    "endReason": None,
    "teamId": None,
    "updated": "2026-01-01T00:00:00",
    "doctorCycles": [_CYCLE],
}
CONTRACT_ANSWER = {**OFFICE_CONTRACT, "outposts": [], "office": OFFICE}
HER = {
    "kind": "gp",
    "herId": 4657988,
    "current": True,
    "parent": {"herId": 81234, "organizationNumber": 999999999, "name": "Storgata legesenter"},
    "gp": {"hprNumber": 7654321, **_KARI},
    "contracts": [OFFICE_CONTRACT],
    "office": OFFICE,
}
GP = {
    "hprNumber": 7654321,
    **_KARI,
    "languages": [{"code": "no", "name": "Norsk"}],
    "contracts": [
        {
            "contract": CONTRACT,
            "office": OFFICE,
            "relationship": "LPFL",
            "herId": 4657988,
            "substituteForHprNumber": None,
            **_PERIOD,
        }
    ],
}
PATIENTS = {
    "contractId": 123,
    "at": "2026-11-23T10:00:00",
    "patients": [{"nin": NIN, **_MEMBERSHIP, "membershipId": 55001}],
    "count": 1,
    "withheld": 0,
}
LATEST: dict[str, Any] = {"position": "42.2.0a1b2c3d", "serial": 42}
EVENTS = {
    "events": [
        {
            "position": "42.1.5f9e04c7",
            "event": "PatientOnContractCreated",
            "time": "2026-11-23T03:00:00+01:00",
            "body": {
                "id": 55001,
                "nin": NIN,
                "contractId": 123,
                "from": "2026-11-23T00:00:00",
                "to": None,
                "beginCode": "BGVA",
                "endCode": None,
                "updated": "2026-11-22T09:30:00",
            },
        },
    ],
    "next": LATEST["position"],
    "more": False,
    "withheld": 1,
}
STATUS = {
    "serial": 42,
    "digest8": "0a1b2c3d",
    "asOf": "2026-11-23T03:00:00+01:00",
    "ageSeconds": 25200,
    "source": "synthetic",
    "pinned": False,
    "counts": {"persons": 5600000, "contracts": 15000},
    "contentDigest": "00000000000000000000000000000000",
    "builtAt": "2026-11-23T03:05:00+01:00",
    "compiled": True,
}
