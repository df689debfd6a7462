"""The examples on the OpenAPI page. Everybody in them is invented; national ids are of the synthetic series.

`bench.norway.showcase` puts these persons into a register, `make demo` into its own: there each example is answered as
it says here, which tests/integrators/test_examples.py holds.
"""

from typing import Any

NIN, OLD_NIN = "02817099923", "01667099958"  # with a GP; the same person before
VACANT_NIN, NONE_NIN, WITHHELD_NIN = "15828599914", "03817099962", "04817099810"
UNKNOWN_NIN = "05817099930"  # of nobody
HPR_NUMBER, SUBSTITUTE_HPR_NUMBER = 10000101, 10000102
HER_ID, SUBSTITUTE_HER_ID, SERVICE_HER_ID, OFFICE_HER_ID = 9000011, 9000012, 9000020, 9000001
CONTRACT_ID, VACANT_CONTRACT_ID = 900001, 900002
ORGANIZATION_NUMBER = 999999999
_OSLO = {"code": "0301", "name": "Oslo"}
OFFICE: dict[str, Any] = {
    "organizationNumber": ORGANIZATION_NUMBER,
    "herId": OFFICE_HER_ID,
    "name": "Eksempelgata legekontor",
    "addresses": [
        {
            "type": "RES",
            "streetAddress": "Eksempelgata 1",
            "postbox": None,
            "postalCode": "0155",
            "city": "OSLO",
            "municipality": _OSLO,
            "country": "NO",
        }
    ],
    "electronicAddresses": [{"type": "E_TLF", "address": "22000000"}],
}
_KARI = {"firstName": "Kari", "middleName": None, "lastName": "Lie"}
_PER = {"firstName": "Per", "middleName": None, "lastName": "Vik"}
_GP_PERIOD = {"from": "2019-05-01T00:00:00", "to": None}
_PERIOD = {"from": "2020-01-01T00:00:00", "to": None}
_MEMBERSHIP = {**_PERIOD, "beginCode": "BGVA"}
_UPDATED = "2020-01-01T09:30:00"


def _contract(number: int) -> dict[str, Any]:
    return {"id": number, "name": None, "status": "FAAA", "municipality": _OSLO}


def _substitute(instead_of: int | None) -> dict[str, Any]:
    return {
        "hprNumber": SUBSTITUTE_HPR_NUMBER,
        "herId": SUBSTITUTE_HER_ID,
        **_PER,
        "substituteForHprNumber": instead_of,
        **_PERIOD,
    }


CONTRACT = _contract(CONTRACT_ID)
ASSIGNED: dict[str, Any] = {
    "status": "assigned",
    "herId": HER_ID,
    "gp": {"hprNumber": HPR_NUMBER, "herId": HER_ID, **_KARI, **_GP_PERIOD},
    "sharedWith": [],
    "substitutes": [_substitute(HPR_NUMBER)],
    "contract": CONTRACT,
    "office": OFFICE,
    "membership": _MEMBERSHIP,
}
VACANT: dict[str, Any] = {
    **ASSIGNED,
    "status": "vacant",
    "herId": SUBSTITUTE_HER_ID,
    "gp": None,
    "substitutes": [_substitute(None)],
    "contract": _contract(VACANT_CONTRACT_ID),
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
WITHHELD: dict[str, Any] = {**NONE, "status": "withheld"}


def _cycle(number: int, instead_of: int | None = None) -> dict[str, Any]:
    return {"id": number, "relationship": "LPVI", **_substitute(instead_of)}


_CYCLES = [
    {
        "id": 9000001,
        "relationship": "LPFL",
        "hprNumber": HPR_NUMBER,
        "herId": HER_ID,
        **_KARI,
        "substituteForHprNumber": None,
        **_GP_PERIOD,
    },
    _cycle(9000002, HPR_NUMBER),
]
_HAS = {"id": 9000000001, **_MEMBERSHIP}
HISTORY = {
    "memberships": [
        {**_HAS, "endCode": None, "updated": _UPDATED, "contract": CONTRACT, "office": OFFICE, "doctors": _CYCLES}
    ]
}
OFFICE_CONTRACT: dict[str, Any] = {
    "id": CONTRACT_ID,
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
    **_GP_PERIOD,
    "endReason": None,
    "teamId": None,
    "updated": _UPDATED,
    "doctorCycles": _CYCLES,
}
VACANT_CONTRACT: dict[str, Any] = {
    **OFFICE_CONTRACT,
    "id": VACANT_CONTRACT_ID,
    "herId": SERVICE_HER_ID,
    "maxPatients": 800,
    "placesAvailable": 40,
    "doctorCycles": [_cycle(9000003)],
}
CONTRACT_ANSWER = {**OFFICE_CONTRACT, "outposts": [], "office": OFFICE}
OFFICE_ANSWER = {"office": OFFICE, "contracts": [OFFICE_CONTRACT, VACANT_CONTRACT]}
HER: dict[str, Any] = {
    "kind": "gp",
    "herId": HER_ID,
    "current": True,
    "parent": {"herId": OFFICE_HER_ID, "organizationNumber": ORGANIZATION_NUMBER, "name": OFFICE["name"]},
    "gp": {"hprNumber": HPR_NUMBER, **_KARI},
    "contracts": [OFFICE_CONTRACT],
    "office": OFFICE,
}
SERVICE = {**HER, "kind": "service", "herId": SERVICE_HER_ID, "gp": None, "contracts": [VACANT_CONTRACT]}
OFFICE_OWNER = {**HER, **OFFICE_ANSWER, "kind": "office", "herId": OFFICE_HER_ID, "parent": None, "gp": None}
GP = {
    "hprNumber": HPR_NUMBER,
    **_KARI,
    "languages": [{"code": "nb", "name": "Bokmål"}],
    "contracts": [
        {
            "contract": CONTRACT,
            "office": OFFICE,
            "relationship": "LPFL",
            "herId": HER_ID,
            "substituteForHprNumber": None,
            **_GP_PERIOD,
        }
    ],
}
PATIENTS = {
    "contractId": CONTRACT_ID,
    "at": "2026-11-23T10:00:00",
    "patients": [{"nin": NIN, **_MEMBERSHIP, "membershipId": 9000000001}],
    "count": 1,
    "withheld": 1,
}
POSITION = "1.0.0a1b2c3d"  # of another register: a demo answers that it cannot go on from there, and from where it can
LATEST: dict[str, Any] = {"position": "42.2.0a1b2c3d", "serial": 42}
EVENTS = {
    "events": [
        {
            "position": "42.1.5f9e04c7",
            "event": "PatientOnContractCreated",
            "time": "2026-11-23T03:00:00+01:00",
            "body": {
                "id": 9000000001,
                "nin": NIN,
                "contractId": CONTRACT_ID,
                **_MEMBERSHIP,
                "endCode": None,
                "updated": _UPDATED,
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
OPS_STATE: dict[str, Any] = {
    "at": "2026-11-23T03:00:00+00:00",
    "host": "flr-1",
    "version": "0.1.0",
    "ok": False,
    "findings": [
        {
            "name": "FlrLoadFails",
            "level": "soon",
            "what": "The last load ended with 65: the feed is not whole.",
            "run": ["flr-loader status --data-dir /srv/flr/data"],
        }
    ],
    "generation": None,
    "folder": {
        "dataDir": "/srv/flr/data",
        "current": None,
        "pin": None,
        "generations": [],
        "refused": {},
        "before": None,
        "loadingSince": None,
    },
    "draining": False,
    "workers": [
        {"pid": 4711, "state": "ready", "generation": "42-0a1b2c3d", "since": "2026-11-23T02:06:00.000+00:00"},
    ],
    "workersWanted": 2,
    "restarts": 0,
    "failedSwaps": 0,
    "notServed": False,
    "fallback": False,
    "clientsUnfit": 0,
    "certificateDays": 61.5,
    "free": {"data": 250000000000, "audit": 80000000000},
    "now": None,
    "hour": [
        {
            "at": 1795402800.0,
            "seconds": 30.0,
            "requests": 231.4,
            "persons": 240.1,
            "failed": 0.0,
            "refused": 0.1,
            "p50": 0.00011,
            "p99": 0.0013,
        }
    ],
    "routes": [{"route": "/v1/gp-lookup", "requests": 220.3, "failed": 0, "refused": 2, "p50": 0.00011, "p99": 0.0012}],
    "routesSeconds": 300.0,
    "loads": [],
    "audit": {"folder": "/srv/flr/audit", "sync": "interval", "unavailable": 0, "spooling": 0, "spool": None},
    "clients": [
        {
            "name": "OrgUsr999999999",
            "requests": 12042,
            "numbers": 8011,
            "unknown": 12,
            "persons": 7804,
            "refused": {"requests": 0, "persons": 0, "unknown": 0},
            "used": 0.78,
            "limit": "persons a day",
        }
    ],
    "clientsRegistered": 31,
}

# one of GET /v1/contracts, in the shape of today's public list
_LISTED_OSLO = {"value": "301", "name": "Oslo"}
LISTED_CONTRACT: dict[str, Any] = {
    "id": CONTRACT_ID,
    "office": {
        "organizationNumber": ORGANIZATION_NUMBER,
        "legalName": "EKSEMPELGATA LEGEKONTOR AS",
        "displayName": OFFICE["name"],
        "phoneNumber": "22000000",
        "isGroupOffice": False,
        "addresses": [
            {
                "streetAddress": "Eksempelgata 1",
                "postalCode": 155,
                "city": "OSLO",
                "municipality": _LISTED_OSLO,
                "postalBox": None,
                "addressType": {"value": "RES", "name": "Besøksadresse"},
            }
        ],
        "municipality": _LISTED_OSLO,
    },
    "period": _GP_PERIOD,
    "doctorCycles": [
        {
            "id": 9000001,
            "relationship": {"value": "LPFL", "name": "Fastlege"},
            "doctor": {"hprNumber": HPR_NUMBER, **_KARI, "gender": {"value": "2", "name": "Kvinne"}},
            "period": _GP_PERIOD,
        },
        {
            "id": 9000002,
            "relationship": {"value": "LPVI", "name": "Vikar"},
            "doctor": {"hprNumber": SUBSTITUTE_HPR_NUMBER, **_PER, "gender": {"value": "1", "name": "Mann"}},
            "period": _PERIOD,
        },
    ],
    "municipality": _LISTED_OSLO,
    "maxNumberOfPatients": 1000,
    "numberOfVacantSpots": 12,
    "numberOfPatientsOnWaitingList": 0,
}
