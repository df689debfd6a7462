"""A data folder for a benchmark: somebody's generations under another CURRENT, so that nothing of theirs is touched."""

import contextlib
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import msgspec

from lookup.generation import CURRENT, folders, read_pointer
from lookup.manifest import GENERATIONS, digest8_of, read_manifest, write_manifest


class NoRegister(Exception):
    """A folder that holds nothing to measure with; the message says why."""


class Stage:
    """A data folder of our own. `names` are the generations in it; the first is what CURRENT names to begin with."""

    def __init__(self, folder: Path, served: Path) -> None:
        """`served` is the generation to measure with."""
        self.data_dir, self.room = folder / "data", folder
        (self.data_dir / GENERATIONS).mkdir(parents=True)
        self.names = [served.name]
        self._add(served)
        self.point(served.name)

    @property
    def served(self) -> Path:
        """The folder of the first generation."""
        return self.data_dir / GENERATIONS / self.names[0]

    def _add(self, generation: Path) -> None:
        (self.data_dir / GENERATIONS / generation.name).symlink_to(generation.resolve(), target_is_directory=True)

    def add_second(self) -> str:
        """A second generation: the same files copied, under the next serial. Takes their room on the disk."""
        manifest, _ = read_manifest(self.served)
        copy = self.room / "second"
        copy.mkdir()
        for entry in manifest.files:
            shutil.copyfile(self.served / entry.name, copy / entry.name)
        write_manifest(copy, msgspec.structs.replace(manifest, serial=manifest.serial + 1))
        copy = copy.rename(self.data_dir / GENERATIONS / f"{manifest.serial + 1}-{digest8_of(copy)}")
        self.names.append(copy.name)
        return copy.name

    def point(self, name: str) -> None:
        """Put a generation in service, as the loader does it."""
        new = self.data_dir / f"{CURRENT}.new"
        new.write_text(f"{name}\n")
        new.rename(self.data_dir / CURRENT)


@contextlib.contextmanager
def staged(data_dir: Path) -> Iterator[Stage]:
    """A stage with what a data folder has in service. What is in it goes when the benchmark ends, by SIGTERM too."""
    name = read_pointer(data_dir, CURRENT)
    known = [folder for folder in folders(data_dir) if folder.name == name]
    if not known:
        raise NoRegister(f"{data_dir} has no generation in service")
    before = signal.signal(signal.SIGTERM, _end)
    try:
        with tempfile.TemporaryDirectory(prefix="flr-bench-") as folder:
            yield Stage(Path(folder), known[0])
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(number: int, _: object) -> NoReturn:
    """Leave as an error does, so that servers are stopped and files removed."""
    raise SystemExit(128 + number)
