"""OpenStack Swift on this machine: three storage nodes, three replicas of everything, a proxy that speaks S3.

The distribution's packages, started in the foreground on free ports of the loopback, their files in one folder. Ends
with the context; only its own processes are ever signalled.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

import httpx

NODES = 3
PATIENCE_SECONDS = 120
PROGRAMS = (
    *("swift-ring-builder", "swift-proxy-server", "swift-account-server", "swift-container-server"),
    *("swift-object-server", "memcached"),
)
PACKAGES = "swift-proxy swift-account swift-container swift-object memcached"
KINDS = ("account", "container", "object")
KEY, SECRET = "test:tester", "testing"

SWIFT_CONF = """[swift-hash]
swift_hash_path_prefix = register
swift_hash_path_suffix = cluster
[storage-policy:0]
name = Policy-0
default = yes
"""
STORAGE_CONF = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {etc}
devices = {devices}
mount_check = false
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
[{kind}-replicator]
[{kind}-auditor]
"""
PROXY_CONF = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 2
user = {user}
swift_dir = {etc}
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache listing_formats bulk s3api tempauth slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
conn_timeout = 1
node_timeout = 10
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{cache}
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
"""


class NoSwift(Exception):
    """It cannot be run here; the message says what is missing."""


class Swift:
    """A running Swift. `environment` is what leads a client of S3 to it."""

    def __init__(self, folder: Path) -> None:
        missing = [program for program in PROGRAMS if shutil.which(program, path=_path()) is None]
        if missing:
            raise NoSwift(f"{', '.join(missing)}: not installed (Debian: apt install {PACKAGES})")
        self.etc, self.logs = folder / "etc", folder / "logs"
        self._devices = folder / "devices"
        self._ports = {f"{kind}-{node}": _free_port() for node in range(NODES) for kind in KINDS}
        self._cache, self._proxy = _free_port(), _free_port()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.endpoint = f"http://127.0.0.1:{self._proxy}"
        self.environment = {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "FLR_CONDITIONAL_PUT": "false",  # its S3 face answers 501 to If-None-Match
        }

    def __enter__(self) -> Self:
        try:
            self._write()
            self._start("cache", "memcached", "-l", "127.0.0.1", "-p", str(self._cache), "-u", _user(), "-m", "16")
            self.start(*self._ports, "proxy")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self._processes):
            self.kill(name)

    def start(self, *names: str) -> None:
        """Start some of its servers: "proxy", or kind and node, as "object-1"."""
        for name in names:
            self._start(name, f"swift-{name.split('-')[0]}-server", str(self.etc / f"{name}.conf"))
        for name in names:
            self._await(name)

    def _await(self, name: str) -> None:
        port = self._proxy if name == "proxy" else self._ports[name]
        until = time.monotonic() + PATIENCE_SECONDS
        while not _is_up(f"http://127.0.0.1:{port}/healthcheck"):
            if self._processes[name].poll() is not None or time.monotonic() > until:
                raise NoSwift(f"{name} does not come up:\n{(self.logs / name).read_text()[-2000:]}")
            time.sleep(0.1)

    def kill(self, name: str) -> None:
        """Kill one of its servers, and the processes it has forked."""
        process = self._processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)  # a group of its own: nobody else is in it
        process.wait()

    def lose(self, node: int) -> None:
        """A storage node is gone."""
        for kind in KINDS:
            self.kill(f"{kind}-{node}")

    def return_(self, node: int) -> None:
        """It is back, with what it had."""
        self.start(*(f"{kind}-{node}" for kind in KINDS))

    def _start(self, name: str, program: str, *arguments: str) -> None:
        found = shutil.which(program, path=_path())
        assert found is not None
        with (self.logs / name).open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [found, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self.logs,
            )

    def _write(self) -> None:
        for folder in (self.etc, self.logs):
            folder.mkdir(parents=True)
        (self.etc / "swift.conf").write_text(SWIFT_CONF)
        filled = {"user": _user(), "etc": self.etc}
        (self.etc / "proxy.conf").write_text(PROXY_CONF.format(port=self._proxy, cache=self._cache, **filled))
        for name, port in self._ports.items():
            kind, node = name.split("-")
            devices = self._devices / node
            (devices / "disk").mkdir(parents=True, exist_ok=True)
            conf = STORAGE_CONF.format(kind=kind, port=port, devices=devices, **filled)
            (self.etc / f"{name}.conf").write_text(conf)
        for kind in KINDS:
            self._ring(kind, "create", "6", str(NODES), "0")
            for node in range(NODES):
                self._ring(kind, "add", f"r1z{node + 1}-127.0.0.1:{self._ports[f'{kind}-{node}']}/disk", "100")
            self._ring(kind, "rebalance")

    def _ring(self, kind: str, *arguments: str) -> None:
        command = [str(shutil.which("swift-ring-builder", path=_path())), str(self.etc / f"{kind}.builder"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode not in {0, 1}:  # 1 is a warning: the balance of so few devices
            raise NoSwift(f"swift-ring-builder: {done.stdout}{done.stderr}")


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/bin:/usr/sbin"


def _user() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _is_up(url: str) -> bool:
    try:
        httpx.get(url, timeout=5)
    except httpx.HTTPError:
        return False
    return True
