"""What comes from outside while a feed is loaded: another loader, another feed in its place, another time, no right.

A loader is stopped at one of the calls with which it changes files (harm.c), the world is changed, and it goes on.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from lookup.generation import open_generation, verify_files
from lookup.manifest import CURRENT
from tests.faults.asking import answers, expected
from tests.faults.campaign import STORAGE, Campaign
from tests.faults.holds import Broken, check, check_tidy, serial
from tests.faults.ready import ROOT, SECONDS, Run
from tests.faults.stories import INCREMENT, LOAD_FULL, LOAD_INCREMENT, Story

LOADER = (sys.executable, "-m", "loader")
HELD, REFUSED, UNREACHABLE = 75, 65, 69
YEAR = 366 * 24 * 3600
STANDING = "1700000000"
# Commands, the clock, and the serial that is in service afterwards.
CLOCKS = [
    (LOAD_FULL, "+0", 1),
    (LOAD_INCREMENT, f"-{YEAR}", 2),
    (("rollback", "--reason", "a drill"), f"-{2 * YEAR}", 1),
    (("accept", "2"), STANDING, 1),
    (("pin", "2"), STANDING, 1),
    (("pin", "1"), STANDING, 1),
    (("unpin",), STANDING, 1),
    (LOAD_INCREMENT, STANDING, 2),
    (("rollback", "1", "--reason", "a drill"), STANDING, 1),
]
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1


@contextmanager
def stopped(campaign: Campaign, data: Path, command: tuple[str, ...], at: int) -> Iterator[Run]:
    """A loader that has come to call number `at` and waits there; behind the context it goes on."""
    count = campaign.folder / f"count-{threading.get_ident()}"
    count.write_bytes(bytes(8))
    fault = {"FLR_FAULT_COUNT": str(count), "FLR_FAULT": "stop", "FLR_FAULT_AT": str(at)}
    run = campaign.ready.start(campaign.arguments(data, command), **fault)
    until = time.monotonic() + SECONDS
    while not any(state == "T" for state in _states(run.pid)):
        if time.monotonic() > until:
            raise Broken(f"it never came to call {at}")
        time.sleep(0.002)
    try:
        yield run
    except BaseException:
        os.killpg(run.pid, signal.SIGCONT)
        run.result()  # nobody else will wait for it
        raise
    os.killpg(run.pid, signal.SIGCONT)


def _states(session: int) -> Iterator[str]:
    """The states of the processes of a session, as the kernel has them."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, its = path.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(its) == session:
            yield state


def second_loader(campaign: Campaign, story: Story, at: int) -> str:
    """One that begins while another is at work is told so, changes nothing, and finds nothing new to do afterwards.

    The first one has the lock but while it makes the folders of a new data folder: then the second comes first.
    """
    with campaign.fresh(story) as data:
        with stopped(campaign, data, story.commands[0], at) as run:
            code, said = _loader(campaign.arguments(data, story.commands[0]))
            if code != HELD and not (code == 0 and story.begin == "empty"):
                raise Broken(f"the second loader came to {code}: {said}")
        first, said = run.result()
        if first:
            raise Broken(f"the first loader came to {first}: {said}")
        campaign.tell(data, story, 0)
        return "held off" if code else "came first"


def at_once(campaign: Campaign, story: Story) -> str:
    """Two loaders that are started together: one does it, the other one is held off or finds it done."""
    with campaign.fresh(story) as data:
        arguments = campaign.arguments(data, story.commands[0])
        two = [subprocess.Popen([*LOADER, *arguments], cwd=ROOT, stderr=subprocess.DEVNULL) for _ in range(2)]
        codes = sorted(one.wait() for one in two)
        if codes not in ([0, HELD], [0, 0]):
            raise Broken(f"two loaders came to {codes}")
        campaign.tell(data, story, 0)
        return "one held off" if HELD in codes else "one after the other"


def truncate(path: Path) -> None:
    """Cut it in half."""
    os.truncate(path, path.stat().st_size // 2)


def append(path: Path) -> None:
    """Its first line once more at its end."""
    with path.open("r+b") as file:
        line = file.readline()
        file.seek(0, os.SEEK_END)
        file.write(line)


def replace(path: Path) -> None:
    """Another file in its place, which is right in itself: without the last line."""
    new = path.with_suffix(".new")
    new.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    new.rename(path)


def unlink(path: Path) -> None:
    """It is gone."""
    path.unlink()


CHANGES: dict[str, Callable[[Path], None]] = {one.__name__: one for one in (truncate, append, replace, unlink)}


def feed_changed(campaign: Campaign, story: Story, change: str, at: int) -> str:
    """A data file changes while its feed is read: what was read is refused, unless it had been read to its end."""
    (command,) = story.commands
    feed = campaign.folder / f"feed-{threading.get_ident()}"
    original = Path(command[1].format(feeds=campaign.feeds))
    with campaign.fresh(story) as data:
        shutil.copytree(original, feed)
        try:
            with stopped(campaign, data, ("load", str(feed)), at) as run:
                for path in feed.glob("*.ndjson*"):
                    CHANGES[change](path)
            code, said = run.result()
        finally:
            shutil.rmtree(feed)
        if code not in (0, REFUSED, UNREACHABLE) or "Traceback" in said:
            raise Broken(f"{code}: {said}")
        check(data, story.serials[1:] if code == 0 else story.serials[:1], campaign.digests)
        campaign.tell(data, story, 0)
        return "had been read" if code == 0 else "refused"


def clock_set_back(campaign: Campaign) -> str:
    """Back a year, another one, then no time passes: order is the master's, answers are right, every report is kept."""
    right = expected(campaign)
    with campaign.fresh(INCREMENT._replace(begin="empty")) as data:
        for number, (command, clock, after) in enumerate(CLOCKS, 1):
            code, said = campaign.run(data, command, FLR_CLOCK=clock)
            if code:
                raise Broken(f"{command}: {code}: {said}")
            if serial(data) != after:
                raise Broken(f"after {command} CURRENT names {serial(data)}")
            check(data, (after,), campaign.digests)
            folder = data / "gen" / (data / CURRENT).read_text().strip()
            generation = open_generation(folder, verify_files(folder))
            if answers(generation, [int(nin) for nin in right["1"]]) != right[str(after)]:
                raise Broken(f"after {command} an answer is wrong")
            if (reports := len(list((data / "reports").iterdir()))) != number:
                raise Broken(f"after {command} there are {reports} reports")
    return "in order"


def read_only(campaign: Campaign, story: Story, folder: str) -> str:
    """A folder in which the loader may not write: it says so, and nothing has changed."""
    with campaign.fresh(story) as data:
        (data / folder).chmod(0o550)
        code, said = _loader(campaign.arguments(data, story.commands[0]), powerless=True)
        (data / folder).chmod(0o750)
        if "Traceback" in said or "ermission denied" not in said:
            raise Broken(f"{code}: {said}")
        done = serial(data) == story.serials[1]
        if (code, done) not in ((STORAGE, False), (0, True)):
            raise Broken(f"{code}, and it is {'done' if done else 'not done'}: {said}")
        campaign.tell(data, story, 0)
        check_tidy(data, story, campaign.digests)
        return "done, no report" if done else "not done"


def _loader(arguments: tuple[str, ...], *, powerless: bool = False) -> tuple[int, str]:
    """Run the loader beside the one that is stopped; `powerless`: permissions bind it, even if we are root."""
    drop = partial(ctypes.CDLL(None).prctl, PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)
    done = subprocess.run(
        [*LOADER, *arguments],
        cwd=ROOT,
        preexec_fn=(lambda: drop() and None) if powerless else None,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr
