"""What a registered client is, and what must hold of one. A hash shows in no repr and no error."""

import math
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from lookup.access.caller import Caller, Limits
from lookup.access.roles import Role
from register.ids import is_organization_number, mask

SALT_BYTES, HASH_BYTES = 16, 32
MAX_PASSWORDS = 2
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
TOKEN_CLIENT = re.compile(r"[\x21-\x7e]{1,256}")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")

Moment = Annotated[datetime, Meta(tz=True)]


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the file. It has no repr of its members: a hash is in no log and no traceback."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class Password(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """One password that is taken, as scrypt makes it with the client's salt; `until` is the end of an older one."""

    scrypt: Annotated[bytes, Meta(min_length=HASH_BYTES, max_length=HASH_BYTES)]
    until: Moment | None = None


class Certificate(_Part, frozen=True, kw_only=True):
    """One certificate that is taken: the SHA-256 of its DER, and when it ends, or is to be taken no longer."""

    sha256: str
    until: Moment


class Client(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """One client. `organization` and `unit` are organisation numbers, parent and child.

    `roles` are for its passwords and certificates: a token brings its own. `token_client` is the client id in such
    tokens; who registers it gives them these limits and this `protected`, and can disable them.
    """

    name: str
    organization: int
    unit: int | None = None
    roles: frozenset[Role] = frozenset()
    protected: bool = False
    limits: Limits = Limits()
    disabled: bool = False
    created: Moment
    salt: Annotated[bytes, Meta(min_length=SALT_BYTES, max_length=SALT_BYTES)] | None = None
    passwords: tuple[Password, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    token_client: str | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for the first thing that must hold and does not."""
        for must_hold, what in _rules(self):
            if not must_hold:
                raise ValueError(what)

    def __repr__(self) -> str:
        return f"<Client {self.name}>"

    def caller(self, kind: str, until: datetime | None) -> Caller:
        """Who has shown a password or certificate of this client, which is taken until then."""
        return Caller(
            client=self.name,
            kind=kind,
            roles=self.roles,
            protected=self.protected,
            organization=self.organization,
            unit=self.unit,
            expires=math.inf if until is None else until.timestamp(),
            limits=self.limits,
        )


def _rules(client: Client) -> Iterator[tuple[bool, str]]:
    yield NAME.fullmatch(client.name) is not None, "name: 1 to 64 of letters, digits, dot, hyphen and underscore"
    yield mask(client.name) == client.name, "name: it is shaped like a national id"
    for what, number in (("organization", client.organization), ("unit", client.unit)):
        there = number is None or (number > 0 and is_organization_number(number))
        yield there, f"{what}: not an organisation number (nine digits with a control digit)"
    limits = client.limits
    yield min(limits.requests_per_second, limits.persons_per_day) >= 0, "limits: none is below 0"
    yield 0 <= limits.unknown_share <= 1, "limits: unknown_share is from 0 to 1"
    yield len(client.passwords) <= MAX_PASSWORDS, "passwords: two at most, while rotating"
    yield bool(client.passwords) <= (client.salt is not None), "salt: passwords need one"
    yield all(_FINGERPRINT.fullmatch(one.sha256) for one in client.certificates), "sha256: not 64 hexadecimal digits"
    yield len({one.sha256 for one in client.certificates}) == len(client.certificates), "certificates: one stands twice"
    token = client.token_client
    yield token is None or TOKEN_CLIENT.fullmatch(token) is not None, "token_client: 1 to 256 visible ASCII characters"
    yield token is None or mask(token) == token, "token_client: it is shaped like a national id"
    local = bool(client.passwords or client.certificates)
    yield local or token is not None, "a client has a password, a certificate or a token_client"
    yield (
        local == bool(client.roles),
        "roles: who has a password or a certificate needs one, and nobody else: tokens bring their own",
    )
