"""What the OpenAPI page says of each route: shapes, examples and problems, as the arguments of its decorator.

The examples are of invented persons; their national ids are of the synthetic series.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import (
    Example,
    OpenAPIMediaType,
    OpenAPIType,
    Operation,
    Parameter,
    Reference,
    RequestBody,
    Schema,
)

from lookup import shapes
from lookup.ops.state import OpsState
from lookup.problems import MEDIA_TYPE, PROBLEMS, URN
from lookup.public_list import ListedContract
from lookup.rest import admission, examples

BODY = ("invalid-request", "too-large", "unsupported-media-type")
QUERY = ("invalid-request", "unready")

_NIN = Schema(
    type=OpenAPIType.STRING,
    pattern="^[0-9]{11}$",
    description="national id: fødselsnummer, D-number or FH-number; an old number of a person answers as the new one",
)
_AT = Schema(
    type=[OpenAPIType.STRING, OpenAPIType.NULL],
    description="a moment: Norwegian wall-clock time, or with Z or an offset; unless given, now",
    examples=["2026-11-23T10:00:00"],
)
_HPR = Schema(type=OpenAPIType.INTEGER, minimum=1, maximum=999_999_999, description="HPR number of the doctor")


def _problems(words: tuple[str, ...]) -> dict[int, ResponseSpec]:
    """The problem responses of these words, by status."""
    by_status: dict[int, list[str]] = {}
    for word in words:
        by_status.setdefault(PROBLEMS[word][0], []).append(word)
    return {
        status: ResponseSpec(
            data_container=shapes.Problem,
            generate_examples=False,
            description="; ".join(PROBLEMS[word][1] for word in some),
            media_type=MEDIA_TYPE,
            examples=[
                Example(summary=word, value={"type": URN + word, "title": PROBLEMS[word][1], "status": status})
                for word in some
            ],
        )
        for status, some in by_status.items()
    }


def _kept(value: Any) -> msgspec.Raw:
    """An example as ready JSON: the framework would leave out members that are null."""
    return msgspec.Raw(msgspec.json.encode(value))


def _route(
    name: str,
    tag: str,
    summary: str,
    shape: type[shapes.Shape] | None,
    problems: tuple[str, ...] = (),
    *,
    media_type: str = "application/json",
    operation: type[Operation] = Operation,
    **answers: Any,
) -> dict[str, Any]:
    ok = ResponseSpec(
        data_container=bytes if shape is None else shape,
        generate_examples=False,
        description="The answer",
        media_type=media_type,
        examples=[Example(summary=name, value=_kept(value)) for name, value in answers.items()] or None,
    )
    words = dict.fromkeys((*problems, *admission.problems(name), "method-not-allowed", "internal"))
    responses = {200: ok, **_problems(tuple(words))}
    return {
        "operation_id": name,
        "tags": [tag],
        "summary": summary,
        "responses": responses,
        "security": admission.security(name),
        "operation_class": admission.saying(operation, name),
    }


def _body(name: str, required: list[str], properties: Mapping[str, Schema], **asked: Any) -> type[Operation]:
    """An operation with this request body, which the framework cannot see because the body is read raw.

    `asked` are examples; the answer's example of the same name is what each is answered.
    """
    schema = Schema(
        type=OpenAPIType.OBJECT, title=name, required=required, properties=dict(properties), additional_properties=False
    )
    shown: dict[str, Example | Reference] = {name: Example(value=value) for name, value in asked.items()}
    body = RequestBody(content={"application/json": OpenAPIMediaType(schema=schema, examples=shown)}, required=True)

    @dataclass
    class WithBody(Operation):
        def __post_init__(self) -> None:
            self.request_body = body

    return WithBody


def _query(*parameters: Parameter, **asked: int) -> type[Operation]:
    """An operation with these query parameters, which are read and checked by hand.

    `asked` are examples of the number in the path; the answer's example of the same name is what each is answered.
    """

    @dataclass
    class WithQuery(Operation):
        def __post_init__(self) -> None:
            paths = [p for p in self.parameters or [] if isinstance(p, Parameter)]
            for path in paths:
                path.schema = _PATH_NUMBER
                path.examples = {name: Example(value=number) for name, number in asked.items()}
            self.parameters = [*paths, *parameters]

    return WithQuery


_PATH_NUMBER = Schema(type=OpenAPIType.INTEGER)
_AT_QUERY = Parameter(
    name="at",
    param_in="query",
    required=False,
    schema=Schema(type=OpenAPIType.STRING, examples=["2026-11-23T10:00:00"]),
    description="a moment: Norwegian wall-clock time, or with Z or an offset",
)
_PATIENT_DATA = Parameter(
    name="includePatientData",
    param_in="query",
    required=False,
    schema=Schema(type=OpenAPIType.BOOLEAN, default=False),
    description="give each patient's names, birth date, sex and (unless protected) addresses",
)
_AFTER = Parameter(
    name="after",
    param_in="query",
    required=True,
    schema=Schema(type=OpenAPIType.STRING, examples=[examples.POSITION]),
    description="the position to go on from: that of an event, of a page's next, or of /v1/events/latest",
)
_LIMIT = Parameter(
    name="limit",
    param_in="query",
    required=False,
    schema=Schema(type=OpenAPIType.INTEGER, minimum=1, maximum=1000, default=100),
    description="how many events to look at, those that are left out included",
)
_MUNICIPALITY, _PAGE, _PAGE_SIZE, _FORMAT = (
    Parameter(name=name, param_in="query", required=False, schema=schema, description=description)
    for name, schema, description in (
        ("municipality", Schema(type=OpenAPIType.STRING, examples=["0301"]), "only those of a municipality"),
        ("page", Schema(type=OpenAPIType.INTEGER, minimum=1), "a page, from 1; the answer links to the others"),
        ("pageSize", Schema(type=OpenAPIType.INTEGER, minimum=1, maximum=10_000, default=1000), "contracts a page"),
        ("format", Schema(type=OpenAPIType.STRING, enum=["json", "ndjson"]), "an array, or a contract a line"),
    )
)
_PERSON = (*BODY, "invalid-nin", "unknown-person", "unready", "audit-unavailable")
PERSONS, REVERSE, LISTS, OPERATION = "Persons", "GPs, contracts, offices", "Patient lists", "Operation"
FEED = "Change feed"

_ASKED = {
    "assigned": {"nin": examples.NIN},
    "vacant": {"nin": examples.VACANT_NIN},
    "none": {"nin": examples.NONE_NIN},
    "withheld": {"nin": examples.WITHHELD_NIN},
}
GP_LOOKUP = _route(
    "gpLookup",
    PERSONS,
    "A person's GP",
    shapes.LookupAnswer,
    _PERSON,
    operation=_body("GpLookup", ["nin"], {"nin": _NIN, "at": _AT}, **_ASKED),
    assigned=examples.ASSIGNED,
    vacant=examples.VACANT,
    none=examples.NONE,
    withheld=examples.WITHHELD,
)
GP_LOOKUP_BATCH = _route(
    "gpLookupBatch",
    PERSONS,
    "The GPs of up to 1000 persons",
    shapes.BatchAnswer,
    (*BODY, "unready", "audit-unavailable"),
    operation=_body(
        "GpLookupBatch",
        ["nins"],
        {"nins": Schema(type=OpenAPIType.ARRAY, items=_NIN, max_items=1000), "at": _AT},
        batch={"nins": [examples.NIN, examples.UNKNOWN_NIN, "1"], "at": "2026-11-23T10:00:00"},
    ),
    batch={
        "generation": 42,
        "results": [
            {"nin": examples.NIN, **examples.ASSIGNED},
            {"nin": examples.UNKNOWN_NIN, "status": "unknown"},
            {"nin": "1", "status": "invalid"},
        ],
    },
)
GP_CONFIRM = _route(
    "gpConfirm",
    PERSONS,
    "Whether a doctor is a person's GP",
    shapes.ConfirmAnswer,
    (*_PERSON, "forbidden"),
    operation=_body(
        "GpConfirm",
        ["nin", "hprNumber"],
        {"nin": _NIN, "hprNumber": _HPR, "at": _AT},
        confirmed={"nin": examples.NIN, "hprNumber": examples.HPR_NUMBER},
        notConfirmed={"nin": examples.NIN, "hprNumber": examples.SUBSTITUTE_HPR_NUMBER},
    ),
    confirmed={"confirmed": True},
    notConfirmed={"confirmed": False},
)
GP_HISTORY = _route(
    "gpHistory",
    PERSONS,
    "Every GP a person has had",
    shapes.HistoryAnswer,
    (*_PERSON, "forbidden"),
    operation=_body("GpHistory", ["nin"], {"nin": _NIN}, history={"nin": examples.NIN}),
    history=examples.HISTORY,
)
HER = _route(
    "her",
    REVERSE,
    "What a HER-ID is",
    shapes.HerAnswer,
    ("unknown-her-id", *QUERY),
    operation=_query(_AT_QUERY, gp=examples.HER_ID, service=examples.SERVICE_HER_ID, office=examples.OFFICE_HER_ID),
    gp=examples.HER,
    service=examples.SERVICE,
    office=examples.OFFICE_OWNER,
)
GPS = _route(
    "gp",
    REVERSE,
    "A doctor and the contracts",
    shapes.GpAnswer,
    ("unknown-gp", *QUERY),
    operation=_query(_AT_QUERY, gp=examples.HPR_NUMBER),
    gp=examples.GP,
)
CONTRACT = _route(
    "contract",
    REVERSE,
    "A contract with doctor cycles and office",
    shapes.ContractAnswer,
    ("unknown-contract", *QUERY),
    operation=_query(_AT_QUERY, contract=examples.CONTRACT_ID),
    contract=examples.CONTRACT_ANSWER,
)
CONTRACTS = _route(
    "contractsExport",
    LISTS,
    "All contracts, those of a municipality, or a page of either",
    list[ListedContract],  # type: ignore[arg-type]
    (*QUERY, "not-served-here"),
    operation=_query(_MUNICIPALITY, _PAGE, _PAGE_SIZE, _FORMAT),
    contracts=[examples.LISTED_CONTRACT],
)
OFFICE = _route(
    "officeContracts",
    REVERSE,
    "The contracts at an office",
    shapes.OfficeAnswer,
    ("unknown-office", *QUERY),
    operation=_query(_AT_QUERY, office=examples.ORGANIZATION_NUMBER),
    office=examples.OFFICE_ANSWER,
)
PATIENTS = _route(
    "contractPatients",
    LISTS,
    "The patients of a contract",
    shapes.PatientsAnswer,
    ("unknown-contract", *QUERY, "not-served-here", "audit-unavailable"),
    operation=_query(_AT_QUERY, _PATIENT_DATA, patients=examples.CONTRACT_ID),
    patients=examples.PATIENTS,
)
EVENTS = _route(
    "events",
    FEED,
    "What has happened behind a position",
    shapes.EventsAnswer,
    (*QUERY, "resync", "not-served-here", "audit-unavailable"),
    operation=_query(_AFTER, _LIMIT),
    events=examples.EVENTS,
)
EVENTS_LATEST = _route(
    "eventsLatest",
    FEED,
    "The newest position",
    shapes.LatestAnswer,
    ("unready", "not-served-here"),
    latest=examples.LATEST,
)
LIVEZ = _route("livez", OPERATION, "Whether the process is alive", shapes.Health, alive={"status": "alive"})
READYZ = _route(
    "readyz", OPERATION, "Whether the register can answer", shapes.Health, ("unready",), ready={"status": "ready"}
)
STATUS = _route(
    "status", OPERATION, "The generation in service", shapes.StatusAnswer, ("unready",), status=examples.STATUS
)
METRICS = _route(
    "metrics", OPERATION, "What Prometheus scrapes", None, media_type="text/plain; version=0.0.4; charset=utf-8"
)
OPS = _route("ops", OPERATION, "The operations page", None, media_type="text/html; charset=utf-8")
OPS_STATE = _route("opsState", OPERATION, "What the operations page shows", OpsState, ops=examples.OPS_STATE)
