"""The thread beside a worker that waits for disks, so that the worker does not."""

import threading
from collections.abc import Callable

import structlog

log = structlog.get_logger()


class Tending(threading.Thread):
    """Calls `work` each `seconds`, and whenever `wake` is called, until `end`."""

    def __init__(self, work: Callable[[], None], seconds: float) -> None:
        super().__init__(name="audit", daemon=True)
        self._work, self._seconds = work, seconds
        self._wake, self._ended = threading.Event(), False

    def run(self) -> None:
        """Work until it is ended."""
        while not self._ended:
            try:
                self._work()
            except Exception as error:  # noqa: BLE001 -- this thread must not end before the process
                log.error("audit-work-failed", why=type(error).__name__)
            self._wake.wait(self._seconds)
            self._wake.clear()

    def wake(self) -> None:
        """There is something to do now."""
        self._wake.set()

    def end(self) -> None:
        """End, after what it is doing."""
        self._ended = True
        self._wake.set()
        self.join()
