"""Who a verified credential is. Roles, quotas and the audit know callers, and nothing of credentials."""

import math

import msgspec

from lookup.access.roles import Role


class Refused(Exception):
    """A credential that is not taken.

    `why` is a fixed word for the counter and the log, never for the caller. `client` is the registered client whom the
    credential names, rightly or not.
    """

    def __init__(self, why: str, client: str | None = None) -> None:
        super().__init__(why)
        self.why, self.client = why, client


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client may ask at most; 0 is no limit."""

    requests_per_second: int = 0
    persons_per_day: int = 0
    unknown_share: float = 0.0  # of the numbers asked about in a day, once there are a few hundred


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """One verified credential. Its repr tells the client alone.

    `client` is a registered name, or the client id in a token. `organization` and `unit` are organisation numbers
    (parent and child); `pid` is the national id of the person behind the client, where a token says so: it goes into
    the audit as a keyed hash, and nowhere else. `expires` is in seconds since 1970. `key` is the thumbprint of the
    key that must sign every request (RFC 9449), or None.
    """

    client: str
    kind: str  # basic, bearer, dpop, maskinporten, certificate or page
    roles: frozenset[Role]
    protected: bool = False
    organization: int | None = None
    unit: int | None = None
    pid: str | None = None
    hpr_number: int | None = None
    expires: float = math.inf
    key: str | None = None
    limits: Limits = Limits()

    def __repr__(self) -> str:
        return f"<Caller {self.client}>"

    def registered(self, name: str, *, protected: bool, limits: Limits) -> "Caller":
        """The same, as a client of ours that is registered for its tokens."""
        return msgspec.structs.replace(self, client=name, protected=protected, limits=limits)
