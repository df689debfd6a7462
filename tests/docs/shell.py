"""One shell in which the commands of a page are run, one after the other, as an operator would type them.

Each ends within a time, or is killed with all that it has started. A command that fails is told from one that does
not: only one behind which the page asks `echo $?` may.
"""

import os
import secrets
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests import leaks
from tests.service import PATIENCE_SECONDS


class Shell:
    """Use as a context manager. Output and errors of a command come together, as in a terminal."""

    def __init__(self, folder: Path, environment: Mapping[str, str], within: Sequence[str] = ()) -> None:
        """`within` is a command that starts the shell."""
        self._environment = dict(environment)
        self._end = f"== {secrets.token_hex(8)}"
        self._process = subprocess.Popen(
            [*within, "bash", "--noprofile", "--norc"],
            cwd=folder,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def __enter__(self) -> "Shell":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            stop = ["systemctl", "stop", "flr-lookup"]
            subprocess.run(stop, env=self._environment, check=True, timeout=PATIENCE_SECONDS)
        finally:
            os.killpg(self._process.pid, signal.SIGKILL)
            for stream in (self._process.stdin, self._process.stdout):
                assert stream is not None
                stream.close()
            self._process.wait(PATIENCE_SECONDS)

    def run(self, command: str, typed: str | None = None) -> tuple[list[str], int]:
        """(lines that were printed, exit code); `typed` is a line of standard input, without one there is none."""
        source = "</dev/null" if typed is None else f"<<<'{typed}'"
        assert self._process.stdin is not None
        # The code is kept for the page's next command, which may ask for it.
        script = f'(exit $__code); {{ {command}\n}} {source}\n__code=$?; printf "\\n{self._end} %s\\n" $__code\n'
        self._process.stdin.write(script.encode())
        self._process.stdin.flush()
        printed, code = self._read(command)
        leaks.hear(command, printed)
        return [line.rstrip() for line in printed.splitlines()], code

    def _read(self, command: str) -> tuple[str, int]:
        assert self._process.stdout is not None
        until, said = time.monotonic() + PATIENCE_SECONDS, b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while True:
                before, end, code = said.partition(f"\n{self._end} ".encode())
                if end and code.endswith(b"\n"):
                    return before.decode(), int(code)
                if not selector.select(until - time.monotonic()):
                    raise AssertionError(f"{command!r} has not ended after {PATIENCE_SECONDS} s: {said!r}")
                more = os.read(self._process.stdout.fileno(), 1 << 16)
                assert more, f"{command!r} has ended the shell: {said!r}"
                said += more
