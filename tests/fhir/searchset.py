"""An answer of the FHIR face, held against a FHIR model library, and taken apart."""

import json
import re
from collections import Counter
from typing import Any, NamedTuple

from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.operationoutcome import OperationOutcome

OID = "urn:oid:2.16.578.1.12.4.1"
FNR, HPR, HER, ORGANIZATION = f"{OID}.4.1", f"{OID}.4.4", f"{OID}.2", f"{OID}.4.101"
_ELEVEN = re.compile(r"(?<![0-9])[0-9]{11}(?![0-9])")


class Searchset(NamedTuple):
    """A Bundle: its resources as plain JSON by why they are in it, and each by its URL."""

    total: int
    matches: list[dict[str, Any]]
    included: list[dict[str, Any]]
    outcomes: list[dict[str, Any]]
    by_url: dict[str, dict[str, Any]]

    def kinds(self) -> Counter[str]:
        """How many are included of each kind."""
        return Counter(one["resourceType"] for one in self.included)

    def follow(self, reference: dict[str, Any]) -> dict[str, Any]:
        """The resource that a reference leads to: it is of the kind that is said, and has the number that is said."""
        found = self.by_url[reference["reference"]]
        assert found["resourceType"] == reference["type"]
        if "identifier" in reference:
            assert reference["identifier"] in found["identifier"]
        return found


def searchset(body: bytes, *, alone: bool = False) -> Searchset:
    """The Bundle of an answer. Every resource is valid, and (unless it may stand `alone`) every reference leads on."""
    answer = Bundle.model_validate_json(body).model_dump_json()
    plain = json.loads(body)
    assert json.loads(answer) == plain, "the model library has lost something"
    assert plain["type"] == "searchset"
    by_mode: dict[str, list[dict[str, Any]]] = {"match": [], "include": [], "outcome": []}
    by_url = {}
    for entry in plain.get("entry", []):
        by_mode[entry["search"]["mode"]].append(entry["resource"])
        if "fullUrl" in entry:
            assert entry["fullUrl"] == f"urn:uuid:{entry['resource']['id']}"
            assert entry["fullUrl"] not in by_url
            by_url[entry["fullUrl"]] = entry["resource"]
    found = Searchset(plain["total"], *by_mode.values(), by_url)
    assert found.total == len(found.matches)
    for resource in () if alone else by_url.values():
        _hold_together(found, resource)
    return found


def _hold_together(found: Searchset, part: Any) -> None:
    if isinstance(part, dict):
        if "reference" in part:
            found.follow(part)
        for value in part.values():
            _hold_together(found, value)
    elif isinstance(part, list):
        for value in part:
            _hold_together(found, value)


def identifiers(resource: dict[str, Any]) -> dict[str, str]:
    """A resource's numbers, by system."""
    return {one["system"]: one["value"] for one in resource.get("identifier", [])}


def outcome(body: bytes) -> tuple[str, str]:
    """(FHIR's code, our word) of the one issue of an OperationOutcome, which holds no number of a person."""
    (issue,) = OperationOutcome.model_validate_json(body).issue
    assert issue.severity == "error"
    assert not _ELEVEN.search(body.decode())
    (coding,) = issue.details.coding
    assert coding.system == "urn:flr:problem"
    return issue.code, coding.code
