"""What a process of ours does before all else: what it holds in memory, and what it writes, is not for everybody.

No core dump is made of it, whatever the system's way of making them, and no debugger of the same user gets in: either
would show national ids. Files that it makes are for owner and group at most. Errors that nobody has caught go where the
program wants to hear of them, and not as they are to standard error. Leaves out what the unit file has to do.
"""

import ctypes
import os
import resource
import sys
import threading
from collections.abc import Callable
from typing import Any

PR_SET_DUMPABLE = 4
OTHERS = 0o027  # what is never given: anything to others, writing to the group


def keep_memory_private() -> None:
    """No core dumps. Raises OSError where the system does not have it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # for what we start: that begins with dumps again
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def keep_files_private() -> None:
    """No file that is made from now on is for others; one that says what it is may be for fewer still."""
    os.umask(os.umask(OTHERS) | OTHERS)


def tell_uncaught(tell: Callable[[str, BaseException | None], None]) -> None:
    """Have `tell` called, with a few words and the error, instead of having the interpreter print it."""

    def at_the_top(_: type[BaseException], error: BaseException, __: Any) -> None:
        tell("uncaught error", error)

    def in_a_thread(what: threading.ExceptHookArgs) -> None:
        tell("uncaught error in a thread", what.exc_value)

    def nowhere(what: Any) -> None:
        tell("error that nobody can be told of", what.exc_value)

    sys.excepthook, threading.excepthook, sys.unraisablehook = at_the_top, in_a_thread, nowhere


def keep_private(tell: Callable[[str, BaseException | None], None], *, core_dumps: bool) -> None:
    """All of it; `core_dumps` are wanted all the same."""
    tell_uncaught(tell)
    keep_files_private()
    if not core_dumps:
        keep_memory_private()
