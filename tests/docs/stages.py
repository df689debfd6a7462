"""What is there before the first command of a runbook: a small register, feeds, a service, as its situation has it.

Everything is real: feeds of the synthetic Norway, `flr-loader` and `flr-lookup` as commands on PATH, a service in a
process of its own. Only systemd is played, by tests/docs/bin/systemctl, which does with the service what it would.
"""

import hashlib
import json
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from register.feed import MANIFEST
from tests.docs.shell import Shell
from tests.served import run
from tests.service import ROOT

BIN = Path(__file__).with_name("bin")
ORGANIZATION = "999999999"
FULL = "000001-full"
PROGRAMS = {"flr-loader": "loader", "flr-lookup": "lookup"}


def well(shell: Shell, commands: Iterable[str]) -> None:
    """Run commands that must not fail."""
    for command in commands:
        printed, code = shell.run(command)
        assert code == 0, (command, printed)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


class Stage:
    """A folder in which a page's commands are run. `house` is for what the page does not see."""

    def __init__(self, folder: Path, feeds: Path) -> None:
        self.folder, self.house, self.made = folder / "here", folder / "house", feeds
        self.data, self.feeds = self.folder / "flr", self.folder / "feeds"
        self.number: str | None = None  # of the person that a page asks about
        self.within: list[str] = []
        self.first: list[str] = []  # commands in the page's own shell, before it
        (self.house / "bin").mkdir(parents=True)
        self.feeds.mkdir(parents=True)
        for name, module in PROGRAMS.items():
            program = self.house / "bin" / name
            program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n')
            program.chmod(0o755)
        self.port, self.admin = free_port(), free_port()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FLR_")}
        self.environment = kept | {
            "PATH": os.pathsep.join([str(self.house / "bin"), str(BIN), kept["PATH"]]),
            "PYTHONPATH": str(ROOT),
            "FLR_HOUSE": str(self.house),
            "FLR_DATA_DIR": str(self.data),
            "FLR_PORT": str(self.port),
            "FLR_ADMIN": f"127.0.0.1:{self.admin}",
            "FLR_WORKERS": "1",
            "FLR_PROCESSES": "1",
            "FLR_DRAIN_SECONDS": "0",
            "FLR_AUDIT_SEGMENT_BYTES": str(1 << 16),
            "FLR_MAX_CONNECTIONS": "1000",
            "FLR_STALE_WARN_HOURS": "200",
        }

    def shell(self) -> Shell:
        """The page's shell."""
        return Shell(self.folder, self.environment, self.within)

    def here(self, text: str) -> str:
        """A page's command, at the addresses of this service: a test cannot count on 8080 being free."""
        return text.replace("127.0.0.1:8080", f"127.0.0.1:{self.port}").replace(
            "127.0.0.1:9090", f"127.0.0.1:{self.admin}"
        )

    def run(self, *commands: str) -> None:
        """What has happened before. A service that was started is stopped in the end."""
        with Shell(self.folder, self.environment) as shell:
            well(shell, commands)

    def deliver(self, *names: str) -> None:
        """Put feeds of the master where they are fetched."""
        for name in names:
            shutil.copytree(self.made / name, self.feeds / name)

    def deliver_changed(self, name: str, sequence: int, lines: Callable[[list[str]], list[str]]) -> Path:
        """Deliver the full feed under another sequence, with other lines of persons."""
        folder = shutil.copytree(self.made / FULL, self.feeds / name)
        persons = folder / "persons.ndjson"
        persons.write_text("".join(lines(persons.read_text().splitlines(keepends=True))))
        manifest = json.loads((folder / MANIFEST).read_bytes()) | {"sequence": sequence}
        for entry in manifest["files"]:
            if entry["name"] == persons.name:
                data = persons.read_bytes()
                entry |= {"bytes": len(data), "records": data.count(b"\n"), "sha256": hashlib.sha256(data).hexdigest()}
        (folder / MANIFEST).write_bytes(msgspec.json.encode(manifest))
        return folder

    def load(self, *names: str) -> None:
        """Have feeds delivered and loaded, one after the other; the first page that needs them waits for it."""
        self.deliver(*names)
        loaded = self.made.with_name(f"loaded-{names[-1]}")
        if not loaded.exists():
            self.run(*(f"flr-loader load feeds/{name} --data-dir {loaded}" for name in names))
        shutil.copytree(loaded, self.data)

    def deliver_other(self, name: str, sequence: int, *, persons: int) -> None:
        """Deliver a full feed of another register."""
        told = ["--persons", str(persons), "--sequence", str(sequence), "--seed", "2", "--out", str(self.feeds / name)]
        run("bench.population", *told)

    def asking(self) -> str:
        """The command that asks whose GP somebody is; `number` is who."""
        with (self.made / FULL / "memberships.ndjson").open() as lines:
            current = (json.loads(line) for line in lines)
            self.number = next(one["nin"] for one in current if one["to"] is None)
        question = self.house / "answers.json"
        question.write_text(json.dumps({"nin": self.number}))
        return (
            f"""curl -sf --config <(printf 'user = "OrgUsr{ORGANIZATION}:%s"' "$password") -o {self.house}/answer"""
            f" -H 'Content-Type: application/json' -H 'nhn-event-id: a-visit' -d @{question}"
            f" http://127.0.0.1:{self.port}/v1/gp-lookup"
        )

    def register(self) -> None:
        """A client, and its password in the shell's variable, as it was handed to the client."""
        self.run(f"flr-lookup clients add --org {ORGANIZATION} --role FlrRead >{self.house}/password")
        self.environment["password"] = (self.house / "password").read_text().strip()
