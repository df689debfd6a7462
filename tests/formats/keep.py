"""Keep a small generation of the format of today: `python -m tests.formats.keep`, once, when a format is released.

Loads the hand-made feed of tests/loader/feeds.py and writes `<format>.zip` here: the folder as it was published, and
`answers.json`, what the service answers from it. A file that is there is never overwritten.
"""

import json
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from loader.load import load
from loader.progress import Progress
from loader.settings import Settings
from lookup.generation import FORMAT, Generation, open_generation
from lookup.resident import reply
from register.localtime import parse_at
from tests.loader import feeds

HERE = Path(__file__).parent
PAST = ("2010-01-01T00:00:00", "2015-06-01T12:00:00", "2018-03-04T05:06:07")
TIMES = (*PAST, "2026-11-24T12:00:00", "2100-01-01T00:00:00")


def answers(generation: Generation) -> list[list[Any]]:
    """[number, time, answer] of every number of the feed, and one it has never seen (null), at every time."""
    numbers = [feeds.ANNE, feeds.BERIT, feeds.CARL, feeds.DAVID, feeds.EVA, feeds.FINN]
    numbers += [feeds.OLDER, feeds.OLDEST, feeds.UNKNOWN]
    out = []
    for nin in numbers:
        for at in TIMES:
            said = reply(generation, int(nin), parse_at(at), False)
            out.append([nin, at, None if said is None else json.loads(said.body)])
    return out


def main() -> int:
    """Write the file of this format."""
    target = HERE / f"{FORMAT}.zip"
    if target.exists():
        print(f"{target.name} is there, and stays as it is", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        feeds.write(folder / "feed", feeds.tables())
        report = load(folder / "feed", Settings(data_dir=folder / "data"), Progress(show=False))
        generation = folder / "data" / "gen" / str(report.generation)
        with zipfile.ZipFile(target, "x", zipfile.ZIP_DEFLATED, compresslevel=9) as kept:
            for path in sorted(generation.iterdir()):
                kept.write(path, f"{generation.name}/{path.name}")
            kept.writestr("answers.json", json.dumps(answers(open_generation(generation)), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
