"""What systemd gives a service that it starts, and wants to hear from it: listening sockets, and readiness.

The protocols of sd_listen_fds(3) and sd_notify(3), which are a few environment variables and one datagram.
"""

import os
import socket

FIRST_FD = 3
ADMIN = "admin"  # FileDescriptorName= of the socket for operations; any other name is the public one's


class WrongSocket(Exception):
    """A socket that was handed over is not one to serve from; the message says why."""


def inherited() -> list[socket.socket] | None:
    """The listening sockets that were handed to this process, the public one first, or None. Raises WrongSocket.

    The variables are taken out of the environment: they are not for our children.
    """
    pid, count = os.environ.pop("LISTEN_PID", ""), os.environ.pop("LISTEN_FDS", "")
    names = os.environ.pop("LISTEN_FDNAMES", "").split(":")
    if pid != str(os.getpid()) or not count.isdecimal() or count == "0":
        return None
    sockets = [_listening(FIRST_FD + i) for i in range(int(count))]
    admin = [names[i : i + 1] == [ADMIN] for i in range(len(sockets))]
    public = [listening for listening, is_admin in zip(sockets, admin, strict=True) if not is_admin]
    if len(public) != 1 or sum(admin) > 1:
        raise WrongSocket(f"one socket is wanted, and at most one more named {ADMIN}; {count} were handed over")
    return [*public, *(listening for listening, is_admin in zip(sockets, admin, strict=True) if is_admin)]


def _listening(fd: int) -> socket.socket:
    try:
        listening = socket.socket(fileno=fd)
    except OSError:
        raise WrongSocket(f"file descriptor {fd} is not a socket") from None
    os.set_inheritable(fd, False)
    if listening.type != socket.SOCK_STREAM or not listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise WrongSocket(f"file descriptor {fd} is not a listening stream socket; Accept= must be no")
    return listening


def notify(state: str) -> None:
    """Tell systemd, if it wants to hear: `READY=1` or `STOPPING=1`."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as datagram:
        try:
            datagram.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)
        except OSError:
            return  # whoever wanted to hear has gone
