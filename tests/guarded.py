"""A service whose callers say themselves who they are: what the tests of access run, in the place of real credentials.

    python -m tests.guarded serve ...

The password of `Authorization: Test` is a caller in JSON: `client`, `roles`, and what else a Caller has; with
`refused` it is not taken, with `broken` its verifier fails, `seconds` is how long that takes. Every verification is a
line on standard error. `Signed` is the same for callers whose key must sign each request; a proof is the path that was
asked for. A certificate is taken from 127.0.0.1 when the setting FLR_TEST_PROXY is given.
"""

import asyncio
import base64
import json
import os
import sys
from typing import Any, ClassVar

import msgspec

from lookup import __main__ as command
from lookup import log as logging
from lookup.access.caller import Caller, Limits, Refused
from lookup.access.gate import Gate
from lookup.access.quota import Quotas
from lookup.access.roles import Role
from lookup.audit import recorder
from lookup.audit.keys import ready_keys
from lookup.settings import TABLE, Settings
from register.settings import read_settings

EVERYTHING = frozenset({Role.ADMINISTRATOR})


def credential(client: str, *roles: Role, scheme: str = "Test", **more: Any) -> str:
    """The field of a request's head that says who asks."""
    caller = {"client": client, "roles": list(roles), **more}
    return f"Authorization: {scheme} {base64.b64encode(msgspec.json.encode(caller)).decode()}"


async def _verify(shown: bytes, now: float) -> Caller:
    try:
        told = msgspec.json.decode(base64.b64decode(shown.rpartition(b" ")[2]))
    except ValueError:
        raise Refused("test") from None
    sys.stderr.write(json.dumps({"event": "verified", "client": told["client"]}) + "\n")
    sys.stderr.flush()
    await asyncio.sleep(told.get("seconds", 0))
    if "refused" in told:
        raise Refused("test")
    if "broken" in told:
        raise RuntimeError(told["client"])
    return Caller(
        client=told["client"],
        kind="basic",
        roles=frozenset(map(Role, told["roles"])),
        protected=told.get("protected", False),
        unit=told.get("unit"),
        organization=told.get("organization"),
        expires=now + told.get("lasts", 3600),
        key=told.get("key"),
        limits=msgspec.convert(told.get("limits", {}), Limits),
    )


class _Bound:
    """A proof is its key, the method and the path; and one with a number behind is good once."""

    used: ClassVar[set[bytes]] = set()

    def __init__(self, _: bytes, caller: Caller) -> None:
        self._key = caller.key

    def check(self, proof: bytes, *, method: str, path: str, now: float) -> None:
        told, _, number = proof.decode().partition("#")
        if told != f"{self._key} {method} {path}" or (number and proof in self.used):
            raise Refused("proof")
        self.used.add(proof)


class Credentials:
    """In the place of lookup.access.credentials.Credentials."""

    def __init__(self) -> None:
        self.gate = Gate(
            {"test": _verify, "signed": _verify},
            Quotas(),
            os.urandom(32),
            certificate=_verify,
            trusts=lambda address: "FLR_TEST_PROXY" in os.environ and address == "127.0.0.1",
            certificate_field=os.environ.get("FLR_PROXY_CERTIFICATE_HEADER", "Client-Cert"),
            bind=_Bound,
        )

    def begin(self) -> None: ...

    async def warm(self) -> None: ...

    def refresh(self) -> None: ...

    unfit = False


def protection(settings: Settings) -> tuple[Credentials, recorder.Recorder]:
    return Credentials(), recorder.Recorder(settings, ready_keys(settings.audit_keys)[0])


def main() -> int:
    recorder.REFUSALS_A_SECOND = sys.maxsize  # what two services record of the same is compared, however fast they are
    arguments = command.parser().parse_args()
    flags = {name: value for name, value in vars(arguments).items() if name in Settings.__struct_fields__}
    logging.configure()
    settings = read_settings(Settings, TABLE, os.environ, flags)
    return command.serve(settings, [], protection)  # type: ignore[arg-type]


if __name__ == "__main__":
    sys.exit(main())
