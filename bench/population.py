"""Makes feeds of a made-up Norway, in the right proportions and the same every time.

    python -m bench.population --persons 100000 --out feed
    python -m bench.population --persons 100000 --out feeds --days 10

Without --days the folder is one full feed. With --days K it holds `<sequence>-full` and K `<sequence>-incremental`,
each following on the one before. The same arguments give the same bytes, whatever the number of worker processes, and
a full feed of sequence n is what the full feed of sequence 1 and the increments 2 to n come to. All persons are
synthetic.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NoReturn

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from bench.norway.days import CLOCK_END, OSLO, Calendar
from bench.norway.doctors import TooFewPersons
from bench.norway.feeds import FeedSet, Summary
from bench.norway.persons import Shape
from bench.norway.workers import blocks_of, made_blocks
from bench.norway.world import made_world
from register.feed import FeedWriter

FIRST_DATE = date(2026, 11, 23)
MOST_PERSONS = 95_000_000
FEWEST_PERSONS = 500
USAGE, IO_ERROR = 64, 74


@contextmanager
def _progress(blocks: int, quiet: bool) -> Iterator[Progress]:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal) as progress:
        progress.add_task("blocks of persons", total=blocks)
        yield progress


def generate(
    shape: Shape,
    out: Path,
    *,
    sequence: int = 1,
    days: int | None = None,
    workers: int = 1,
    suffix: str = ".ndjson",
    parquet: bool = False,
    examples: bool = False,
    quiet: bool = True,
) -> Summary:
    """Writes the feeds and tells what is in them."""
    first_day = sequence - 1
    world = made_world(shape, first_day + (days or 0))
    blocks = blocks_of(shape, first_day + (days or 0))
    writer = _parquet_writer() if parquet else FeedWriter
    feeds = FeedSet(world, out, sequence, days, suffix, writer, examples=examples)
    with feeds, _progress(blocks, quiet) as progress:
        for result in made_blocks(world, first_day, days or 0, workers):
            feeds.add(result)
            progress.advance(progress.task_ids[0])
        return feeds.finish()


def _parquet_writer() -> type[FeedWriter]:
    from bench.parquet_files import ParquetFeedWriter  # noqa: PLC0415 -- an optional dependency

    return ParquetFeedWriter


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"population: {message}\n")


def _start_date(text: str) -> date:
    if text == "today":  # the last night's feed: before it, yesterday's
        return (datetime.now(OSLO) - timedelta(hours=3)).date()
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date such as 2026-11-23, nor 'today'") from None
    if not date(2010, 1, 1) <= found <= date(2080, 1, 1):
        raise argparse.ArgumentTypeError(f"{text} is outside 2010 to 2080")
    return found


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="population", description=__doc__.split("\n")[0])
    parser.add_argument("--persons", type=int, required=True, help="how many persons the register knows at sequence 1")
    parser.add_argument("--out", type=Path, required=True, help="folder of the feed, or with --days of the feeds")
    parser.add_argument("--seed", type=int, default=1, help="another seed gives other persons (default 1)")
    parser.add_argument("--sequence", type=int, default=1, help="sequence of the full feed (default 1)")
    parser.add_argument("--days", type=int, help="incremental feeds to write after the full one")
    parser.add_argument(
        "--as-of",
        type=_start_date,
        default=FIRST_DATE,
        metavar="DATE",
        help=f"date of sequence 1, or 'today' (default {FIRST_DATE})",
    )
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="worker processes (default: all cores)"
    )
    parser.add_argument("--zstd", action="store_true", help="compress the data files")
    parser.add_argument(
        "--parquet", action="store_true", help="write persons and memberships of the full feed as Parquet"
    )
    parser.add_argument(
        "--examples", action="store_true", help="add the few persons that the examples of the API's page ask about"
    )
    parser.add_argument("--json", action="store_true", help="print a summary as JSON")
    return parser


def _check(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    last = arguments.sequence + (arguments.days or 0)
    for wrong, message in (
        (
            not FEWEST_PERSONS <= arguments.persons <= MOST_PERSONS,
            f"--persons must be {FEWEST_PERSONS} to {MOST_PERSONS}",
        ),
        (not 0 <= arguments.seed < 2**63, "--seed must be a number from 0"),
        (arguments.sequence < 1, "--sequence must be 1 or more"),
        (arguments.days is not None and arguments.days < 0, "--days must be 0 or more"),
        (last > CLOCK_END - 100, f"the last sequence must be below {CLOCK_END - 100}"),
        (arguments.workers < 1, "--workers must be 1 or more"),
        (
            arguments.out.exists() and (not arguments.out.is_dir() or any(arguments.out.iterdir())),
            f"{arguments.out} exists and is not an empty folder",
        ),
    ):
        if wrong:
            parser.error(message)


def main(argv: list[str] | None = None) -> int:
    """The command."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    _check(parser, arguments)
    shape = Shape(arguments.seed, arguments.persons, Calendar(arguments.as_of))
    begun = time.monotonic()
    try:
        summary = generate(
            shape,
            arguments.out,
            sequence=arguments.sequence,
            days=arguments.days,
            workers=arguments.workers,
            suffix=".ndjson.zst" if arguments.zstd else ".ndjson",
            parquet=arguments.parquet,
            examples=arguments.examples,
            quiet=arguments.json,
        )
    except TooFewPersons as error:
        parser.error(str(error))
    except OSError as error:
        print(f"population: {error.strerror}: {error.filename}", file=sys.stderr)
        return IO_ERROR
    if arguments.json:
        told = {**summary, "seconds": round(time.monotonic() - begun, 1)}
        print(json.dumps(told, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
