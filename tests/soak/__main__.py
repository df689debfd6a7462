"""No response ever reaches another request's caller: tens of millions of them, each with its own keys, held against it.

    python -m tests.soak [--requests 3000000] [--seed N] [--json]

A service of its own over a made-up world; connections that pipeline, stop, break off and come again; the generation in
service swapped all the time. Ends at the first answer that is not the one that was due, with exit code 1.
"""

import argparse
import json
import random
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.soak.answers import Wrong
from tests.soak.line import ENDINGS
from tests.soak.play import Plan, play
from tests.soak.stage import staged


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--requests", type=int, default=3_000_000)
    parser.add_argument("--persons", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2, help="of the service")
    parser.add_argument("--processes", type=int, default=2, help="of callers")
    parser.add_argument("--connections", type=int, default=32, help="of each process")
    parser.add_argument("--seed", type=int, help="default: a new one, which is told")
    parser.add_argument("--endings", default=",".join(ENDINGS), help="of connections; default: %(default)s")
    parser.add_argument("--json", action="store_true", help="tell the outcome as JSON")
    arguments = parser.parse_args()
    seed = random.randrange(1 << 32) if arguments.seed is None else arguments.seed
    endings = {name: ENDINGS[name] for name in arguments.endings.split(",")}
    plan = Plan(arguments.requests, arguments.processes, arguments.connections, seed, endings)
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        tempfile.TemporaryDirectory(prefix="flr-soak-") as folder,
        Progress(*columns, console=console, disable=arguments.json or not console.is_terminal) as progress,
    ):
        task = progress.add_task("learning the answers", total=None)
        try:
            with staged(Path(folder), seed=seed, persons=arguments.persons, workers=arguments.workers) as stage:
                progress.update(task, description="answers", total=plan.requests)
                outcome = play(stage, plan, lambda answers: progress.update(task, completed=answers))
        except Wrong as wrong:
            print(f"soak: {wrong} (seed {seed})", file=sys.stderr)
            return 1
    print(
        json.dumps(outcome) if arguments.json else "\n".join(f"{name:<20} {value}" for name, value in outcome.items())
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
