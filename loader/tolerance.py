"""Building although some records are bad: they are left out, as many as the operator tolerates, and listed.

Only persons and memberships may be left out. Which are bad is what the build says; then it begins again without them,
until nothing is bad any more. So what depends on a record that was left out is found by the same checks, is left out
too, and counts as well; where it is a record of a small table, or there are too many, the feed is refused whole.
"""

import shutil
from dataclasses import replace
from pathlib import Path

from loader.build import BIG_TABLES, Build, Built
from loader.check import BadRecords
from loader.errors import BadFeed
from loader.read import MAX_FAULTS, Feed

Bad = dict[tuple[int, int], str]  # (file, line) of a record -> what is wrong


def build_tolerating(build: Build, tolerate: int) -> Built:
    """Run a build, again and again without what turns out bad. Raises BadFeed when that is more than is tolerated."""
    omitted: Bad = {}
    while True:
        attempt = replace(build, most_faults=tolerate + 1, omitted=omitted)
        try:
            built = attempt.run()
        except BadRecords as error:
            omitted = _more(build.feed, omitted, attempt, tolerate, error)
            _clear(build.folder)
        else:
            built.omitted = [told(build.feed, *at, what) for at, what in sorted(omitted.items())]
            return built


def _more(feed: Feed, omitted: Bad, attempt: Build, tolerate: int, error: BadFeed) -> Bad:
    """What is to be left out next time. Raises what stopped the build when that may not be."""
    found = {(file, line): what for what, file, line in attempt.faults.places}
    may_go = all(feed.manifest.files[file].table in BIG_TABLES for file, _ in found)
    if not tolerate or not may_go or not found.keys() - omitted.keys():
        raise error
    more = {**found, **omitted}
    if len(more) > tolerate:
        texts = [told(feed, *at, what) for at, what in more.items()][:MAX_FAULTS]
        raise BadFeed(texts[0], (*texts, f"more bad records than the {tolerate} that are tolerated"))
    return more


def told(feed: Feed, file: int, line: int, what: str) -> str:
    """The fault as text, with the name of the file."""
    return f"{feed.manifest.files[file].name}:{line}: {what}"


def _clear(folder: Path) -> None:
    """Remove what an attempt has left."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
