"""Whose tokens are taken: the issuers file, in TOML or JSON.

What a token must be to be taken is lookup/access/token.py's to check; here is what the operator says of its issuer.
A file that is wrong in any way is refused as a whole, with the issuer and the member that are wrong: a service does
not start with half of its access rules.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from lookup.access.caller import Limits
from lookup.access.roles import Role

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
SCOPES = {
    "helseid": {
        "nhn:flr/lookup": Role.LOOKUP,
        "nhn:flr/read": Role.READ,
        "nhn:flr/patientlist": Role.ALL_PATIENTS,
        "nhn:flr/export": Role.EXPORT,
    },
    "maskinporten": {"nhn:flr/export": Role.EXPORT},
}
# of a token's header, in small letters and without "application/"
TYPES = {"helseid": ("at+jwt", "jwt"), "maskinporten": ("at+jwt", "jwt", "")}
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

Kind = Literal["helseid", "maskinporten"]
Text = Annotated[str, Meta(min_length=1, max_length=500)]


class IssuersError(ValueError):
    """The issuers file is not in order; the message tells the file and the place."""


class Issuer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One issuer, as it stands in the file. docs/security.md tells what each member means."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
    kind: Kind
    issuer: Text
    jwks_url: str | None = None
    jwks_file: str | None = None
    audience: Annotated[tuple[Text, ...], Meta(min_length=1)] = ("nhn:flr",)
    audience_required: bool = True
    sole_audience: bool = True
    algorithms: Annotated[tuple[str, ...], Meta(min_length=1)] = ALGORITHMS
    types: tuple[str, ...] | None = None
    scopes: dict[Text, Role] | None = None
    protected: bool | None = None
    dpop: Literal["optional", "required"] = "optional"
    limits: Limits = Limits()

    @property
    def roles(self) -> dict[str, Role]:
        """What each scope opens."""
        return SCOPES[self.kind] if self.scopes is None else self.scopes

    @property
    def header_types(self) -> tuple[str, ...]:
        """What `typ` may be; "" is none at all."""
        return TYPES[self.kind] if self.types is None else self.types

    @property
    def sees_protected(self) -> bool:
        """Whether its clients have the right `protected`: clinical ones do."""
        return self.kind == "helseid" if self.protected is None else self.protected


def read_issuers(path: Path) -> tuple[Issuer, ...]:
    """The issuers that a file names: `[[issuer]]` tables, or {"issuer": [...]}. Raises IssuersError.

    A `jwks_file` that is not absolute is beside the issuers file.
    """
    try:
        data = path.read_bytes()
        values = msgspec.json.decode(data) if path.suffix == ".json" else tomllib.loads(data.decode())
    except OSError as error:
        raise IssuersError(f"{path}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.DecodeError) as error:
        raise IssuersError(f"{path}: {error}") from None
    issuers = values.get("issuer") if isinstance(values, dict) and set(values) <= {"issuer"} else None
    if not isinstance(issuers, list) or not issuers:
        raise IssuersError(f"{path}: must hold issuers ([[issuer]]), at least one, and nothing else")
    found = tuple(_issuer(f"{path}: issuer {place}", value, path.parent) for place, value in enumerate(issuers, 1))
    for member in ("name", "issuer"):
        told = [getattr(issuer, member) for issuer in found]
        for place, value in enumerate(told):
            if value in told[:place]:
                raise IssuersError(f"{path}: issuer {place + 1}: {member} {value!r} is that of another issuer, too")
    return found


def _issuer(where: str, value: Any, folder: Path) -> Issuer:
    if isinstance(value, dict) and isinstance(value.get("name"), str):
        where += f" ({value['name']})"
    try:
        issuer = msgspec.convert(value, Issuer)
    except msgspec.ValidationError as error:
        raise IssuersError(f"{where}: {error}") from None
    for wrong in _faults(issuer):
        raise IssuersError(f"{where}: {wrong}")
    if issuer.jwks_file is not None:
        issuer = msgspec.structs.replace(issuer, jwks_file=str(folder / issuer.jwks_file))
    return issuer


def _faults(issuer: Issuer) -> list[str]:
    wrong = [
        f"algorithms: {name!r} is none of {', '.join(ALGORITHMS)}"
        for name in issuer.algorithms
        if name not in ALGORITHMS
    ]
    if (issuer.jwks_url is None) == (issuer.jwks_file is None):
        wrong.append("jwks_url or jwks_file: one of them must be given")
    if issuer.jwks_url is not None and not fetchable(issuer.jwks_url):
        wrong.append("jwks_url: must be an https URL (http to a loopback address)")
    if not issuer.roles:
        wrong.append("scopes: at least one must open something")
    wrong += [f"types: {kind!r} must be in small letters" for kind in issuer.header_types if kind != kind.lower()]
    return wrong


def fetchable(url: str) -> bool:
    """Whether keys may be fetched there: nobody on the way may change what says whom to believe."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or parts.username is not None or parts.fragment or not url.isascii() or not url.isprintable():
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)
