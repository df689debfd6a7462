"""What the tests of tokens and proofs share: a local issuer whose keys are in a file, and where time stands."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from bench.issuer import LocalIssuer
from lookup.access.caller import Caller, Refused
from lookup.access.issuers import Issuer
from lookup.access.token import Verifier

NOW = 1_790_000_000.25
KEY = "k" * 43  # the form of a thumbprint
T = TypeVar("T")


def bearer(token: bytes) -> bytes:
    return b"Bearer " + token


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


def issuer_of(local: LocalIssuer, folder: Path, **members: Any) -> Issuer:
    """The local issuer as it stands in an issuers file, its keys in a file."""
    file = folder / f"{local.keys[0].kid}.json"
    file.write_bytes(local.jwks())
    values = {"name": "local", "kind": local.kind, "issuer": local.name, "jwks_file": str(file), **members}
    return Issuer(**values)


def verified(issuer: Issuer, credential: bytes, now: float = NOW) -> Caller:
    """The caller, or Refused."""

    async def once() -> Caller:
        verifier = Verifier([issuer])
        try:
            return await verifier.verify(credential, now)
        finally:
            verifier.close()

    return run(once())


def why(issuer: Issuer, credential: bytes, now: float = NOW) -> str | None:
    """Why a credential is refused, or None."""
    try:
        verified(issuer, credential, now)
    except Refused as refused:
        return refused.why
    return None
