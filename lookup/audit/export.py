"""The audit written out, a JSON object for each record: as it is, or as FHIR R4 AuditEvent (docs/audit-format.md).

Persons stay keyed hashes, named with the version of their key: whoever takes the export can count and compare them,
and only who has the key can tell who they are.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from lookup.access.roles import OPERATIONS
from lookup.audit.insight import operation_of, outcome_of, time_of
from lookup.audit.reading import NOBODY, Event, events, paths_of
from lookup.audit.record import OUTCOME, OUTCOMES, PROTECTED, READ, Subject
from lookup.audit.who import Who

OURS = "urn:fastlegeregisteret"
ORGANIZATION = "urn:oid:2.16.578.1.12.4.1.4.101"
HPR = "urn:oid:2.16.578.1.12.4.1.4.4"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
REFUSED = {OUTCOME[name] for name in ("unauthenticated", "forbidden", "too-many")}
FAILED = OUTCOME["failed"]


def export(places: Iterable[Path], *, fhir: bool) -> Iterator[bytes]:
    """A line for each disclosure and refusal. Raises Malformed, OSError."""
    shape = audit_event if fhir else plain
    for series, path in paths_of(places):
        for event in events(series, path):
            if event.record.kind == READ:
                yield _encoder.encode(shape(event)) + b"\n"


def plain(event: Event) -> dict[str, Any]:
    """A record as it is."""
    record = event.record
    return {
        "record": f"{event.series}/{event.number}/{record.sequence}",
        "time": time_of(record.time_ns),
        "who": msgspec.to_builtins(event.who) if event.who is not NOBODY else None,
        "operation": operation_of(record.operation),
        "outcome": outcome_of(record.outcome),
        "protected": bool(record.flags & PROTECTED),
        "generation": record.serial,
        "event_id": record.text.decode("utf-8", "replace") or None,
        "subjects": [
            {
                "hash": subject.hash.hex(),
                "key": subject.key_version,
                "outcome": outcome_of(subject.outcome),
                "protected": bool(subject.flags & PROTECTED),
            }
            for subject in record.subjects
        ],
        "intact": event.intact,
    }


def audit_event(event: Event) -> dict[str, Any]:
    """A record as a FHIR R4 AuditEvent."""
    record = event.record
    refused = record.outcome in REFUSED
    return {
        "resourceType": "AuditEvent",
        "id": f"{event.series}-{event.number}-{record.sequence}".replace(".", "-"),
        "type": _coding(f"{TERMINOLOGY}/audit-event-type", "rest", "RESTful Operation"),
        "subtype": [_coding(f"{OURS}:operation", operation_of(record.operation))],
        "action": "R" if _reads(record.operation) else "E",
        "recorded": time_of(record.time_ns),
        "outcome": "4" if refused else "8" if record.outcome == FAILED else "0",
        "outcomeDesc": outcome_of(record.outcome),
        "agent": _agents(event.who),
        "source": {
            "site": event.series,
            "observer": {"display": "Fastlegeregisteret"},
            "type": [_coding(f"{TERMINOLOGY}/security-source-type", "4", "Application Server")],
        },
        "entity": [*_about(event), *map(_person, record.subjects)],
    }


def _reads(operation: int) -> bool:
    return operation < len(OPERATIONS) and OPERATIONS[operation].method == "GET"


def _coding(system: str, code: str, display: str | None = None) -> dict[str, str]:
    return {"system": system, "code": code} | ({"display": display} if display else {})


def _identified(system: str, value: object) -> dict[str, Any]:
    return {"identifier": {"system": system, "value": str(value)}}


def _agents(who: Who) -> list[dict[str, Any]]:
    """Who asked: the client, its organisations, and the person behind it where that is known."""
    client = _identified(f"{OURS}:client", who.client) if who.client else {"display": "not authenticated"}
    roles = [{"coding": [_coding(f"{OURS}:role", role)]} for role in who.roles]
    agents: list[dict[str, Any]] = [{"who": client, "requestor": True} | ({"role": roles} if roles else {})]
    organizations = [number for number in (who.organization, who.unit) if number is not None]
    agents += [{"who": _identified(ORGANIZATION, number), "requestor": False} for number in organizations]
    if who.hpr_number is not None:
        agents.append({"who": _identified(HPR, who.hpr_number), "requestor": False})
    elif who.pid is not None:
        agents.append({"who": _identified(f"{OURS}:audit-subject:{who.pid_key}", who.pid), "requestor": False})
    return agents


def _about(event: Event) -> Iterator[dict[str, Any]]:
    """What was read besides persons: the register's generation, and under which event id."""
    record = event.record
    other = _coding(f"{TERMINOLOGY}/audit-entity-type", "4", "Other")
    if record.serial:
        yield {"what": _identified(f"{OURS}:generation", record.serial), "type": other}
    if record.text:
        yield {"what": _identified(f"{OURS}:event-id", record.text.decode("utf-8", "replace")), "type": other}


def _person(subject: Subject) -> dict[str, Any]:
    detail = [{"type": "outcome", "valueString": outcome_of(subject.outcome)}]
    entity: dict[str, Any] = {
        "what": _identified(f"{OURS}:audit-subject:{subject.key_version}", subject.hash.hex()),
        "type": _coding(f"{TERMINOLOGY}/audit-entity-type", "1", "Person"),
        "role": _coding(f"{TERMINOLOGY}/object-role", "1", "Patient"),
        "detail": detail,
    }
    if subject.flags & PROTECTED:
        entity["securityLabel"] = [{"coding": [_coding(f"{TERMINOLOGY}/v3-Confidentiality", "R", "restricted")]}]
    return entity


assert len(OUTCOMES) == len(OUTCOME)
_encoder = msgspec.json.Encoder()
