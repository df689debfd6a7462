"""A package's life on a Debian that is started by systemd: installed, loaded, upgraded under load, removed, purged."""

import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.deb.machine import Machine
from tests.deb.package import NAME, newer
from tests.deb.register import ORGANIZATION, questions, write_feed
from tests.soak.pace import Pace

PORT = 8080
UNITS = ("flr-lookup.socket", "flr-lookup.service", "flr-loader.timer")
SETTINGS = "/etc/flr/flr.toml"
# What stays when the package is purged: data; and what Debian keeps of users, and we have put there.
DATA = ("/var/lib/flr", "/var/spool/flr")
KEPT = ("/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-", "/srv/")
Step = tuple[str, Callable[[], str]]


class Broken(AssertionError):
    """Something did not hold; the message says what."""


def hold(true: bool, what: str) -> None:
    """Raise Broken unless it is so."""
    if not true:
        raise Broken(what)


class Story:
    """What is done with a package on a machine, in order. `folder` is ours to write to."""

    def __init__(self, machine: Machine, package: Path, folder: Path) -> None:
        self.machine, self.folder, self.package = machine, folder, package
        self.requests: list[bytes] = []
        self.before: set[str] = set()

    def steps(self) -> Iterator[Step]:
        """Each with what it is; they say what they have seen. Raises Broken."""
        yield "install", self.install
        yield "units", self.units
        yield "load", self.load
        yield "reload, restart, upgrade and downgrade under load", self.upgrade
        yield "remove", self.remove
        yield "purge", self.purge

    def _install(self, package: Path) -> None:
        shutil.copy(package, self.machine.root / "srv" / package.name)
        self.machine.run("dpkg", "--install", f"/srv/{package.name}")

    def _version(self) -> str:
        return self.machine.run("dpkg-query", "--show", "--showformat=${Version}", NAME)

    def _property(self, unit: str, name: str) -> str:
        return self.machine.run("systemctl", "show", "--value", f"--property={name}", unit).strip()

    def _ask(self, path: str) -> str:
        return self.machine.run(
            "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"http://127.0.0.1:{PORT}{path}", ok=False
        )

    def _is(self, wanted: str, path: str) -> None:
        until = time.monotonic() + 60
        while (status := self._ask(path)) != wanted:
            hold(time.monotonic() < until, f"{path} is answered with {status}, not {wanted}")
            time.sleep(0.1)

    def install(self) -> str:
        """Installed, it serves, and says that it has nothing yet."""
        self.before = self.machine.files()
        self._install(self.package)
        for unit in UNITS:
            state = self._property(unit, "ActiveState"), self._property(unit, "UnitFileState")
            hold(state == ("active", "enabled"), f"{unit} is {state}")
        self._is("503", "/readyz")
        return self._version()

    def units(self) -> str:
        """systemd has nothing to say against the units."""
        said = self.machine.run("systemd-analyze", "verify", *UNITS, "flr-loader.service")
        hold("flr-" not in said, said)
        services = [unit for unit in (*UNITS, "flr-loader.service") if unit.endswith(".service")]
        told = [self.machine.run("systemd-analyze", "security", "--no-pager", unit) for unit in services]
        return "; ".join(each.splitlines()[-1].removeprefix("→ ") for each in told)

    def load(self) -> str:
        """A feed in the spool is put in service by the loader's unit, for a client that is registered."""
        feed = write_feed(self.folder)
        shutil.copytree(feed, self.machine.root / "var" / "spool" / "flr" / "feed")
        as_flr = ("setpriv", "--reuid=flr", "--regid=flr", "--clear-groups")
        add = ("flr-lookup", "clients", "add", "--org", ORGANIZATION, "--role", "FlrRead", "--json")
        made = json.loads(self.machine.run(*as_flr, *add))
        self.requests = questions(feed, made["name"], made["password"])
        self.machine.run("systemctl", "start", "flr-loader.service")
        self._is("200", "/readyz")
        self.machine.run("sed", "-i", "s/^.lookup.$/&\\ndrain_seconds = 2/", SETTINGS)
        with self._pace() as pace:
            pace.answered_more()
        self._all_well(pace)
        hold(self._ask("/v1/status") == "401", "who shows no credential is answered")
        return json.loads(self.machine.run(*as_flr, "flr-loader", "status", "--json"))["current"]

    def _pace(self) -> Pace:
        return Pace(PORT, self.requests, rate=100.0, enter=self.machine.join_network)

    def _all_well(self, pace: Pace) -> None:
        outcome = pace.outcome
        hold(not outcome.failures, f"failures: {dict(outcome.failures)}")
        hold(not outcome.unannounced, f"{outcome.unannounced} connections were closed without a word")

    def upgrade(self) -> str:
        """Nobody who calls meanwhile loses a request."""
        first, other = self._version(), newer(self.package, self.folder)
        with self._pace() as pace:
            pace.answered_more()
            for act, restarts in (
                (lambda: self.machine.run("systemctl", "reload", "flr-lookup"), False),
                (lambda: self.machine.run("systemctl", "restart", "flr-lookup"), True),
                (lambda: self._install(other), True),
                (lambda: self._install(self.package), True),
            ):
                process = self._property("flr-lookup.service", "MainPID")
                act()
                hold((process != self._property("flr-lookup.service", "MainPID")) == restarts, "restarted, or not")
                pace.answered_more()
                hold("drain_seconds" in self.machine.run("cat", SETTINGS), "the operator's settings are gone")
        self._all_well(pace)
        hold(self._version() == first, f"it is {self._version()} again")
        journal = self.machine.run("journalctl", "--unit=flr-lookup", "--unit=flr-loader")
        hold('"level": "error"' not in journal, f"errors were logged: {journal}")
        hold(not re.search(r"(?<!\d)\d{11}(?!\d)", journal), "something like a national id is in the journal")
        return f"{pace.outcome.answered} answers, no failure, {pace.outcome.worst_seconds:.1f} s the longest"

    def remove(self) -> str:
        """The programs go; settings and data stay."""
        self.machine.run("dpkg", "--remove", NAME)
        hold(self._ask("/livez") == "000", "somebody still listens")
        left = self.machine.files() - self.before
        programs = sorted(path for path in left if path.startswith(("/usr", "/lib")))
        hold(not programs, f"left behind: {programs}")
        hold(SETTINGS in left, "the settings are gone")
        return "settings and data stay"

    def purge(self) -> str:
        """Only data stays, the audit trail in it."""
        said = self.machine.run("dpkg", "--purge", NAME)
        hold("/var/lib/flr is kept" in said, f"purge does not say what it leaves: {said}")
        left = self.machine.files() - self.before
        hold(any(path.startswith("/var/lib/flr/audit/") for path in left), "the audit trail is gone")
        strange = sorted(path for path in left if not path.startswith((*DATA, *KEPT)))
        hold(not strange, f"left behind: {strange}")
        return f"{sum(path.startswith(DATA) for path in left)} files of data stay"
