"""The local issuer as a program: what it prints is taken; and the measurement of proofs, for its form."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import lookup._fast.replay
from bench import dpop
from bench.issuer import PUBLIC_URL
from lookup.access.dpop import Proofs
from lookup.access.issuers import read_issuers
from lookup.access.replay import ReplayMemory
from lookup.access.token import Verifier, split
from tests.access.tokens import run

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("kind", ["helseid", "maskinporten"])
def test_what_it_prints_is_taken(tmp_path: Path, kind: str) -> None:
    command = [sys.executable, "-m", "bench.issuer", "--kind", kind, "--folder", str(tmp_path)]
    with subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            lines = []
            while not (lines and lines[-1].startswith("DPoP: ")):
                lines.append(process.stdout.readline())
                assert lines[-1], "it has ended"
            bearer, bound, proof = (line.partition(": ")[2].strip().encode() for line in lines if ": " in line)
            verifier = Verifier(read_issuers(tmp_path / "issuers.toml"))

            async def ask() -> tuple[str | None, str | None]:
                callers = [await verifier.verify(one, time.time()) for one in (bearer, bound)]
                return callers[0].key, callers[1].key

            keys = run(ask())
            assert keys[0] is None
            assert keys[1] is not None
            proofs = Proofs([PUBLIC_URL], lookup._fast.replay.Seen(ReplayMemory(1 << 12)))
            proofs.bound(split(bound)[1], keys[1]).check(proof, method="POST", path="/v1/gp-lookup", now=time.time())
        finally:
            process.terminate()
    assert (tmp_path / "issuers.toml").read_text() in "".join(lines)


def test_the_measurement_of_proofs_has_its_form(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["dpop", "--rounds", "2", "--proofs", "5", "--json"])
    monkeypatch.setattr(dpop, "MEMORY_OCTETS", 1 << 14)
    assert dpop.main() == 0
    told = json.loads(capsys.readouterr().out)
    assert told[dpop.RAW]["of_raw"] == 1
    assert all(values["us"] > 0 for values in told.values())
    assert set(told) >= {"proof check", "proof check, plain memory"}
