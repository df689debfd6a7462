"""Digests that are worked out meanwhile are those of the files."""

import hashlib
from pathlib import Path

import pytest

from loader.digests import CHUNK_BYTES, Digests
from lookup.manifest import EVENTS, INDEX, KINDS, PEOPLE


def test_of_files_that_are_there_and_of_one_that_comes_later(tmp_path: Path) -> None:
    contents = {INDEX: bytes(range(256)) * (3 * CHUNK_BYTES // 512), PEOPLE: b"", EVENTS: b"events"}
    for kind in (INDEX, PEOPLE):
        (tmp_path / KINDS[kind]).write_bytes(contents[kind])
    with Digests(tmp_path, (INDEX, PEOPLE)) as digests:
        (tmp_path / KINDS[EVENTS]).write_bytes(contents[EVENTS])
        for kind, content in contents.items():
            assert digests.of(kind) == hashlib.sha256(content).hexdigest()


def test_one_that_cannot_be_read(tmp_path: Path) -> None:
    with Digests(tmp_path, (INDEX,)) as digests, pytest.raises(FileNotFoundError):
        digests.of(INDEX)
