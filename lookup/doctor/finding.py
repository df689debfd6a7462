"""What a check finds, and the installation that it is given."""

import shlex

import msgspec

from lookup.doctor.loader import Loader
from lookup.doctor.machine import Machine
from lookup.runfile import RunState
from lookup.settings import Settings

OK, WARNING, WRONG = "ok", "warning", "wrong"
STATES = (OK, WARNING, WRONG)  # the place of the worst one is the exit code, as of a plugin for monitoring


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at. `mend` is the command that puts it right, and None where nothing is to be done."""

    check: str
    state: str
    what: str
    mend: str | None = None


class Installation(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked at. `workers` are those alive; `deep`: read everything; `flags`: for our commands that mend it."""

    settings: Settings
    loader: Loader
    machine: Machine
    workers: list[RunState]
    deep: bool = False
    flags: str = ""

    def command(self, text: str) -> str:
        """A command of ours, for this installation and no other."""
        return text + self.flags


def shell(*words: object) -> str:
    """A command of these words, whatever is in them."""
    return shlex.join(map(str, words))


def ok(check: str, what: str) -> Finding:
    """Nothing is to be done."""
    return Finding(check=check, state=OK, what=what)


def warning(check: str, what: str, mend: str) -> Finding:
    """It works, and somebody ought to look at it."""
    return Finding(check=check, state=WARNING, what=what, mend=mend)


def wrong(check: str, what: str, mend: str) -> Finding:
    """Something does not work, or will not."""
    return Finding(check=check, state=WRONG, what=what, mend=mend)
