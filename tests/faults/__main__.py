"""Every drill there is: `python -m tests.faults [--every N] [--json]`. Exit code 1 when something did not hold."""

import argparse
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.progress import track

from tests.faults.campaign import OPERATIONS, Broken, Campaign, drills


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="only one call in so many (%(default)s)")
    parser.add_argument("--json", action="store_true", help="tell the outcome as JSON")
    arguments = parser.parse_args()
    console = Console(stderr=True)
    tally: dict[str, dict[str, int]] = {}
    broken: list[str] = []
    with tempfile.TemporaryDirectory(prefix="flr-faults-") as folder:
        campaign = Campaign(Path(folder))
        for operation in OPERATIONS:
            all_of_them = list(drills(campaign, operation, arguments.every))
            counts: Counter[str] = Counter()
            quiet = arguments.json or not console.is_terminal
            for fault, at in track(all_of_them, operation.name, console=console, disable=quiet):
                try:
                    counts[f"{fault}: {campaign.drill(operation, fault, at)}"] += 1
                except Broken as error:
                    broken.append(f"{operation.name}, {fault} at call {at}: {error}")
            tally[operation.name] = dict(counts)
    outcome = {"drills": tally, "broken": broken}
    print(json.dumps(outcome) if arguments.json else "\n".join([*map(str, tally.items()), *broken]))
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
