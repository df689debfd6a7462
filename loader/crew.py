"""A crew of processes that share out one kind of work, or none: small work is done where it stands.

Processes are forked, so they see what the loader has read so far without a copy. They never outlive the crew.
"""

import gc
import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from loader.errors import StorageError


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
        processes, multiprocessing.get_context("fork"), initializer=_enter, initargs=(work, context)
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


def _enter(work: Callable[[Any, Any], Any], context: Any) -> None:
    global _inherited  # noqa: PLW0603 -- what a forked process is for, set once at its birth
    _inherited = work, context
    gc.disable()  # a task's records have no cycles, and there are millions of them


def _run(task: Any) -> Any:
    assert _inherited is not None
    work, context = _inherited
    return work(context, task)
