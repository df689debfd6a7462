"""How far a load has come: a bar on a terminal, nothing under cron, and the seconds each step took either way."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID


class Progress:
    """Steps with a name, a total and a clock. `seconds` is name -> wall seconds of every finished step."""

    def __init__(self, *, show: bool | None = None) -> None:
        """`show` None: a bar when standard error is a terminal."""
        self.seconds: dict[str, float] = {}
        self._bar = _bar() if (sys.stderr.isatty() if show is None else show) else None
        self._task: TaskID | None = None

    @contextmanager
    def step(self, name: str, total: float = 1) -> Iterator[None]:
        """Time one step; `advance` within it moves the bar."""
        started = time.perf_counter()
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task(name, total=max(total, 1))
        try:
            yield
            if self._bar is not None and self._task is not None:
                self._bar.update(self._task, completed=max(total, 1))
        finally:
            if self._bar is not None:
                self._bar.stop()
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started

    def advance(self, amount: float = 1) -> None:
        """Move the bar of the current step."""
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task, amount)


def _bar() -> Bar:
    from rich.console import Console  # noqa: PLC0415 -- under cron nobody looks, and it takes its time to begin
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415
    from rich.progress import Progress as Bar  # noqa: PLC0415

    return Bar(
        TextColumn("{task.description:>12}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )
