"""An installation to look at: a register that was loaded, a client, an audit, and a worker that says what it serves.

The worker is the test itself, which holds a run file; what a real one adds is in test_doctor.py. The machine is one
that is fit, so that what is found is what a test has done.
"""

import shutil
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

from lookup.access.client import Client
from lookup.audit.record import OUTCOME
from lookup.audit.trail import Trail, audit_keys
from lookup.doctor.command import examined, installation
from lookup.doctor.finding import OK, Finding, Installation
from lookup.doctor.loader import Loader
from lookup.doctor.machine import Machine
from lookup.manifest import CURRENT, GENERATIONS, MANIFEST, Manifest, digest8_of, read_manifest, read_pointer
from lookup.runfile import RunFile, live_workers
from lookup.settings import Settings
from tests.access import registered
from tests.tiny import announce

FIT = Machine(
    kernel=(6, 12),
    memory_bytes=1 << 40,
    open_files=1 << 20,
    backlog=4096,
    swaps=("/dev/dm-1",),
    synchronised=True,
    compiled=True,
    root=False,
)


class House:
    """`data` is its folder. Change what is there, `settings` and `machine`, and see what is `found`.

    `held` ends with the test.
    """

    def __init__(self, loaded: Path, folder: Path) -> None:
        self.data = folder / "data"
        shutil.copytree(loaded, self.data)
        self.settings: dict[str, Any] = {"data_dir": self.data, "port": 0, "workers": 1}
        self.machine, self.deep, self.asks = FIT, False, False
        self.held = ExitStack()
        self.run = RunFile(self.data / "run")
        self.held.callback(self.run.remove)
        self.register(registered.client())
        self.record()
        self.serve(self.current)

    def made(self) -> Settings:
        """The settings."""
        return Settings(**({"audit_segment_bytes": 1 << 16} | self.settings))

    @property
    def current(self) -> str:
        """What is in service."""
        name = read_pointer(self.data, CURRENT)
        assert name is not None
        return name

    @property
    def folder(self) -> Path:
        """Its folder."""
        return self.data / GENERATIONS / self.current

    def register(self, *clients: Client) -> Path:
        """The clients file, with these."""
        (self.data / "access").mkdir(mode=0o750, exist_ok=True)
        return registered.put(self.data / "access" / "clients.json", *clients)

    def record(self) -> None:
        """Write a segment of the audit: that somebody was refused."""
        trail = Trail(self.made(), 0, audit_keys(self.made()))
        assert trail.ledger.record(time.time_ns(), 0, 0, OUTCOME["unauthenticated"], 0, None, [])
        trail.stop()

    def serve(self, name: str, state: Any = "ready") -> None:
        """Say that the worker serves it."""
        serial, digest8 = name.split("-")
        self.run.write(state, int(serial), digest8)

    def rewrite(self, **members: Any) -> None:
        """Put a generation in service whose manifest says something else, and whose worker serves it."""
        manifest, _ = read_manifest(self.folder)
        folder = self.folder
        folder.chmod(0o750)
        (folder / MANIFEST).chmod(0o640)
        said: Manifest = msgspec.structs.replace(manifest, **members)
        (folder / MANIFEST).write_bytes(msgspec.json.encode(said))
        name = f"{manifest.serial}-{digest8_of(folder)}"
        folder.rename(folder.with_name(name))
        announce(self.data, name)
        self.serve(name)

    def found(self) -> list[Finding]:
        """All that the doctor finds. Where a test says nothing to the loader it is not asked, which takes a while."""
        settings = self.made()
        if self.asks:
            site = msgspec.structs.replace(installation(settings, deep=self.deep), machine=self.machine)
        else:
            loader, workers = Loader(settings={"data_dir": str(self.data)}), live_workers(settings.run_folder)
            site = Installation(settings=settings, loader=loader, machine=self.machine, workers=workers, deep=self.deep)
        return list(examined(site))

    def troubles(self) -> list[Finding]:
        """What is not as it should be."""
        return [one for one in self.found() if one.state != OK]
