"""What the check of a DPoP proof costs beside the mere signature check in it (ES256): the bar is 0.7 of its rate.

    python -m bench.dpop [--rounds 300] [--proofs 50] [--json]

One thread, every proof another one, made beforehand; "raw" verifies the very same signatures, in the library's own
form. The contenders take turns, in short rounds, and ratios are medians of the rounds' own: a machine drifts. With the
compiled memory of used proofs and the plain one; and through joserfc as its guide has it, for comparison.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from joserfc import jws
from joserfc.util import urlsafe_b64decode

import lookup._fast.replay
import lookup.access.replay
from bench.issuer import PUBLIC_URL, Client
from lookup.access.dpop import Bound, Proofs
from lookup.access.replay import SECRET_BYTES, ReplayMemory

PATH = "/v1/gp-lookup"
TOKEN = b"eyJ0eXAiOiJhdCtqd3QifQ." + b"x" * 900 + b"." + b"y" * 342
NOW = 1_790_000_000.0
MEMORY_OCTETS = 1 << 24
RAW = "raw signature check"


class Checks:
    """What a request pays."""

    def __init__(self, client: Client, seen: Callable[[ReplayMemory], Any]) -> None:
        self._client, self._seen = client, seen
        self._memory = ReplayMemory(MEMORY_OCTETS)
        for place in range(0, len(self._memory.words), 512):  # what a page costs the first time is no request's to pay
            self._memory.words[place] = 0

    def ready(self) -> Bound:
        """A token whose proofs have been met, and a memory with another secret: to it, the same proofs are new."""
        self._memory.secret = os.urandom(SECRET_BYTES)
        bound = Proofs([PUBLIC_URL], self._seen(self._memory)).bound(TOKEN, self._client.thumbprint)
        bound.check(proof_of(self._client), method="POST", path=PATH, now=NOW)
        return bound

    def seconds(self, proofs: list[bytes]) -> float:
        """Processor time of all of them."""
        bound = self.ready()
        begun = time.process_time()
        for proof in proofs:
            bound.check(proof, method="POST", path=PATH, now=NOW)
        return time.process_time() - begun


def proof_of(client: Client) -> bytes:
    """A proof for the request that all are for."""
    return client.proof("POST", PUBLIC_URL + PATH, TOKEN, at=NOW)


def raw_seconds(client: Client, proofs: list[bytes]) -> float:
    """Processor time of the signatures alone, decoded beforehand."""
    public, how = client.key.public_key, ec.ECDSA(hashes.SHA256())
    prepared = []
    for proof in proofs:
        signed, _, end = proof.rpartition(b".")
        signature = urlsafe_b64decode(end)
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        prepared.append((encode_dss_signature(r, s), signed))
    begun = time.process_time()
    for signature, signed in prepared:
        public.verify(signature, signed, how)
    return time.process_time() - begun


def joserfc_seconds(client: Client, proofs: list[bytes]) -> float:
    """Processor time of joserfc, with a key that is known, and without a look at what the proof says."""
    begun = time.process_time()
    for proof in proofs:
        jws.deserialize_compact(proof, client.key, ["ES256"])
    return time.process_time() - begun


def measure(rounds: int, count: int) -> dict[str, list[float]]:
    """contender -> microseconds a proof, of each round."""
    client = Client()
    proofs = [proof_of(client) for _ in range(count)]
    runs: dict[str, Callable[[list[bytes]], float]] = {
        RAW: partial(raw_seconds, client),
        "proof check": Checks(client, lookup._fast.replay.Seen).seconds,
        "proof check, plain memory": Checks(client, lookup.access.replay.Seen).seconds,
        "joserfc, signature only": partial(joserfc_seconds, client),
    }
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            taken[name].append(run(proofs) / count * 1e6)
    return taken


def main() -> int:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description="a DPoP proof's check, beside the signature check in it")
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--proofs", type=int, default=50)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    taken = measure(args.rounds, args.proofs)
    told = {
        name: {
            "us": statistics.median(values),
            "of_raw": statistics.median(raw / value for raw, value in zip(taken[RAW], values, strict=True)),
        }
        for name, values in taken.items()
    }
    if args.json:
        print(json.dumps(told))
        return 0
    print(f"{'':<28}{'us a proof':>12}{'of raw':>10}")
    for name, values in told.items():
        print(f"{name:<28}{values['us']:>12.1f}{values['of_raw']:>10.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
