"""How far a load has come: a bar on a terminal, nothing under cron, and the seconds each step took either way."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar


class Progress:
    """Steps with a name, a total and a clock. `seconds` is name -> wall seconds of every finished step."""

    def __init__(self, *, show: bool | None = None) -> None:
        """`show` None: a bar when standard error is a terminal."""
        self.seconds: dict[str, float] = {}
        self._show = sys.stderr.isatty() if show is None else show
        self._bar = Bar(
            TextColumn("{task.description:>12}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            disable=not self._show,
        )
        self._task: int | None = None

    @contextmanager
    def step(self, name: str, total: float = 1) -> Iterator[None]:
        """Time one step; `advance` within it moves the bar."""
        started = time.perf_counter()
        self._bar.start()
        task = self._bar.add_task(name, total=max(total, 1))
        self._task = task
        try:
            yield
            self._bar.update(task, completed=max(total, 1))
        finally:
            self._bar.stop()
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started

    def advance(self, amount: float = 1) -> None:
        """Move the bar of the current step."""
        if self._task is not None and self._show:
            self._bar.advance(self._task, amount)  # type: ignore[arg-type]
