"""The sha256 of files that are finished, worked out by threads while these are looked at in other ways."""

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from lookup.manifest import KINDS, LARGE_FILES

CHUNK_BYTES = 1 << 24  # at a time: whoever takes the interpreter in between waits for it as often as there are chunks


def sha256(path: Path) -> str:
    """The hex digits of a file, while the rest of the process goes on."""
    digest, chunk = hashlib.sha256(), memoryview(bytearray(CHUNK_BYTES))
    with path.open("rb", buffering=0) as file:
        while size := file.readinto(chunk):
            digest.update(chunk[:size])
    return digest.hexdigest()


class Digests:
    """Digests of files of a generation by kind. Nothing may be written to those that are asked for from the start."""

    def __init__(self, folder: Path, kinds: Iterable[str]) -> None:
        self._folder = folder
        self._threads = ThreadPoolExecutor(LARGE_FILES)
        self._begun = {kind: self._threads.submit(sha256, folder / KINDS[kind]) for kind in kinds}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._threads.shutdown(cancel_futures=True)

    def of(self, kind: str) -> str:
        """The hex digits of a file, of one that came later too."""
        begun = self._begun.get(kind)
        return sha256(self._folder / KINDS[kind]) if begun is None else begun.result()
