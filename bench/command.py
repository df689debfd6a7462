"""The command around a measurement of contests: what all of them are told, and how each one ends."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from bench.servers import NoServer
from bench.staging import NoRegister


def parser_of(description: str, *, rounds: int, seconds: float, sample: int | None = None) -> argparse.ArgumentParser:
    """The options of a measurement, with its defaults; `sample` where it asks about so many persons."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--seconds", type=float, default=seconds, help="of each contender in each round")
    if sample is not None:
        parser.add_argument("--sample", type=int, default=sample, help="persons asked about")
    parser.add_argument("--out", type=Path, help="write the result as JSON here too")
    return parser


def concluded(
    measured: Callable[[], dict[str, Any]], lines: Callable[[dict[str, Any]], Iterable[str]], out: Path | None
) -> int:
    """Measure and print; 1 when there is nothing to measure, or an answer was not as it should be."""
    try:
        result = measured()
    except (NoRegister, NoServer) as error:
        print(f"{Path(sys.argv[0]).stem}: {error}", file=sys.stderr)
        return 1
    print("\n".join(lines(result)))
    if out:
        out.write_text(json.dumps(result, indent=1) + "\n")
    return 1 if any(row["mistakes"] for row in result["rows"]) else 0
