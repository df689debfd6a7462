"""Generations held against their manifests while the service is still being imported, by a child.

What it finds is only a beginning: stamps of files that were what they should be. Whoever uses them looks whether the
files still have these stamps; what the child does not know, because it failed or was killed, is verified as ever.
"""

import os
from pathlib import Path

import msgspec

from lookup.choice import Choice
from lookup.manifest import Stamps

_Found = dict[str, Stamps]


class Ahead:
    """A child at work, from the moment that this is made. Only in a process without threads."""

    def __init__(self, data_dir: Path) -> None:
        self._read, write = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                os.close(self._read)
                choice = Choice(data_dir)
                choice.look([])
                with open(write, "wb") as pipe:  # noqa: PTH123 -- no path
                    pipe.write(msgspec.json.encode(choice.stamps))
            finally:
                os._exit(0)
        os.close(write)

    def found(self) -> _Found:
        """Wait for the child: the stamps of the generations that it has verified, by name. To be asked once."""
        with open(self._read, "rb") as pipe:  # noqa: PTH123 -- no path
            said = pipe.read()
        os.waitpid(self._pid, 0)
        try:
            return msgspec.json.decode(said, type=_Found)
        except msgspec.DecodeError:
            return {}
