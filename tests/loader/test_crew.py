"""A crew of processes: the work's results in order, its errors, and what happens when one of them is killed."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from loader.crew import share_out
from loader.errors import BadFeed, StorageError

SECONDS_BEFORE_IT_HANGS = 60


@pytest.fixture(autouse=True)
def _never_hangs() -> Iterator[None]:
    """A crew that waits for ever fails its test instead, and none leaves a process behind."""

    def fail(*_: object) -> None:
        raise TimeoutError("the crew hangs")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(SECONDS_BEFORE_IT_HANGS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
    assert multiprocessing.active_children() == []


def square(context: Any, task: int) -> tuple[Any, int, int]:
    return context, task * task, os.getpid()


@pytest.mark.parametrize("processes", [0, 1, 3])
def test_results_come_in_the_order_of_the_tasks(processes: int) -> None:
    context = {"not": "copied"}
    results = list(share_out(square, context, iter(range(50)), processes))
    assert [result for _, result, _ in results] == [task * task for task in range(50)]
    assert all(given == context for given, _, _ in results)
    here = os.getpid()
    assert {pid == here for _, _, pid in results} == {processes == 0}


@pytest.mark.parametrize("processes", [0, 2])
def test_no_tasks_are_no_results(processes: int) -> None:
    assert list(share_out(square, None, [], processes)) == []


def test_the_context_needs_no_pickle() -> None:
    assert next(share_out(lambda context, task: context() + task, lambda: 40, [2], 1)) == 42


@pytest.mark.parametrize("processes", [0, 2])
def test_tasks_are_taken_as_they_are_needed(processes: int) -> None:
    taken = []

    def tasks() -> Iterator[int]:
        for task in range(100):
            taken.append(task)
            yield task

    crew = share_out(square, None, tasks(), processes)
    for given in range(20):
        next(crew)
        assert len(taken) <= given + 1 + 2 * processes
    crew.close()  # type: ignore[attr-defined]


def refuse(_: object, task: int) -> int:
    if task == 3:
        raise BadFeed("a.ndjson:1: wrong", ("a.ndjson:1: wrong", "a.ndjson:2: wrong"))
    return task


@pytest.mark.parametrize("processes", [0, 2])
def test_what_the_work_raises_is_raised(processes: int) -> None:
    got = []
    with pytest.raises(BadFeed) as caught:
        got.extend(share_out(refuse, None, range(10), processes))
    assert str(caught.value) == "a.ndjson:1: wrong"
    assert caught.value.faults == ("a.ndjson:1: wrong", "a.ndjson:2: wrong")


@pytest.mark.parametrize("processes", [0, 2])
def test_what_the_tasks_raise_is_raised(processes: int) -> None:
    def tasks() -> Iterator[int]:
        yield 1
        raise BadFeed("the source ends")

    with pytest.raises(BadFeed, match="the source ends"):
        list(share_out(square, None, tasks(), processes))


def die(_: object, task: int) -> int:
    if task == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return task


@pytest.mark.parametrize("processes", [1, 3])
@pytest.mark.parametrize("tasks", [6, 500])
def test_a_process_that_is_killed(processes: int, tasks: int) -> None:
    with pytest.raises(StorageError, match="a process of the loader was killed"):
        list(share_out(die, None, range(tasks), processes))
