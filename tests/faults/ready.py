"""A loader that has been imported and waits, to be forked for each run: what it would be from a shell, but sooner.

The process that waits has the shims preloaded, asleep; a fork sets its environment, wakes them up, and runs the command
in a session of its own. A run is over when nobody that it started is left.
"""

import contextlib
import ctypes
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import NoReturn

from tests.faults.compiled import compiled

ROOT = Path(__file__).resolve().parents[2]
SHIMS = {"harm": "take_aim", "record": "take_notes"}
SECONDS = 300


class Run:
    """One run of the loader: `pid` of its process and session, and what it comes to."""

    def __init__(self, ready: "Ready", arguments: tuple[str, ...], environment: dict[str, str]) -> None:
        self.pid = ready.say({"arguments": arguments, "environment": environment})
        self._ready = ready

    def result(self) -> tuple[int, str]:
        """(exit code, or minus the signal that ended it; what it said on standard error)."""
        code, said = self._ready.hear()
        return code, said


class Ready:
    """The process that waits. One run at a time. Use as a context manager, or call `close`."""

    def __init__(self, shims: Path) -> None:
        preload = " ".join(str(compiled(shims, name)) for name in SHIMS)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.ready"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "LD_PRELOAD": preload},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Ready":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def start(self, arguments: tuple[str, ...], **environment: str) -> Run:
        """Start the loader."""
        return Run(self, arguments, environment)

    def run(self, arguments: tuple[str, ...], **environment: str) -> tuple[int, str]:
        """Run the loader; (exit code, what it said on standard error)."""
        return self.start(arguments, **environment).result()

    def say(self, what: object) -> int:
        """Have a run started; its process."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        return int(self._answer())

    def hear(self) -> tuple[int, str]:
        """What the run came to."""
        code, said = json.loads(self._answer())
        return code, said

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def main() -> None:
    """Wait for commands on standard input; answer each with its process, and then with what it came to."""
    import loader.load
    import loader.moves  # noqa: F401

    for line in sys.stdin:
        asked = json.loads(line)
        ours, theirs = os.pipe()
        pid = os.fork()
        if not pid:
            _run(asked["arguments"], asked["environment"], theirs)
        os.close(theirs)
        print(pid, flush=True)
        overdue = threading.Timer(SECONDS, _end, [pid])
        overdue.start()
        with os.fdopen(ours, "rb") as pipe:
            said = pipe.read().decode(errors="replace")
        _, status = os.waitpid(pid, 0)
        overdue.cancel()
        overdue.join()  # nothing but this thread is to be there at the next fork
        print(json.dumps([os.waitstatus_to_exitcode(status), said]), flush=True)


def _end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, 9)


def _run(arguments: list[str], environment: dict[str, str], pipe: int) -> NoReturn:
    from loader.__main__ import main as load

    os.setsid()  # so that a whole group can be killed, and it is not ours
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(pipe, 2)
    os.close(pipe)
    os.environ.update(environment)
    for wake in SHIMS.values():
        ctypes.CDLL(None)[wake]()
    code = load(arguments)
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
