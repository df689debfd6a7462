"""Every drill there is: `python -m tests.faults [--every N] [--json]`. Exit code 1 when something did not hold."""

import argparse
import json
import os
import sys
import tempfile
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import track

from tests.faults.asking import under_load
from tests.faults.campaign import Campaign
from tests.faults.drills import Drill, at_scale, drills, from_outside, modelled, outages
from tests.faults.holds import Broken

Outcome = tuple[Drill, str | None, str | None]  # what it came to, or what did not hold


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--every", type=int, default=6, help="only one drill in so many (%(default)s)")
    parser.add_argument("--persons", type=int, default=100_000, help="of the large register; 0: none (%(default)s)")
    parser.add_argument("--rounds", type=int, default=40, help="of harm while a service is asked (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of what is left to chance (%(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="drills at a time (%(default)s)")
    parser.add_argument("--json", action="store_true", help="tell the outcome as JSON")
    arguments = parser.parse_args()
    console = Console(stderr=True)
    tally: dict[str, Counter[str]] = defaultdict(Counter)
    broken: list[str] = []
    with tempfile.TemporaryDirectory(prefix="flr-faults-") as folder:
        for stage, found in _stages(arguments, Path(folder)):
            quiet = arguments.json or not console.is_terminal
            for drill, came_to, wrong in track(_all(found, arguments.jobs), stage, console=console, disable=quiet):
                if wrong is None:
                    tally[drill.story][f"{drill.what}: {came_to}"] += 1
                else:
                    broken.append(f"{drill.story}, {drill.what}, {drill.where}: {wrong}")
    outcome = {"drills": tally, "broken": broken}
    print(json.dumps(outcome) if arguments.json else "\n".join([*_lines(tally), *broken]))
    return int(bool(broken))


def _stages(arguments: argparse.Namespace, folder: Path) -> Iterator[tuple[str, Iterable[Drill]]]:
    yield "the model", modelled()
    (folder / "small").mkdir()
    with Campaign(folder / "small") as campaign:
        yield "harm at every call", drills(campaign, arguments.every)
        yield "the power goes", outages(campaign, arguments.every, arguments.seed)
        yield "from outside", from_outside(campaign, 2 * arguments.every)
        run = partial(under_load, campaign, folder, arguments.rounds)
        yield "a service is asked", [Drill("under load", "answers", "", lambda: f"{sum(run().values())} right")]
    if arguments.persons:
        (folder / "large").mkdir()
        with Campaign(folder / "large", arguments.persons) as campaign:
            yield f"{arguments.persons} persons", at_scale(campaign, arguments.seed)


def _all(found: Iterable[Drill], jobs: int) -> Iterator[Outcome]:
    """The outcomes, in order. Drills are made as they are needed: a disk is a megabyte."""
    waiting: deque[Future[Outcome]] = deque()
    with ThreadPoolExecutor(jobs) as pool:
        for drill in found:
            waiting.append(pool.submit(_one, drill))
            if len(waiting) > 2 * jobs:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _one(drill: Drill) -> Outcome:
    try:
        return drill, drill.run(), None
    except Broken as error:
        return drill, None, str(error)
    except Exception as error:  # noqa: BLE001 -- one drill that could not be held must not lose the others
        return drill, None, f"{type(error).__name__}: {error}"


def _lines(tally: dict[str, Counter[str]]) -> Iterator[str]:
    for story, counts in tally.items():
        yield f"{story}: " + ", ".join(f"{what} ({count})" for what, count in counts.items())


if __name__ == "__main__":
    sys.exit(main())
