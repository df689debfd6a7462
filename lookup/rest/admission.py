"""What the OpenAPI page says of who may ask: made from the table of operations and roles."""

from dataclasses import dataclass
from typing import Any

from litestar.openapi.spec import Components, Operation, SecurityScheme

from lookup.access.roles import OPERATIONS, Role

PROBLEMS = ("unauthenticated", "forbidden", "quota")
_ROWS = {row.name: row for row in OPERATIONS}
SCHEMES = Components(
    security_schemes={
        "basic": SecurityScheme(type="http", scheme="Basic", description="a registered client's name and password"),
        "bearer": SecurityScheme(
            type="http", scheme="Bearer", bearer_format="JWT", description="an access token; its scopes give the roles"
        ),
        "dpop": SecurityScheme(
            type="http", scheme="DPoP", description="an access token bound to a key, with a proof in DPoP (RFC 9449)"
        ),
        "certificate": SecurityScheme(
            type="mutualTLS", description="a registered client's certificate, which a trusted proxy asserts"
        ),
    }
)


def problems(name: str) -> tuple[str, ...]:
    """What an operation answers whom it does not admit."""
    return PROBLEMS if name in _ROWS else ()


def security(name: str) -> list[dict[str, list[str]]] | None:
    """The credentials that an operation takes: any one of them. None for what answers anybody."""
    return [{scheme: []} for scheme in SCHEMES.security_schemes or ()] if name in _ROWS else None


def admits(name: str) -> str:
    """Whom an operation admits, in a sentence."""
    row = _ROWS.get(name)
    if row is None:
        return "For anybody."
    text = f"For clients with one of the roles {_listed(row.roles)}"
    return (
        f"{text}; on contracts of its own organisation or unit, {_listed(row.own_unit)} too."
        if row.own_unit
        else f"{text}."
    )


def _listed(some: frozenset[Role]) -> str:
    return ", ".join(role for role in Role if role in some)


def saying(kind: type[Operation], name: str) -> type[Operation]:
    """An operation of this kind whose description also says whom it admits."""

    @dataclass
    class Admitting(kind):  # type: ignore[misc, valid-type]
        def __post_init__(self) -> None:
            before: Any = getattr(super(), "__post_init__", None)
            if before is not None:
                before()
            page: Any = self
            page.description = f"{page.description or ''}\n\n{admits(name)}".strip()

    return Admitting
