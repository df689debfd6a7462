"""A crew of processes that share out one kind of work, or none: small work is done where it stands.

Processes are forked, so they see what the loader has read so far without a copy. They never outlive the crew, nor the
process that it belongs to: the kernel kills them when that one dies, however it dies.
"""

import ctypes
import gc
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from loader.errors import StorageError

PR_SET_PDEATHSIG = 1


def in_flight(processes: int) -> int:
    """How many tasks may be taken from the source and not yet given back, the newest one included."""
    return 2 * processes + 1


def share_out(work: Callable[[Any, Any], Any], context: Any, tasks: Iterable[Any], processes: int) -> Iterator[Any]:
    """`work(context, task)` for every task, results in the order of the tasks, with bounded tasks in flight.

    `context` is inherited by the processes, never sent. Zero processes: in this one. Raises what the work raises.
    """
    if not processes:
        for task in tasks:
            yield work(context, task)
        return
    pool = ProcessPoolExecutor(
        processes, multiprocessing.get_context("fork"), initializer=_enter, initargs=(work, context, os.getpid())
    )
    waiting: deque[Future[Any]] = deque()
    try:
        for task in tasks:
            waiting.append(pool.submit(_run, task))
            while len(waiting) >= in_flight(processes):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise StorageError("a process of the loader was killed, perhaps for want of memory") from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_inherited: tuple[Callable[[Any, Any], Any], Any] | None = None


def _enter(work: Callable[[Any, Any], Any], context: Any, parent: int) -> None:
    global _inherited  # noqa: PLW0603 -- what a forked process is for, set once at its birth
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # not what the loader does at a signal: it is the one that cleans up
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches everybody on the terminal; the loader ends its crew
    die_with(parent)
    _inherited = work, context
    gc.disable()  # a task's records have no cycles, and there are millions of them


def die_with(parent: int) -> None:
    """Let the kernel kill this process when `parent`, the process that started it, ends."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "this process cannot be bound to the one that started it")
    if os.getppid() != parent:  # it ended before we asked
        os.kill(os.getpid(), signal.SIGKILL)


def kill_crew() -> None:
    """Kill the processes of whatever crew is at work, at once: for a loader that is to stop."""
    for process in multiprocessing.active_children():
        process.kill()


def _run(task: Any) -> Any:
    assert _inherited is not None
    work, context = _inherited
    return work(context, task)
