"""`POST /v1/gp-lookup` with everything on, beside itself without access control and audit, and beside nginx.

    python -m bench.guarded --data-dir DIR [--rounds 5] [--seconds 5] [--sample 100000] [--out FILE.json]

Everything: a registered client's password (Basic) or a token of a named issuer (bearer, about 1 kB of head), its roles
and limits, the record in the audit before the answer, metrics. nginx gets the same requests and answers a constant of
the same size. All on the first processor, the generator on the last; the rounds take turns.
"""

import base64
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.command import concluded, parser_of
from bench.compare import CHECKED, answer_bytes, lines, persons_of
from bench.contenders import Nginx
from bench.generator import Shape, write_requests
from bench.issuer import LocalIssuer, serving, settings
from bench.prepared import KILOBYTE_HEAD, Known, constant, singles
from bench.rounds import Contest, interleaved, processors, ratio, summary
from bench.servers import Ours
from bench.staging import Stage, staged

BASIC, BEARER = "Basic", "bearer, 1 kB head"
EVERYTHING, BARE, CONSTANT = "ours", "ours without", "nginx"
ORGANIZATION = "974767880"
LIMITS = ("--requests-per-second", "1000000", "--persons-per-day", "100000000", "--unknown-share", "0.5")


def register(data_dir: Path, name: str, role: str, *more: str) -> str:
    """The Authorization field of a new client."""
    arguments = ["clients", "add", name, "--org", ORGANIZATION, "--role", role, *more]
    command = [sys.executable, "-m", "lookup", *arguments, "--json", "--data-dir", str(data_dir)]
    made = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    shown = base64.b64encode(f"{made['name']}:{made['password']}".encode()).decode()
    return f"Authorization: Basic {shown}"


@contextlib.contextmanager
def started(stage: Stage, persons: Sequence[Known]) -> Iterator[list[tuple[str, list[str], Ours, Ours, Nginx]]]:
    """For each case: its fields, ours with everything, ours without, nginx. All are running, and give right answers."""
    processor, _ = processors()
    issuer = LocalIssuer()
    basic = register(stage.data_dir, "bench", "FlrRead", "--protected", *LIMITS)
    with contextlib.ExitStack() as stack:
        keys = stack.enter_context(serving(issuer))
        issuers = stage.room / "issuers.toml"
        issuers.write_text(settings(issuer, keys.url))
        token = issuer.mint(at=time.time(), exp=int(time.time()) + 86_400).decode()
        cases = {BASIC: [basic], BEARER: [f"Authorization: Bearer {token}", *KILOBYTE_HEAD[1:]]}
        bare = stack.enter_context(Ours(stage.data_dir, stage.room, processor, name=BARE))
        environment = {"FLR_ISSUERS_FILE": str(issuers)}
        everything = Ours(stage.data_dir, stage.room, processor, module="lookup", environment=environment)
        stack.enter_context(everything)
        started = []
        for case, fields in cases.items():
            size = answer_bytes(everything, persons, fields)
            nginx = stack.enter_context(Nginx(size, stage.room / case.replace(", ", "-").replace(" ", "-"), processor))
            for server in (everything, bare, nginx):
                server.fields = fields
                server.check(persons[:CHECKED])
            started.append((case, fields, everything, bare, nginx))
        yield started


def measure(data_dir: Path, rounds: int, seconds: float, sample: int) -> dict[str, Any]:
    """Start everybody, run the rounds, and tell."""
    with staged(data_dir) as stage:
        persons = persons_of(stage, sample)
        run: list[Contest] = []
        with started(stage, persons) as cases:
            for number, (case, fields, everything, bare, nginx) in enumerate(cases):
                asked = list(singles(persons, fields))
                ours = write_requests(stage.room / f"ours-{number}.requests", iter(asked))
                same = write_requests(stage.room / f"constant-{number}.requests", constant(asked, nginx.body_bytes))
                shape = Shape(seconds=seconds)
                run += [
                    Contest(case, everything, ours, shape),
                    Contest(case, bare, ours, shape),
                    Contest(case, nginx, same, shape),
                ]
            interleaved(run, rounds, processors()[1])
    by_key = {contest.key: contest for contest in run}
    rows = [summary(contest, by_key[contest.case, CONSTANT]) for contest in run]
    bars = {
        f"{case}: everything on / {other}": ratio(by_key[case, EVERYTHING], by_key[case, other])
        for case in (BASIC, BEARER)
        for other in (CONSTANT, BARE)
    }
    return {"rounds": rounds, "seconds": seconds, "sample": len(persons), "rows": rows, "bars": bars}


def main() -> int:
    """The command. Exits 1 when an answer was not as it should be."""
    about = "gp-lookup with access control and audit, and without"
    parser = parser_of(about, rounds=5, seconds=5, sample=100_000)
    args = parser.parse_args()
    return concluded(lambda: measure(args.data_dir, args.rounds, args.seconds, args.sample), lines, args.out)


if __name__ == "__main__":
    sys.exit(main())
