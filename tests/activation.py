"""What systemd does between fork and exec: hands over listening sockets, which outlive the service that takes them."""

import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.service import Service

# The sockets stand from 3 on, and the variables say whose they are.
HAND_OVER = """
import fcntl, os, sys
handed = [int(fd) for fd in sys.argv[1].split(",")]
spare = [fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for fd in handed]
for place, fd in enumerate(spare, 3):
    os.dup2(fd, place)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execvp(sys.argv[2], sys.argv[2:])
"""
SERVE = (sys.executable, "-m", "bench.unguarded", "serve")


def handing_over(sockets: Sequence[socket.socket], *command: str) -> list[str]:
    """The command line that starts this with these sockets, which it must be passed (`pass_fds`)."""
    fds = ",".join(str(each.fileno()) for each in sockets)
    return [sys.executable, "-c", HAND_OVER, fds, *command]


class HandedOver(Service):
    """A service that is handed its listening sockets."""

    def __init__(
        self,
        data: Path,
        sockets: Sequence[socket.socket],
        *arguments: str,
        serve: Sequence[str] = SERVE,
        **environment: str,
    ) -> None:
        super().__init__(
            data,
            *arguments,
            command=[*handing_over(sockets, *serve), "--data-dir", str(data)],
            pass_fds=[each.fileno() for each in sockets],
            LISTEN_FDS=str(len(sockets)),
            **environment,
        )
