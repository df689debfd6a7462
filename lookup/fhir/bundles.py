"""The answers to searches: what matches, with what is always included, as one Bundle. No HTTP, no persons' numbers
but the one that is asked about.
"""

from collections.abc import Iterable

from lookup import shapes
from lookup.fhir import resources
from lookup.fhir.outcome import issue
from lookup.fhir.resources import OfContract
from lookup.fhir.shapes import AnyResource, Bundle, Entry, Link, OperationOutcome, Reference, Search
from register import codes

LISTED_GP = (codes.GP, codes.SHARED_LIST_DOCTOR)


def bundle(kind: str, matches: Iterable[AnyResource], included: Iterable[AnyResource], ignored: int) -> Bundle:
    """A searchset: each resource once, matches first. `ignored` is how many parameters were not heeded."""
    entries: dict[str, Entry] = {}
    for mode, some in (("match", matches), ("include", included)):
        for resource in some:
            url = resources.full_url(resource)
            search = Search(mode=mode)  # type: ignore[arg-type]
            entries.setdefault(url, Entry(full_url=url, resource=resource, search=search))
    total = sum(entry.search.mode == "match" for entry in entries.values())
    self = Link(relation="self", url=f"{kind}/_search")
    return Bundle(type="searchset", total=total, link=[self], entry=[*entries.values(), *_unheeded(ignored)])


def _unheeded(ignored: int) -> list[Entry]:
    if not ignored:
        return []
    told = issue("not-supported", "Parameters were not heeded", f"{ignored} of the search's parameters", "warning")
    return [Entry(resource=OperationOutcome(issue=[told]), search=Search(mode="outcome"))]


def of_patient(nin: int, on: OfContract | None, ignored: int) -> Bundle:
    """A known person, on a list or on none."""
    person = resources.patient(nin, [] if on is None else _general_practitioners(on))
    return bundle("Patient", [person], [] if on is None else _of_list(on), ignored)


def _general_practitioners(on: OfContract) -> list[Reference]:
    """The GP first, then who shares the list; of a list without a GP, the service or office that has it, first."""
    cycles = on.contract.doctor_cycles
    doctors = [resources.to_role(cycle, on.office) for cycle in cycles if cycle.relationship in LISTED_GP]
    return doctors if _has_gp(on) else [_without_gp(on), *doctors]


def _has_gp(on: OfContract) -> bool:
    return any(cycle.relationship == codes.GP for cycle in on.contract.doctor_cycles)


def _without_gp(on: OfContract) -> Reference:
    her_id = on.contract.her_id
    if her_id is None:
        return resources.to_office(on.office, resources.WITHOUT_GP)
    return resources.to_service(on.contract, her_id, on.office)


def _of_list(on: OfContract) -> list[AnyResource]:
    """Everything about a list: its doctors, substitutes too, its service where it has no GP, its office."""
    out: list[AnyResource] = [resources.role(cycle, on.office) for cycle in on.contract.doctor_cycles]
    out += map(resources.practitioner, on.contract.doctor_cycles)
    if on.contract.her_id is not None and not _has_gp(on):
        out.append(resources.service(on.contract, on.contract.her_id, on.office))
    return [*out, resources.organization(on.office)]


def of_roles(found: Iterable[tuple[shapes.DoctorCycle, shapes.Office]], ignored: int) -> Bundle:
    """Doctor cycles in force, with their doctors and offices."""
    pairs = list(found)
    roles = [resources.role(cycle, office) for cycle, office in pairs]
    doctors = [resources.practitioner(cycle) for cycle, _ in pairs]
    return bundle("PractitionerRole", roles, [*doctors, *(resources.organization(o) for _, o in pairs)], ignored)
