"""Who asked, as it stands in the audit: the caller, told once in a segment. A national id in it is a keyed hash."""

import msgspec

from lookup.access.caller import Caller
from lookup.audit.keys import Keys
from lookup.audit.record import hash_of
from lookup.key import NOT_AN_ID, parse


class Who(msgspec.Struct, frozen=True, omit_defaults=True):
    """One caller. `pid` is the keyed hash of the number of the person behind it, `pid_key` the version of the key."""

    client: str
    kind: str = ""
    roles: tuple[str, ...] = ()
    organization: int | None = None
    unit: int | None = None
    hpr_number: int | None = None
    pid: str | None = None
    pid_key: int | None = None
    protected: bool = False


def text_of(caller: Caller, keys: Keys) -> bytes:
    """What `Ledger.who` takes for a caller."""
    nin = NOT_AN_ID if caller.pid is None else parse(caller.pid)
    known = nin != NOT_AN_ID
    return _encoder.encode(
        Who(
            client=caller.client[:256],
            kind=caller.kind,
            roles=tuple(sorted(caller.roles)),
            organization=caller.organization,
            unit=caller.unit,
            hpr_number=caller.hpr_number,
            pid=hash_of(nin, keys.newest).hex() if known else None,
            pid_key=keys.version if known else None,
            protected=caller.protected,
        )
    )


def who_of(text: bytes) -> Who:
    """The caller of a text. Raises msgspec.DecodeError."""
    return _decoder.decode(text)


_encoder, _decoder = msgspec.json.Encoder(), msgspec.json.Decoder(Who)
