"""What the tests of proofs share: for which token and request they are, and how one is asked about."""

from lookup.access.caller import Refused
from lookup.access.dpop import Bound
from tests.access.tokens import NOW

URLS = ("https://flr.example", "https://gateway.example:8443/flr/")
PATH = "/v1/gp-lookup"
URL = URLS[0] + PATH
TOKEN = b"a.token.of-somebody"


def why(bound: Bound, proof: bytes, *, method: str = "POST", path: str = PATH, now: float = NOW) -> str | None:
    try:
        bound.check(proof, method=method, path=path, now=now)
    except Refused as refused:
        return refused.why
    return None
