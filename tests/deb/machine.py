"""A small Debian of its own, started by systemd: for a package to be installed on, upgraded and removed.

debootstrap makes it once, in build/deb/debian, with what our package needs of Debian; systemd-nspawn starts it, with a
network of its own in which nobody else listens. What is done to it is gone afterwards: it is a layer over that.
Needs root, overlayfs and Debian's archive.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.service import ROOT

MADE = ROOT / "build" / "deb" / "debian"
INCLUDED = "ca-certificates,curl,dbus,python3,systemd,systemd-sysv"
NEEDED = ("debootstrap", "systemd-nspawn", "nsenter")
SPACES = ("--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd")
CLONE_NEWNET = 0x40000000
START_SECONDS, COMMAND_SECONDS = 60, 300


class Failed(AssertionError):
    """A command on the machine has failed; the message is what it said."""


def lacks() -> str | None:
    """What is missing here for such a machine; None where it can be started."""
    if os.geteuid() != 0:
        return "root"
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        return missing[0]
    return None if "\toverlay\n" in Path("/proc/filesystems").read_text() else "overlayfs"


def made() -> Path:
    """The machine that none has touched yet; making it takes a minute or two."""
    if not MADE.is_dir():
        MADE.parent.mkdir(parents=True, exist_ok=True)
        making = MADE.with_suffix(".new")
        shutil.rmtree(making, ignore_errors=True)
        command = ["debootstrap", "--variant=minbase", f"--include={INCLUDED}", "bookworm", str(making)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=1200)
        making.rename(MADE)
    return MADE


class Machine:
    """One that runs. `pid` is its first process."""

    def __init__(self, root: Path, pid: int) -> None:
        self.root, self.pid = root, pid

    def join_network(self) -> None:
        """Have the thread that calls this ask in the machine's network, for good."""
        libc = ctypes.CDLL(None, use_errno=True)
        with Path(f"/proc/{self.pid}/ns/net").open() as network:
            if libc.setns(network.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")

    def run(self, *words: str | Path, ok: bool = True) -> str:
        """What a command says. Raises Failed unless it ends with 0, or `ok` is False."""
        done = subprocess.run(
            ["nsenter", f"--target={self.pid}", *SPACES, *map(str, words)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"},
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        if ok and done.returncode:
            raise Failed(f"{words[0]} ended with {done.returncode}: {done.stdout}")
        return done.stdout

    def files(self) -> set[str]:
        """Every file there is, but for what any Debian writes while it runs."""
        passing = (
            "-path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /var/tmp -o -path /var/log"
        )
        return set(self.run("find", "/", "(", *passing.split(), ")", "-prune", "-o", "-print").splitlines())


@contextmanager
def started(folder: Path) -> Iterator[Machine]:
    """A machine of its own; `folder` is where its layer lies meanwhile."""
    upper, work, root = folder / "upper", folder / "work", folder / "root"
    for each in (upper, work, root):
        each.mkdir()
    layers = f"lowerdir={made()},upperdir={upper},workdir={work}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, str(root)], check=True)
    boot = ["systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--private-network", "-D", str(root)]
    nspawn = subprocess.Popen(boot, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    first = nspawn.pid
    try:
        first = _first_process(nspawn)
        machine = Machine(root, first)
        _wait_until_up(machine)
        yield machine
    finally:
        os.kill(first, signal.SIGKILL)  # with a machine's first process all that is in it ends, with nspawn it does not
        nspawn.kill()
        nspawn.wait()
        subprocess.run(["umount", "--lazy", str(root)], check=True)


def _first_process(nspawn: subprocess.Popen[bytes]) -> int:
    children = Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children")
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and nspawn.poll() is None:
        for pid in map(int, children.read_text().split()):
            if Path(f"/proc/{pid}/comm").read_text() == "systemd\n":
                return pid
        time.sleep(0.1)
    nspawn.kill()
    _, said = nspawn.communicate()
    raise Failed(f"the machine has no first process: {said.decode()}")


def _wait_until_up(machine: Machine) -> None:
    until = time.monotonic() + START_SECONDS
    state = ""
    while time.monotonic() < until:
        state = machine.run("systemctl", "is-system-running", ok=False).strip()
        if state in {"running", "degraded"}:
            return
        time.sleep(0.2)
    raise Failed(f"the machine does not come up: {state}")
